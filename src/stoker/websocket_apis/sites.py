"""WebSocket APIs as the front door asks for them: which stage a request is for, and what it wants there."""

from dataclasses import dataclass
from functools import partial

from stoker.clock import epoch_ms
from stoker.errors import AccessDeniedException, LambdaError
from stoker.front_door.endpoints import Asked, Endpoint, Received
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import BodyLimit, HttpRequest
from stoker.front_door.websocket import check_handshake
from stoker.front_door.wire import socket_error
from stoker.gateways.addresses import Addressed, local_domain_name
from stoker.http_apis.selection import CONNECT_ROUTE
from stoker.lambda_model.encoding import WireAnswer
from stoker.limits import KIB
from stoker.websocket_apis.connections import new_id
from stoker.websocket_apis.conversation import Surroundings
from stoker.websocket_apis.events import Occasion, Peer
from stoker.websocket_apis.management import Management, Place, management_path
from stoker.websocket_apis.opening import Opening, Openings
from stoker.websocket_apis.plans import SocketPlan
from stoker.websocket_apis.stages import SocketStages

LIMIT = BodyLimit(32 * KIB, "request for a WebSocket")


@dataclass(frozen=True, slots=True)
class WebSocketApis:
    """All WebSocket APIs of a node."""

    stages: SocketStages
    shared: Surroundings
    openings: Openings
    management: Management

    def find(self, addressed: Addressed, request: HttpRequest, credentials: CredentialScope | None) -> Endpoint | None:
        """Whoever answers for that API; None when it is none of these."""
        api = self.stages.api(addressed.api_id)
        if api is None or addressed.region not in (None, api.key.region):
            return None
        stage, rest = addressed.stage, addressed.raw_path
        if stage is None:
            if api.document.get("DisableExecuteApiEndpoint"):
                return SocketEndpoint(self, addressed, None, request, credentials)
            stage, slash, rest = addressed.raw_path[1:].partition("/")
            rest = f"{slash}{rest}"
        managed = management_path(rest)
        if managed is not None:
            return self.management.endpoint(Place(api.key.api_id, stage), managed, credentials)
        plan = self.stages.plan(api.key.api_id, stage) if rest in ("", "/") else None
        return SocketEndpoint(self, addressed, plan, request, credentials)


class SocketEndpoint:
    """One stage for one request. `plan` is None for a stage that is not there."""

    def __init__(
        self,
        apis: WebSocketApis,
        addressed: Addressed,
        plan: SocketPlan | None,
        request: HttpRequest,
        credentials: CredentialScope | None,
    ) -> None:
        self._apis = apis
        self._credentials = credentials
        self._opening = None if plan is None else _opening(apis, addressed, plan, request)

    def error_style(self, error: LambdaError, request_id: str) -> WireAnswer:
        """With the ids that the function heard of, if it was asked."""
        opening = self._opening
        if opening is None:
            return socket_error(error, new_id(), new_id())
        self._apis.openings.log(opening, error)
        return socket_error(error, opening.occasion.request_id, opening.peer.connection_id)

    def ask(self, request: HttpRequest) -> Asked:
        """Raises GatewayRefusal, and AccessDeniedException for who would have to sign and did not."""
        opening = self._opening
        if opening is None:
            raise AccessDeniedException
        check_handshake(request)
        self._apis.openings.check_rate(opening)
        is_signed = opening.route is not None and opening.route.authorization == "AWS_IAM"
        if is_signed and self._credentials is None:
            raise AccessDeniedException
        return Asked(LIMIT, partial(self._answer, opening), needs_signature=is_signed, service="execute-api")

    async def _answer(self, opening: Opening, received: Received) -> WireAnswer:
        return await self._apis.openings.answer(opening, received, self._credentials)


def _opening(apis: WebSocketApis, addressed: Addressed, plan: SocketPlan, request: HttpRequest) -> Opening:
    clock, key = apis.shared.clock, plan.key
    identity = {"sourceIp": request.head.source_ip}
    if "user-agent" in request.headers:
        identity = {"userAgent": request.headers["user-agent"], **identity}
    peer = Peer(
        api_id=key.api_id,
        stage=plan.stage,
        connection_id=new_id(),
        domain_name=addressed.domain_name or local_domain_name(key.api_id, key.region),
        identity=identity,
        connected_at_ms=epoch_ms(clock),
        variables=plan.variables,
    )
    occasion = Occasion("CONNECT", CONNECT_ROUTE, new_id(), clock.now_s())
    return Opening(plan, partial(apis.stages.plan, key.api_id, plan.stage), peer, occasion, request)
