"""An HTTP request as the front door sees it, before anyone knows what it asks for."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from stoker.errors import RequestTimeoutException, RequestTooLargeException, SerializationException
from stoker.lambda_model.call import Caller

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Where a sandbox's door says who is inside. A server sets the keys of a scope; what a client sends is under "headers".
SANDBOX_CALLER = "stoker.sandbox_caller"

# How long a client may pause in the middle of a body.
BODY_PAUSE_MAX_S = 30.0

# Two of one of these would let us and whoever checks before us read different requests.
_ONLY_ONCE = frozenset(
    {"host", "authorization", "content-length", "content-type", "x-amz-date", "x-amz-target", "x-amz-content-sha256"}
)


class ClientGoneError(Exception):
    """The client hung up before its request was complete: there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`raw_path` is still percent-encoded; header names are lower case, repeated values joined with commas.

    `sandbox_caller` is who runs in the sandbox on whose own socket the request came, None for any other.
    """

    method: str
    raw_path: str
    query_string: bytes
    headers: Mapping[str, str]
    scheme: str
    server: tuple[str, int | None] | None
    sandbox_caller: Caller | None = None

    @property
    def endpoint(self) -> str:
        """The base URL by which the client reached us."""
        host = self.headers.get("host")
        if host is None and self.server is not None:
            host = f"{self.server[0]}:{self.server[1]}"
        return f"{self.scheme}://{host}"


def http_request(scope: Scope) -> HttpRequest:
    """The request of an ASGI scope. Raises SerializationException for headers that contradict each other."""
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in scope["headers"]:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        if name in headers:
            if name in _ONLY_ONCE:
                raise SerializationException(f"The header {name} was sent more than once.")
            value = f"{headers[name]},{value}"
        headers[name] = value
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        # The server undoes chunks alone: what is left would not be what the client meant.
        raise SerializationException("The only Transfer-Encoding that is understood is chunked.")
    return HttpRequest(
        method=scope["method"],
        raw_path=scope["raw_path"].decode("ascii"),
        query_string=scope["query_string"],
        headers=headers,
        scheme=scope["scheme"],
        server=scope["server"],
        sandbox_caller=scope.get(SANDBOX_CALLER),
    )


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


async def read_body(request: HttpRequest, receive: Receive, limit: BodyLimit) -> bytes:
    """The whole body; one that arrives in one piece is not copied again.

    Raises RequestTooLargeException as soon as it is known, RequestTimeoutException for a client that stops, and
    ClientGoneError.
    """
    declared = request.headers.get("content-length")
    if declared is not None and int(declared) > limit.bytes_max:
        raise limit.refusal()
    pieces: list[bytes] = []
    size = 0
    is_complete = False
    while not is_complete:
        message = await next_message(receive)
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        pieces.append(message["body"])
        size += len(message["body"])
        if size > limit.bytes_max:
            raise limit.refusal()
        is_complete = not message["more_body"]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def next_message(receive: Receive) -> MutableMapping[str, Any]:
    """The next piece of a body. Raises RequestTimeoutException."""
    try:
        async with asyncio.timeout(BODY_PAUSE_MAX_S):
            return await receive()
    except TimeoutError:
        raise RequestTimeoutException(
            f"The request body did not arrive within {BODY_PAUSE_MAX_S:.0f} seconds."
        ) from None
