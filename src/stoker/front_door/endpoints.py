"""What every kind of endpoint (Lambda, JSON services, raw routes) gives the application for one request, and what a
connection wants of whoever answers on it."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from stoker.front_door.body_stream import BodyStream
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import BodyLimit, HttpRequest, IncomingBody, RequestHead
from stoker.front_door.wire import ErrorStyle
from stoker.lambda_model.call import Caller, Client
from stoker.lambda_model.encoding import WireAnswer


class Received(NamedTuple):
    """A request whose caller is known. It is complete, or `stream` is its body while it arrives."""

    request: HttpRequest
    body: bytes
    caller: Caller
    request_id: str
    stream: BodyStream | None = None
    client: Client | None = None


class Asked(NamedTuple):
    """What a request asks for, known before its body is read.

    `service` is the signing name it must be signed for. `streams` says that `answer` takes a body while it arrives, as
    far as a signature can be verified without it.
    """

    limit: BodyLimit
    answer: Callable[[Received], Awaitable[WireAnswer]]
    needs_signature: bool = True
    service: str | None = None
    streams: bool = False


class Sites(Protocol):
    """Endpoints that are found by a request's host or path, before anything else of it counts."""

    def find(self, request: HttpRequest, credentials: CredentialScope | None) -> "Endpoint | None":
        """The endpoint that this request is for, None if there is none of this kind."""
        ...


class Endpoint(Protocol):
    """One kind of endpoint."""

    @property
    def error_style(self) -> ErrorStyle:
        """How its clients expect errors."""
        ...

    def ask(self, request: HttpRequest) -> Asked:
        """What the request asks for. Raises a LambdaError when there is no such thing."""
        ...


class Answering(Protocol):
    """Whoever answers the requests of connections to one listener."""

    @property
    def shows_request_ids(self) -> bool:
        """Whether answers say which request they are for."""
        ...

    async def answer(self, head: RequestHead, body: IncomingBody, request_id: str) -> WireAnswer:
        """The answer to one request, or its refusal. Raises ClientGoneError only."""
        ...

    def refusal(self, status: int, message: str) -> WireAnswer:
        """What is said to what is no request, or comes too slowly."""
        ...

    def stopped(self, request_id: str) -> WireAnswer:
        """What is said when the node ends before the request does."""
        ...
