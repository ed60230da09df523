"""What a response looks like on the wire (RFC 9112): its head, and the form of its body. `protocol.py` writes it."""

import re
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import NamedTuple

from stoker.lambda_model.encoding import WireAnswer

LAST_CHUNK = b"0\r\n\r\n"
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
WITHOUT_BODY = frozenset({101, 204, 304})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class ResponseHead(NamedTuple):
    """`length_bytes` is the body's; None if it is sent in chunks or, without `is_chunked`, ends with the connection."""

    data: bytes
    length_bytes: int | None
    is_chunked: bool


def response_head(answer: WireAnswer, request_id: str | None, *, is_last: bool, may_chunk: bool) -> ResponseHead:
    """`request_id` is shown, unless it is None. `is_last`: the connection is closed after it. `may_chunk`: the client
    understands chunks.

    Raises ValueError for a header that cannot be one.
    """
    lines, length_bytes = header_lines(answer, request_id)
    text = status_line(answer.status, answer.reason) + lines
    is_chunked = False
    if answer.status in WITHOUT_BODY:
        length_bytes = 0
    elif length_bytes is not None:
        text += f"content-length: {length_bytes}\r\n"
    elif may_chunk:
        is_chunked = True
        text += "transfer-encoding: chunked\r\n"
    if is_last:
        text += "connection: close\r\n"
    return ResponseHead(f"{text}\r\n".encode("latin-1", "replace"), length_bytes, is_chunked)


def header_lines(answer: WireAnswer, request_id: str | None) -> tuple[str, int | None]:
    """All headers but those about the body's form, each on a line; and the body's length, if that is known.

    Raises ValueError for a header that cannot be one.
    """
    text = _date_line(int(time()))
    length_bytes = len(answer.body) if isinstance(answer.body, bytes) else None
    for name, value in answer.headers.items():
        name = _header_name(name)
        if name == "content-length":
            length_bytes = int(value)
        else:
            text += f"{name}: {value if value.isprintable() else _on_one_line(value)}\r\n"
    for cookie in answer.cookies:
        text += f"set-cookie: {cookie if cookie.isprintable() else _on_one_line(cookie)}\r\n"
    if request_id is not None and "x-amzn-requestid" not in answer.headers:  # a neighbour's answer has its own
        text += f"x-amzn-requestid: {request_id}\r\n"
    return text, length_bytes


def status_line(status: int, reason: str = "") -> str:
    if reason:
        return f"HTTP/1.1 {status} {_on_one_line(reason)}\r\n"
    return _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"


def chunk(piece: bytes) -> bytes:
    """One chunk; nothing for nothing, which would end the body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""


@lru_cache(maxsize=1)
def _date_line(epoch_s: int) -> str:
    return f"date: {formatdate(epoch_s, usegmt=True)}\r\n"


@lru_cache(maxsize=256)
def _header_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:64]!r} is not the name of a header")
    return name.lower()


def _on_one_line(value: str) -> str:
    """Whatever a handler or runtime put into it."""
    return "".join(" " if (c < " " and c != "\t") or c in "\x7f\u2028\u2029" else c for c in value)
