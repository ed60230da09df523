"""An HTTP request as the front door sees it, before anyone knows what it asks for.

Named tuples where one is made for every request: a frozen dataclass takes three times as long to make.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stoker.errors import RequestTimeoutException, RequestTooLargeException, SerializationException
from stoker.gathered import Gathered
from stoker.lambda_model.call import Caller

# How long a client may pause in the middle of a body.
BODY_PAUSE_MAX_S = 30.0
# What is held of a body before its connection is left unread. One read of the socket more may come on top.
HELD_BYTES_MAX = 512 * 1024

# Two of one of these would let us and whoever checks before us read different requests.
_ONLY_ONCE = frozenset(
    {
        "host",
        "authorization",
        "content-length",
        "content-type",
        "x-amz-date",
        "x-amz-target",
        "x-amz-content-sha256",
        "x-amz-security-token",
    }
)


class ClientGoneError(Exception):
    """The client hung up before its request was complete: there is nobody to answer."""


class ContradictoryHeadError(SerializationException):
    """Whoever checked before us may have read another request: nothing more is read from where it came from."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="SerializationException")


def new_request_id() -> str:
    """A random UUID (version 4), in a third of the time that the standard library takes for one."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class TlsSession(NamedTuple):
    """How a connection is protected, in OpenSSL's words: `TLSv1.3`, `TLS_AES_256_GCM_SHA384`."""

    version: str
    cipher: str


def tls_session(transport: asyncio.BaseTransport) -> TlsSession | None:
    """None for a connection without TLS."""
    tls = transport.get_extra_info("ssl_object")
    return None if tls is None else TlsSession(tls.version(), tls.cipher()[0])


class RequestHead(NamedTuple):
    """As it was received: `headers` in their order, names in lower case. The path is still percent-encoded.

    `address` is where it was received, `source_ip` where it came from. `sandbox_caller` is who runs in the sandbox on
    whose own socket the request came, None for any other. `header_names` are the names of `headers` as they were sent,
    which events of REST APIs show. `tls` is None for a request that came without.
    """

    method: str
    raw_path: str
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    address: str
    sandbox_caller: Caller | None = None
    source_ip: str = ""
    header_names: Sequence[bytes] = ()
    tls: TlsSession | None = None


class HttpRequest(NamedTuple):
    """`raw_path` is still percent-encoded; header names are lower case, repeated values joined with commas. `head` is
    what it was made of.

    `endpoint` is the base URL by which the client reached us. `sandbox_caller` is who runs in the sandbox on whose own
    socket the request came, None for any other.
    """

    method: str
    raw_path: str
    query_string: bytes
    headers: Mapping[str, str]
    endpoint: str
    head: RequestHead
    sandbox_caller: Caller | None = None


def http_request(head: RequestHead) -> HttpRequest:
    """The request of a head. Raises ContradictoryHeadError for headers that contradict each other."""
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in head.headers:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        if name in headers:
            if name in _ONLY_ONCE:
                raise ContradictoryHeadError(f"The header {name} was sent more than once.")
            value = f"{headers[name]},{value}"
        headers[name] = value
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        # The server undoes chunks alone: what is left would not be what the client meant.
        raise ContradictoryHeadError("The only Transfer-Encoding that is understood is chunked.")
    scheme = "http" if head.tls is None else "https"
    endpoint = f"{scheme}://{headers.get('host') or head.address}"
    return HttpRequest(head.method, head.raw_path, head.query_string, headers, endpoint, head, head.sandbox_caller)


class IncomingBody:
    """A body while it arrives: filled by its connection, read once by whoever answers the request.

    `is_begun` says that somebody wants it, `is_complete` that all of it is here.
    """

    __slots__ = ("_held_bytes", "_is_lost", "_on_lost", "_on_wanted", "_pieces", "_reader", "is_begun", "is_complete")

    def __init__(self, on_wanted: Callable[[], None]) -> None:
        """`on_wanted` is called when the reader wants more than there is."""
        self.is_begun = False
        self.is_complete = False
        self._on_wanted = on_wanted
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self._is_lost = False
        self._on_lost: Callable[[], None] | None = None
        self._reader: asyncio.Future[None] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be read, now or later."""
        return self.is_complete and not self._pieces

    # The connection's side.

    def feed(self, piece: bytes) -> bool:
        """The next bytes. False: that is enough for now."""
        self._pieces.append(piece)
        self._held_bytes += len(piece)
        self._wake()
        return self._held_bytes <= HELD_BYTES_MAX

    def end(self) -> None:
        """That was all."""
        self.is_complete = True
        self._wake()

    def lose(self) -> None:
        """The client is gone."""
        self._is_lost = True
        self._wake()
        if self._on_lost is not None:
            self._on_lost()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # The reader's side.

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Call `tell`, the last that was given, once the client has hung up; at once when it has."""
        self._on_lost = tell
        if self._is_lost:
            tell()

    async def read(self) -> bytes:
        """What has arrived since the last time; with `is_complete` it is the rest, which may be empty.

        Raises RequestTimeoutException for a client that stops, ClientGoneError for one that left before the end.
        """
        self.is_begun = True
        if not self.is_complete:
            self._on_wanted()
            if not self._pieces and not self._is_lost:
                await self._wait()
            if self._is_lost and not self.is_complete:
                raise ClientGoneError
        pieces, self._pieces, self._held_bytes = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _wait(self) -> None:
        self._reader = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(BODY_PAUSE_MAX_S):
                await self._reader
        except TimeoutError:
            raise RequestTimeoutException(
                f"The request body did not arrive within {BODY_PAUSE_MAX_S:.0f} seconds."
            ) from None
        finally:
            self._reader = None


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """How much of a body is read, and what a client is told who sends more."""

    bytes_max: int
    operation: str

    def refusal(self) -> RequestTooLargeException:
        """AWS's text (reference: control plane, 3.3)."""
        return RequestTooLargeException(
            f"Request must be smaller than {self.bytes_max} bytes for the {self.operation} operation"
        )


async def read_body(request: HttpRequest, body: IncomingBody, limit: BodyLimit) -> bytes:
    """The whole body; one that arrives in one piece is not copied again.

    Raises RequestTooLargeException as soon as it is known, RequestTimeoutException and ClientGoneError.
    """
    declared = request.headers.get("content-length")
    if declared is not None and int(declared) > limit.bytes_max:
        raise limit.refusal()
    gathered = Gathered()
    is_complete = False
    while not is_complete:
        gathered.add(await body.read())
        is_complete = body.is_complete
        if gathered.size_bytes > limit.bytes_max:
            raise limit.refusal()
    return gathered.whole()
