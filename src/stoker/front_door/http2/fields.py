"""Headers of HTTP/2 as those of any request, and an answer's as those of HTTP/2 (RFC 9113, 8)."""

import re
from collections.abc import Iterable

import httptools

from stoker.front_door.protocol import HEADERS_MAX, path_and_query
from stoker.front_door.request import RequestHead, TlsSession
from stoker.front_door.response import WITHOUT_BODY, header_lines
from stoker.lambda_model.encoding import WireAnswer

Fields = list[tuple[bytes, bytes]]

_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_NO_TARGET = re.compile(rb"[\x00-\x20\x7f-\xff]")
_OF_CONNECTIONS = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})


class BadHeadError(Exception):
    """These are no request's headers; the text is for the client."""


def request_head(
    fields: Iterable[tuple[bytes, bytes]], address: str, source_ip: str, tls: TlsSession | None
) -> RequestHead:
    """The library has checked their form, and that `host` is the authority. Raises BadHeadError."""
    pseudo: dict[bytes, bytes] = {}
    headers: Fields = []
    for name, value in fields:
        if name.startswith(b":"):
            pseudo[name] = value
        elif name != b"host" or b":authority" not in pseudo:
            headers.append((name, value))
    if len(headers) > HEADERS_MAX:
        raise BadHeadError(f"more than {HEADERS_MAX} headers")
    if b":authority" in pseudo:
        headers.insert(0, (b"host", pseudo[b":authority"]))
    method, target = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    if not _METHOD.fullmatch(method) or method == b"CONNECT" or not target or _NO_TARGET.search(target):
        raise BadHeadError("Invalid HTTP request received.")
    try:
        path, query = path_and_query(target)
    except httptools.HttpParserError:
        raise BadHeadError("Invalid HTTP request received.") from None
    names = [name for name, _ in headers]
    return RequestHead(method.decode(), path.decode(), query, headers, address, None, source_ip, names, tls)


def response_fields(answer: WireAnswer, request_id: str | None) -> tuple[Fields, int | None]:
    """An answer's headers, and its body's length if that is known; `request_id` is shown, unless it is None.

    Raises ValueError for what cannot be a header.
    """
    lines, length_bytes = header_lines(answer, request_id)
    fields = [(b":status", b"%d" % answer.status)]
    for line in lines.encode("latin-1", "replace").split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon and name not in _OF_CONNECTIONS:
            fields.append((name, value.strip(b" \t")))
    if length_bytes is not None and answer.status not in WITHOUT_BODY:
        fields.append((b"content-length", b"%d" % length_bytes))
    return fields, length_bytes
