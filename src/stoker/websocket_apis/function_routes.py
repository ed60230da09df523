"""Functions behind routes of WebSocket APIs: let in by their policies, run in time, and what comes of it."""

import logging

from stoker.errors import AccessDeniedException, GatewayRefusal, LambdaError
from stoker.functions.records import FunctionTarget
from stoker.gateways.functions import GatewayFunctions, function_of, with_stage_variables
from stoker.invocation import Invocation
from stoker.websocket_apis.plans import SocketPlan, SocketRoute

FAILED = "Internal server error"
TOOK_TOO_LONG = "Endpoint request timed out"
log = logging.getLogger("stoker.websocket_apis")


class FunctionRoutes:
    """Runs them."""

    def __init__(self, functions: GatewayFunctions) -> None:
        self._functions = functions

    def target(self, plan: SocketPlan, route: SocketRoute) -> FunctionTarget:
        """The function behind a route. Raises GatewayRefusal where there is none that lets the API in."""
        integration = route.integration
        if integration is None:
            raise GatewayRefusal(500, FAILED)
        target = function_of(with_stage_variables(integration.uri, plan.variables))
        source_arn = f"{plan.key.execution_arn}/{plan.stage}/{route.key}"
        try:
            if target is None:
                raise AccessDeniedException
            self._functions.check(target, source_arn, plan.key.account_id, integration.role_arn)
        except AccessDeniedException:
            named = integration.uri if target is None else target.arn
            log.warning("%s may not invoke %s: its policy does not let it in", source_arn, named)
            raise GatewayRefusal(500, FAILED) from None
        return target

    def trace(self, incoming: str, target: FunctionTarget) -> str:
        """The trace header of an invocation; `incoming` is the client's ("" for none)."""
        return self._functions.trace(incoming, target)

    async def run(self, route: SocketRoute, invocation: Invocation) -> bytes:
        """The function's result. Raises GatewayRefusal."""
        assert route.integration is not None
        try:
            result = await self._functions.invoke(invocation, route.integration.timeout_s)
        except TimeoutError:
            raise GatewayRefusal(504, TOOK_TOO_LONG) from None
        except LambdaError:
            raise GatewayRefusal(502, FAILED) from None
        if result.function_error is not None:
            raise GatewayRefusal(502, FAILED)
        return result.payload
