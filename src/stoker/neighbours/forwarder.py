"""Hands requests on to neighbours, and their answers back; nothing is held but the piece under way.

Headers pass as they are, but those that belong to one connection (RFC 9110, 7.6.1) and, for another endpoint, the
signature, which was made for this one.
"""

import contextlib
import importlib
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stoker.clock import Clock
from stoker.errors import NeighbourUnavailableException, ServiceException, ServiceNotProvidedException
from stoker.front_door.neighbours import S3_NAMES, Forwarded
from stoker.lambda_model.encoding import WireAnswer
from stoker.neighbours.caller_identity import own_identity
from stoker.neighbours.choices import Choices, Elsewhere, Off
from stoker.neighbours.embedded import INSTALL, EmbeddedNeighbours
from stoker.neighbours.errors import NeighbourError
from stoker.neighbours.process import ACCOUNT_HEADER, SERVICE_HEADER, UNKNOWN_SERVICE_HEADER
from stoker.neighbours.signing import Signer, scope_only_authorization

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger("stoker.neighbours")

CONNECT_LIMIT_S = 10.0
# Between two reads of an answer; the longest polls of AWS's services take 60 seconds (Step Functions' activities).
READ_LIMIT_S = 120.0
CONNECTIONS_MAX = 256
HEADER_BYTES_MAX = 1 << 16
_OF_ONE_CONNECTION = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade", "expect"),
    }
)
_OURS = frozenset({ACCOUNT_HEADER, SERVICE_HEADER})
# Every answer of the front door has its own.
_NOT_PASSED_BACK = _OF_ONE_CONNECTION | {"date"}


class Forwarder:
    """The front door's `Neighbours`."""

    def __init__(self, choices: Choices, embedded: EmbeddedNeighbours, clock: Clock) -> None:
        self._choices = choices
        self._embedded = embedded
        self._signer = Signer()
        self._clock = clock
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()

    def refuse(self, service: str) -> None:
        if isinstance(self._choices.of(service), Off):
            raise ServiceNotProvidedException(service, f"It is off on this node (setting neighbours.{service}).")

    async def forward(self, forwarded: Forwarded) -> WireAnswer:
        neighbour = self._choices.of(forwarded.service)
        if not isinstance(neighbour, Elsewhere):
            identity = await own_identity(forwarded)
            if isinstance(identity, WireAnswer):
                return identity
            if identity is not None:
                forwarded = replace(forwarded, body=identity)
        async with AsyncExitStack() as stack:
            try:
                if isinstance(neighbour, Elsewhere):
                    answer = await self._elsewhere(forwarded, neighbour.url, stack)
                else:
                    await stack.enter_async_context(self._embedded.use(forwarded.service))
                    answer = await self._inside(forwarded, stack)
            except NeighbourError as error:
                raise ServiceNotProvidedException(forwarded.service, str(error)) from error
            if not isinstance(neighbour, Elsewhere):
                _check_understood(forwarded.service, answer)
            return WireAnswer(answer.status, _passed_back(answer), _body(answer, stack.pop_all()))

    async def _inside(self, forwarded: Forwarded, stack: AsyncExitStack) -> "aiohttp.ClientResponse":
        host, path = _by_path(forwarded)
        headers = _passed_on(forwarded.request.headers)
        headers |= {"host": host, ACCOUNT_HEADER: forwarded.caller.account_id, SERVICE_HEADER: forwarded.service}
        if forwarded.credentials is not None and forwarded.service not in S3_NAMES:
            # Of a presigned link moto reads no service; of those of S3 it reads all it needs.
            headers.setdefault("authorization", scope_only_authorization(forwarded.credentials, self._clock.now_s()))
        if forwarded.service in S3_NAMES and forwarded.request.method == "PUT" and _is_form(headers):
            # moto would read an object that says so (curl and urllib do unless told otherwise) as a form.
            headers["content-type"] = "binary/octet-stream"
        return await self._send(forwarded, f"http://localhost{path}", headers, forwarded.body, stack)

    async def _elsewhere(self, forwarded: Forwarded, url: str, stack: AsyncExitStack) -> "aiohttp.ClientResponse":
        _, path = _by_path(forwarded)
        signed = await self._signer.sign(forwarded, url + path, _passed_on(forwarded.request.headers))
        return await self._send(forwarded, signed.url, signed.headers, signed.body, stack)

    async def _send(
        self, forwarded: Forwarded, url: str, headers: Mapping[str, str], body: Any, stack: AsyncExitStack
    ) -> "aiohttp.ClientResponse":
        yarl = importlib.import_module("yarl")
        aiohttp = _aiohttp()
        is_inside = SERVICE_HEADER in headers
        try:
            return await stack.enter_async_context(
                self._session(is_inside).request(
                    forwarded.request.method,
                    yarl.URL(url, encoded=True),
                    headers=headers,
                    data=None if getattr(body, "is_empty", False) else body,
                    allow_redirects=False,
                )
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = getattr(forwarded.body, "failure", None)
            if failure is not None:
                raise failure from None
            log.warning("%s could not be asked: %s", forwarded.service, str(error) or type(error).__name__)
            raise NeighbourUnavailableException(
                f"The service {forwarded.service} cannot be reached just now. The node's log says why."
            ) from error

    def _session(self, is_inside: bool) -> "aiohttp.ClientSession":
        """Connections into the embedded neighbours, or to other endpoints."""
        key = "inside" if is_inside else "elsewhere"
        if key not in self._sessions:
            aiohttp = _aiohttp()
            connector = (
                aiohttp.UnixConnector(self._embedded.address, limit=CONNECTIONS_MAX, force_close=True)
                if is_inside
                else aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
            )
            self._sessions[key] = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT_S, sock_read=READ_LIMIT_S),
                max_line_size=HEADER_BYTES_MAX,
                max_field_size=HEADER_BYTES_MAX,
            )
        return self._sessions[key]


