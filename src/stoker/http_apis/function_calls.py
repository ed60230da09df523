"""Functions behind routes: the request becomes an event, and the result a response (reference: invocation, 6)."""

import logging

from stoker.errors import AccessDeniedException, GatewayRefusal, LambdaError, TooManyRequestsException
from stoker.front_door.request import BodyLimit
from stoker.functions.records import FunctionTarget
from stoker.gateways.functions import GatewayFunctions, function_of, with_stage_variables
from stoker.http_apis.events import integration_event
from stoker.http_apis.plans import Integration
from stoker.http_apis.requests import ApiRequest, Authorised
from stoker.http_events import format_1, format_2
from stoker.http_events.records import HttpAnswer, InvalidAnswerError
from stoker.invocation import Invocation, InvocationResult

# Of an answer that says nothing of its type; that of function URLs is another.
_DEFAULT_TYPE = "text/plain; charset=utf-8"
_FAILED = "Internal Server Error"
_UNAVAILABLE = "Service Unavailable"
log = logging.getLogger("stoker.http_apis")


class FunctionCalls:
    """Runs them."""

    def __init__(self, functions: GatewayFunctions, event_bytes_max: int) -> None:
        self._functions = functions
        self._limit = BodyLimit(event_bytes_max, "InvokeFunction")

    async def answer(self, asked: ApiRequest, authorised: Authorised, integration: Integration) -> HttpAnswer:
        """Raises GatewayRefusal, and RequestTooLargeException for an event that is."""
        target = self._target(asked, integration)
        trace = self._functions.trace(asked.request.headers.get("x-amzn-trace-id", ""), target)
        event = integration_event(asked, authorised, integration, trace)
        if len(event) > self._limit.bytes_max:
            raise self._limit.refusal()
        result = await self._invoke(asked, Invocation(asked.request_id, target, event, trace), integration.timeout_s)
        if result.function_error is not None:
            asked.trail.integration_error = "The function failed"
            raise GatewayRefusal(500, _FAILED)
        try:
            if integration.payload_format == "2.0":
                return format_2.answer_of(result.payload, _DEFAULT_TYPE)
            return format_1.answer_of(result.payload, "HTTP")
        except InvalidAnswerError as error:
            asked.trail.integration_error = f"The function's result is no response: {error}"
            raise GatewayRefusal(500, _FAILED) from None

    def _target(self, asked: ApiRequest, integration: Integration) -> FunctionTarget:
        key = asked.plan.key
        target = function_of(with_stage_variables(integration.uri, asked.plan.variables))
        try:
            if target is None:
                raise AccessDeniedException
            self._functions.check(target, asked.source_arn, key.account_id, integration.role_arn)
        except AccessDeniedException:
            named = integration.uri if target is None else target.arn
            asked.trail.integration_error = "The API may not invoke the function"
            log.warning("%s may not invoke %s: its policy does not let it in", asked.source_arn, named)
            raise GatewayRefusal(500, _FAILED) from None
        return target

    async def _invoke(self, asked: ApiRequest, invocation: Invocation, timeout_s: float) -> InvocationResult:
        try:
            return await self._functions.invoke(invocation, timeout_s)
        except TimeoutError:
            asked.trail.integration_error = "The function took too long"
            raise GatewayRefusal(503, _UNAVAILABLE) from None
        except LambdaError as error:
            asked.trail.integration_error = error.code
            is_busy = isinstance(error, TooManyRequestsException)
            raise GatewayRefusal(503 if is_busy else 500, _UNAVAILABLE if is_busy else _FAILED) from None
