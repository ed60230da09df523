"""Functions behind methods, and what they say when something goes wrong (reference: invocation, 6)."""

import logging

from stoker.errors import AccessDeniedException, LambdaError
from stoker.functions.records import FunctionTarget
from stoker.gateways.functions import GatewayFunctions, function_of, with_stage_variables
from stoker.http_events.format_1 import answer_of, decodes_base64, event_of
from stoker.http_events.records import HttpAnswer, InvalidAnswerError
from stoker.invocation import Invocation, InvocationResult
from stoker.invocations.event_queue import EventQueue
from stoker.invocations.payload import check_payload
from stoker.rest_apis.errors import RequestRefusedError
from stoker.rest_apis.records import Integration
from stoker.rest_apis.requests import ApiRequest

log = logging.getLogger("stoker.rest_apis")


class FunctionCalls:
    """Runs them."""

    def __init__(self, functions: GatewayFunctions, events: EventQueue, event_bytes_max: int) -> None:
        self._functions = functions
        self._events = events
        self._event_bytes_max = event_bytes_max

    async def proxied(self, asked: ApiRequest, integration: Integration) -> tuple[HttpAnswer, str]:
        """The function's response, and the trace that it was invoked with. Raises RequestRefusedError."""
        target = self._target(asked, integration)
        trace = self._functions.trace(asked.request.headers.get("x-amzn-trace-id", ""), target)
        binary = asked.plan.definition.api.binary_media_types or ()
        event = event_of(asked.call, asked.call_context(trace), asked.route, "REST", binary)
        result = await self._run(asked, integration, target, event, trace)
        if result.function_error is not None:
            raise failed(502)
        may_decode = decodes_base64(binary, asked.request.headers.get("accept", ""))
        try:
            return answer_of(result.payload, "REST", decodes_base64=may_decode), trace
        except InvalidAnswerError as error:
            log.warning("what %s returned is no response: %s", target.arn, error)
            raise failed(502) from None

    async def invoked(
        self, asked: ApiRequest, integration: Integration, payload: bytes, *, is_event: bool
    ) -> tuple[InvocationResult | None, str]:
        """What the function makes of `payload`, None for an event, which is queued; and the trace. Raises
        RequestRefusedError."""
        target = self._target(asked, integration)
        trace = self._functions.trace(asked.request.headers.get("x-amzn-trace-id", ""), target)
        if not is_event:
            return await self._run(asked, integration, target, payload, trace), trace
        try:
            check_payload(payload)
            await self._events.accept(Invocation(asked.request_id, target, payload, trace))
        except LambdaError as error:
            raise self._not_invoked(asked, target, error) from None
        return None, trace

    def _target(self, asked: ApiRequest, integration: Integration) -> FunctionTarget:
        target = function_of(with_stage_variables(integration.uri or "", asked.plan.variables))
        if target is None:
            log.warning("the URI of %s names no function: %s", asked.source_arn, integration.uri)
            raise failed(500)
        role_arn = with_stage_variables(integration.credentials or "", asked.plan.variables)
        try:
            self._functions.check(target, asked.source_arn, asked.plan.place.account_id, role_arn)
        except AccessDeniedException:
            log.warning("the policy of %s does not let %s invoke it", target.arn, asked.source_arn)
            raise failed(500) from None
        return target

    async def _run(
        self, asked: ApiRequest, integration: Integration, target: FunctionTarget, payload: bytes, trace: str
    ) -> InvocationResult:
        if len(payload) > self._event_bytes_max:
            raise RequestRefusedError("REQUEST_TOO_LARGE")
        invocation = Invocation(asked.request_id, target, payload, trace)
        try:
            check_payload(payload)
            return await self._functions.invoke(invocation, integration.timeout_in_millis / 1000)
        except TimeoutError:
            raise RequestRefusedError("INTEGRATION_TIMEOUT") from None
        except LambdaError as error:
            raise self._not_invoked(asked, target, error) from None

    def _not_invoked(self, asked: ApiRequest, target: FunctionTarget, error: LambdaError) -> RequestRefusedError:
        log.warning("%s was not invoked for %s: %s: %s", target.arn, asked.source_arn, error.code, error.message)
        return failed(500)


def shown_trace(trace: str) -> str:
    """A trace header as clients of REST APIs get it: without the lineage, which is between functions."""
    return trace.partition(";Lineage=")[0]


def failed(status: int) -> RequestRefusedError:
    """What is behind an API did not do what it should; why is for the log."""
    return RequestRefusedError("INTEGRATION_FAILURE", answer_status=status)
