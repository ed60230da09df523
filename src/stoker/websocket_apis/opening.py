"""From a request for a WebSocket to the connection: who asks, what `$connect` says, then the socket."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from stoker.errors import AccessDeniedException, GatewayRefusal, LambdaError
from stoker.front_door.connections import Connections
from stoker.front_door.endpoints import Received
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import HttpRequest, new_request_id
from stoker.front_door.websocket import SocketLimits, WebSocket, switch
from stoker.http_apis.selection import CONNECT_ROUTE
from stoker.http_events.connection_headers import answer_headers
from stoker.http_events.format_2 import iam_authorizer
from stoker.http_events.records import HttpCall, InvalidAnswerError
from stoker.http_events.results import decoded, scalar_text, status_of
from stoker.invocation import Invocation
from stoker.invocations.signer import signer
from stoker.lambda_model.encoding import WireAnswer
from stoker.limits import KIB
from stoker.websocket_apis.authorization import Authorization
from stoker.websocket_apis.conversation import Conversation, Surroundings
from stoker.websocket_apis.events import Occasion, Peer, connect_event
from stoker.websocket_apis.function_routes import FAILED
from stoker.websocket_apis.logging_lines import log_line
from stoker.websocket_apis.plans import SocketPlan, SocketRoute

# Amazon API Gateway Developer Guide, "Quotas for configuring and running a WebSocket API".
LIMITS = SocketLimits(message_bytes_max=128 * KIB, frame_bytes_max=32 * KIB, idle_s=600.0, age_s=7200.0)
_PROTOCOL = "sec-websocket-protocol"
_TEXTS = {401: "Unauthorized", 403: "Forbidden"}


class Opening(NamedTuple):
    """A request for a WebSocket at a stage. `plan_now` gives what the stage does later, None when it is gone."""

    plan: SocketPlan
    plan_now: Callable[[], SocketPlan | None]
    peer: Peer
    occasion: Occasion
    request: HttpRequest

    @property
    def route(self) -> SocketRoute | None:
        return self.plan.routes.get(CONNECT_ROUTE)


class Openings:
    """Lets clients in, or does not."""

    def __init__(self, shared: Surroundings, authorization: Authorization) -> None:
        self._shared = shared
        self._authorization = authorization

    def check_rate(self, opening: Opening) -> None:
        """Raises GatewayRefusal."""
        route, key = opening.route, opening.plan.key
        if route is not None and route.rate is not None:
            place = (key.api_id, opening.plan.stage, route.key)
            if not self._shared.throttles.take(place, route.rate):
                raise GatewayRefusal(429, "Too Many Requests")

    async def answer(self, opening: Opening, received: Received, credentials: CredentialScope | None) -> WireAnswer:
        """Raises GatewayRefusal and AccessDeniedException."""
        route, headers = opening.route, dict[str, str]()
        if route is not None:
            opening = await self._authorised(opening, route, received, credentials)
            if route.integration is not None:
                headers = await self._connect(opening, route)
        self.log(opening, None)

        def make(connections: Connections) -> WebSocket:
            conversation = Conversation(self._shared, opening.peer, opening.plan_now, connections)
            return WebSocket(conversation, LIMITS, connections)

        return switch(opening.request, headers, make)

    def log(self, opening: Opening, refusal: LambdaError | None) -> None:
        """The line of a connection that was opened, or was refused."""
        status, error = 101, ""
        if isinstance(refusal, GatewayRefusal):
            status, error = refusal.answer_status, str(refusal.message)
        elif refusal is not None:
            status, error = refusal.status, refusal.code
        log_line(self._shared.access_logs, opening.plan, opening.peer, opening.occasion, status, error)

    async def _authorised(
        self, opening: Opening, route: SocketRoute, received: Received, credentials: CredentialScope | None
    ) -> Opening:
        peer, plan = opening.peer, opening.plan
        if route.authorization == "AWS_IAM":
            if credentials is None or received.caller.account_id != plan.key.account_id:
                raise AccessDeniedException
            known = iam_authorizer(signer(received.caller, credentials.access_key_id))
            named = {name: known[name] for name in ("accessKey", "accountId", "userArn")}
            who = {"caller": known["callerId"], "user": known["userId"]}
            return opening._replace(peer=replace(peer, identity={**peer.identity, **named, **who}))
        if route.authorizer is None:
            return opening
        call = _call(opening.request)
        said = await self._authorization.ask(plan, route.authorizer, peer, opening.occasion, opening.request, call)
        return opening._replace(peer=replace(peer, authorizer=said))

    async def _connect(self, opening: Opening, route: SocketRoute) -> dict[str, str]:
        """What the function adds to the answer: the subprotocol it chose. Raises GatewayRefusal."""
        functions, request = self._shared.functions, opening.request
        target = functions.target(opening.plan, route)
        trace = functions.trace(request.headers.get("x-amzn-trace-id", ""), target)
        event = connect_event(opening.peer, opening.occasion, _call(request), trace.partition(";")[0])
        result = await functions.run(route, Invocation(new_request_id(), target, event, trace))
        try:
            document = decoded(result or b"null")
            if not isinstance(document, dict):
                raise InvalidAnswerError("the result is no object")
            status = status_of(document.get("statusCode"))
            headers = _headers(document.get("headers"))
        except InvalidAnswerError:
            raise GatewayRefusal(502, FAILED) from None
        if not 200 <= status <= 299:
            raise GatewayRefusal(status, _TEXTS.get(status, FAILED if status >= 500 else "Forbidden"))
        return {name: value for name, value in headers.items() if name == _PROTOCOL}


def _headers(given: object) -> Mapping[str, str]:
    """Raises InvalidAnswerError."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidAnswerError("headers is not an object")
    try:
        return answer_headers((name, scalar_text(value)) for name, value in given.items())
    except ValueError as error:
        raise InvalidAnswerError(str(error)) from None


def _call(request: HttpRequest) -> HttpCall:
    """With headers' names as they were sent."""
    head = request.head
    named = [(name, value) for name, (_, value) in zip(head.header_names, head.headers, strict=True)]
    query, port = request.query_string.decode("latin-1"), head.address.rpartition(":")[2]
    return HttpCall(request.method, request.raw_path, query, named, b"", head.source_ip, port, head.tls)