def _check_understood(service: str, answer: "aiohttp.ClientResponse") -> None:
    """Raises an error that names the reason where moto answers with a page of its web server."""
    if UNKNOWN_SERVICE_HEADER in answer.headers:
        raise ServiceNotProvidedException(service)
    if answer.content_type != "text/html":
        return
    if answer.status in (404, 405) and service not in S3_NAMES:
        raise ServiceNotProvidedException(service, "The embedded neighbours have others of its operations, not this.")
    if answer.status == 500:
        raise ServiceException(f"The embedded neighbours failed at a request for {service}: the node's log says how.")


def _is_form(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _aiohttp() -> Any:
    """Imported with the first request: it takes 0.2 s, which a node that only runs functions does not pay."""
    try:
        return importlib.import_module("aiohttp")
    except ImportError:
        raise NeighbourError(f"What passes requests on is not installed (aiohttp is missing). {INSTALL}") from None


def _by_path(forwarded: Forwarded) -> tuple[str, str]:
    """(host, path and query) with S3's bucket in the path, wherever the client put it."""
    request = forwarded.request
    host = request.headers.get("host", "localhost")
    path = request.raw_path
    bucket, s3 = _bucket_of(host) if forwarded.service in S3_NAMES else ("", host)
    if bucket:
        host, path = s3, f"/{bucket}{path}"
    query = request.query_string.decode("latin-1")
    return host, f"{path}?{query}" if query else path


def _bucket_of(host: str) -> tuple[str, str]:
    """("bucket", "s3.localhost:4566") of "bucket.s3.localhost:4566"; an empty bucket when there is none."""
    labels = host.split(".")
    # From the end: a bucket's name may have dots, and a part that is "s3".
    for position in range(len(labels) - 2, 0, -1):
        if labels[position] == "s3" or labels[position].startswith("s3-"):
            return ".".join(labels[:position]), ".".join(labels[position:])
    return "", host


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    named = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    left_out = _OF_ONE_CONNECTION | _OURS | named
    return {name: value for name, value in headers.items() if name not in left_out}


def _passed_back(answer: "aiohttp.ClientResponse") -> dict[str, str]:
    headers: dict[str, str] = {}
    is_chunked = "transfer-encoding" in answer.headers
    for raw_name, raw_value in answer.raw_headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in _NOT_PASSED_BACK or (is_chunked and name == "content-length"):
            continue
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def _body(answer: "aiohttp.ClientResponse", stack: AsyncExitStack) -> AsyncIterator[bytes]:
    async with stack, contextlib.aclosing(_pieces(answer)) as pieces:
        async for piece in pieces:
            yield piece


async def _pieces(answer: "aiohttp.ClientResponse") -> Any:
    async for piece in answer.content.iter_any():
        yield piece
