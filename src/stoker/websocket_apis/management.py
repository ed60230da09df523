"""The management API (`apigatewaymanagementapi`): what functions and others send to clients of WebSocket APIs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

from stoker.errors import AccessDeniedException, LambdaError
from stoker.front_door.endpoints import Asked, Received
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import HttpRequest
from stoker.front_door.rest_services import RestEndpoint, RestService
from stoker.front_door.websocket import SocketClosedError, SocketFullError
from stoker.front_door.wire import rest_error
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.lambda_model.encoding import WireAnswer
from stoker.limits import KIB
from stoker.websocket_apis.connections import Client, LiveConnections
from stoker.websocket_apis.errors import (
    ForbiddenException,
    GoneException,
    LimitExceededException,
    PayloadTooLargeException,
)
from stoker.websocket_apis.stages import SocketStages

SERVICE = "apigatewaymanagementapi"
DATA_BYTES_MAX = 128 * KIB
_PREFIX = "/@connections/"
_PREFIXES = (_PREFIX, "/%40connections/")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operation was asked for: an API and its stage, or, both being None, at the node itself."""

    api_id: str | None = None
    stage: str | None = None


def management_path(raw_path: str) -> str | None:
    """The path as the service's model has it; None for any other path."""
    for prefix in _PREFIXES:
        if raw_path.startswith(prefix):
            return _PREFIX + raw_path.removeprefix(prefix)
    return None


class Management:
    """Its operations."""

    def __init__(self, live: LiveConnections, stages: SocketStages) -> None:
        self._live = live
        self._stages = stages
        self._rest = RestEndpoint(RestService(SERVICE, self._operations()))

    def endpoint(self, place: Place, path: str, credentials: CredentialScope | None) -> "ManagementEndpoint":
        """`path` is that of the service's model."""
        return ManagementEndpoint(self._rest, self._live, place, path, credentials)

    def find(self, request: HttpRequest, credentials: CredentialScope | None) -> "ManagementEndpoint | None":
        """Whoever answers at the node itself, without an API's address: for functions, whose SDKs call the node."""
        path = management_path(request.raw_path)
        return None if path is None else self.endpoint(Place(), path, credentials)

    def _operations(self) -> dict[str, Operation]:
        return {
            "PostToConnection": self.post_to_connection,
            "GetConnection": self.get_connection,
            "DeleteConnection": self.delete_connection,
        }

    async def post_to_connection(self, call: ApiCall) -> ApiAnswer:
        client = self._find(call)
        try:
            await client.send(call.members["Data"])
        except SocketClosedError:
            raise GoneException from None
        except SocketFullError:
            raise LimitExceededException from None
        return ApiAnswer()

    async def get_connection(self, call: ApiCall) -> ApiAnswer:
        client = self._find(call)
        peer = client.peer
        identity = {"SourceIp": peer.identity["sourceIp"], "UserAgent": peer.identity.get("userAgent", "")}
        return ApiAnswer(
            {
                "ConnectedAt": peer.connected_at_ms / 1000,
                "Identity": identity,
                "LastActiveAt": client.last_active_epoch_s,
            }
        )

    async def delete_connection(self, call: ApiCall) -> ApiAnswer:
        self._find(call).close()
        return ApiAnswer()

    def _find(self, call: ApiCall) -> Client:
        """Raises GoneException, and ForbiddenException for another account's."""
        client = self._live.find(call.members["ConnectionId"])
        if client is None:
            raise GoneException
        if self._stages.account_of(client.peer.api_id) != call.caller.account_id:
            raise ForbiddenException
        return client


class ManagementEndpoint:
    """One request of it: signed, always, and for a connection of the place where it is asked for."""

    def __init__(
        self, rest: RestEndpoint, live: LiveConnections, place: Place, path: str, credentials: CredentialScope | None
    ) -> None:
        self._rest = rest
        self._live = live
        self._place = place
        self._path = path
        self._credentials = credentials

    def error_style(self, error: LambdaError, request_id: str) -> WireAnswer:
        return rest_error(ForbiddenException() if isinstance(error, AccessDeniedException) else error, request_id)

    def ask(self, request: HttpRequest) -> Asked:
        """Raises AccessDeniedException for who says nothing of who it is."""
        if self._credentials is None:
            raise AccessDeniedException
        asked = self._rest.ask(request._replace(raw_path=self._path))
        return asked._replace(answer=partial(self._answer, asked.answer))

    async def _answer(self, answer: Callable[[Received], Awaitable[WireAnswer]], received: Received) -> WireAnswer:
        """Raises GoneException and PayloadTooLargeException."""
        if len(received.body) > DATA_BYTES_MAX:
            raise PayloadTooLargeException
        client, place = self._live.find(unquote(self._path.removeprefix(_PREFIX))), self._place
        here = None if client is None else Place(client.peer.api_id, client.peer.stage)
        if here is not None and place not in (Place(), here):
            raise GoneException
        return await answer(received)
