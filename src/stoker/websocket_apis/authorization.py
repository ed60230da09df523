"""Who may connect: nobody is asked, a signature, or an authorizer function. It is asked once, for `$connect`.

Source: Amazon API Gateway Developer Guide, "Create an API Gateway Lambda authorizer function" (REQUEST authorizers of
WebSocket APIs, whose verdicts are not kept).
"""

import logging
import time
from typing import Any

from stoker.errors import AccessDeniedException, GatewayRefusal
from stoker.front_door.request import HttpRequest, new_request_id
from stoker.functions.records import FunctionTarget
from stoker.gateways.authorizers import (
    AuthorizerFailedError,
    AuthorizerFunctions,
    context_texts,
    is_flat,
    policy_verdict,
)
from stoker.gateways.functions import GatewayFunctions, function_of, with_stage_variables
from stoker.http_events.format_1 import query_values
from stoker.http_events.records import HttpCall
from stoker.invocation import Invocation
from stoker.websocket_apis.events import Occasion, Peer, authorizer_event, request_context
from stoker.websocket_apis.function_routes import FAILED
from stoker.websocket_apis.plans import RequestAuthorizer, SocketPlan

log = logging.getLogger("stoker.websocket_apis")


class Authorization:
    """Asks authorizer functions."""

    def __init__(self, functions: GatewayFunctions, authorizers: AuthorizerFunctions) -> None:
        self._functions = functions
        self._authorizers = authorizers

    async def ask(
        self,
        plan: SocketPlan,
        authorizer: RequestAuthorizer,
        peer: Peer,
        occasion: Occasion,
        request: HttpRequest,
        call: HttpCall,
    ) -> dict[str, Any]:
        """What all events of the connection show as `authorizer`. Raises GatewayRefusal and AccessDeniedException."""
        sources = (identity_value(source, peer, occasion, request) for source in authorizer.identity_sources)
        if not all(sources):
            raise GatewayRefusal(401, "Unauthorized")
        begun_s = time.monotonic()
        try:
            return await self._verdict(plan, authorizer, peer, occasion, request, call, begun_s)
        except AuthorizerFailedError as error:
            log.warning("the authorizer %s of %s: %s", authorizer.authorizer_id, plan.key.api_id, error)
            raise GatewayRefusal(500, FAILED) from None

    async def _verdict(
        self,
        plan: SocketPlan,
        authorizer: RequestAuthorizer,
        peer: Peer,
        occasion: Occasion,
        request: HttpRequest,
        call: HttpCall,
        begun_s: float,
    ) -> dict[str, Any]:
        """Raises AuthorizerFailedError and AccessDeniedException."""
        target = self._target(plan, authorizer)
        method_arn = f"{plan.key.execution_arn}/{plan.stage}/{occasion.route_key}"
        trace = self._functions.trace(request.headers.get("x-amzn-trace-id", ""), target)
        event = authorizer_event(peer, occasion, call, trace.partition(";")[0], method_arn)
        invocation = Invocation(new_request_id(), target, event, trace)
        verdict = await self._authorizers.ask(invocation, policy_verdict)
        facts = {"aws:sourceip": peer.identity["sourceIp"], "aws:useragent": peer.identity.get("userAgent", "")}
        if not verdict.lets_pass(method_arn, facts):
            raise AccessDeniedException
        if not is_flat(verdict.context):
            raise AuthorizerFailedError("the authorizer's context has objects or lists")
        latency_ms = int((time.monotonic() - begun_s) * 1000)
        own = {"principalId": verdict.principal_id, "integrationLatency": latency_ms}
        return {**context_texts(verdict.context), **own}

    def _target(self, plan: SocketPlan, authorizer: RequestAuthorizer) -> FunctionTarget:
        """Raises AuthorizerFailedError."""
        target = function_of(with_stage_variables(authorizer.uri, plan.variables))
        if target is None:
            raise AuthorizerFailedError("its URI names no function")
        source_arn = f"{plan.key.execution_arn}/authorizers/{authorizer.authorizer_id}"
        try:
            self._functions.check(target, source_arn, plan.key.account_id, authorizer.role_arn)
        except AccessDeniedException:
            raise AuthorizerFailedError(f"the policy of {target.arn} does not let {source_arn} invoke it") from None
        return target


def identity_value(source: str, peer: Peer, occasion: Occasion, request: HttpRequest) -> str | None:
    """What `route.request.header.Name`, `route.request.querystring.name`, `stageVariables.name` or `context.name`
    stands for."""
    kind, _, name = source.removeprefix("route.request.").partition(".")
    match kind:
        case "header":
            return request.headers.get(name.lower())
        case "querystring":
            return query_values(request.query_string.decode("latin-1")).get(name, [""])[-1]
        case "stageVariables":
            return peer.variables.get(name)
    value: Any = request_context(peer, occasion)
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if value is None else str(value)
