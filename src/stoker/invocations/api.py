"""Invoke and its kin: from a parsed request to an `Invocation`, and from its result to an answer."""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from stoker.errors import InvalidRequestContentException, OperationNotImplementedException
from stoker.functions.records import FunctionTarget
from stoker.invocation import Invocation, InvocationResult
from stoker.invocations.authorisation import Authorisation
from stoker.invocations.event_queue import EventQueue
from stoker.invocations.invoke import Invoker
from stoker.invocations.payload import check_payload
from stoker.invocations.streaming import ResponseStreams, StreamedInvocation
from stoker.invocations.trace import Tracing, answer_header
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.lambda_model.names import parse_function_name

CLIENT_CONTEXT_LENGTH_MAX = 3583  # of its base64 (reference: runtime side, 2.5)


class InvocationsApi:
    """The operations of this room."""

    def __init__(
        self,
        invoker: Invoker,
        streams: ResponseStreams,
        events: EventQueue,
        tracing: Tracing,
        authorisation: Authorisation,
    ) -> None:
        self._tracing = tracing
        self._invoker = invoker
        self._streams = streams
        self._events = events
        self._authorisation = authorisation

    def operations(self) -> dict[str, Operation]:
        return {
            "Invoke": self.invoke,
            "InvokeAsync": self.invoke_async,
            "InvokeWithResponseStream": self.invoke_with_response_stream,
        }

    async def invoke(self, call: ApiCall) -> ApiAnswer:
        """RequestResponse, Event and DryRun."""
        members = call.members
        kind = members.get("InvocationType") or "RequestResponse"
        _refuse_unsupported(call)
        if kind == "Event":
            invocation = await self._accept(call, members.get("Payload") or b"")
            return ApiAnswer({}, status=202, headers=_gateway_headers(invocation))
        invocation = self._synchronous(call)
        if kind == "DryRun":
            self._invoker.resolve(invocation)
            return ApiAnswer({}, status=204)
        result = await self._invoker.invoke(invocation)
        return ApiAnswer(
            {
                "Payload": result.payload,
                "ExecutedVersion": result.executed_version,
                "FunctionError": result.function_error,
                "LogResult": _log_result(invocation, result),
            },
            headers={"Content-Type": "application/json", **_gateway_headers(invocation)},
        )

    async def invoke_with_response_stream(self, call: ApiCall) -> ApiAnswer:
        """RequestResponse and DryRun. What fails before there is anything to send is refused as by Invoke."""
        _refuse_unsupported(call)
        invocation = self._synchronous(call)
        if call.members.get("InvocationType") == "DryRun":
            self._invoker.resolve(invocation)
            return ApiAnswer({}, status=204)
        streamed = await self._streams.begin(invocation)
        headers = {"X-Amzn-Trace-Id": answer_header(invocation.trace_id)}
        if streamed.content_type:
            # The answer's own type is that of the event stream (reference: invocation, 1).
            headers["X-Amzn-Remapped-Content-Type"] = streamed.content_type
        members = {"ExecutedVersion": streamed.executed_version, "EventStream": _events(invocation, streamed)}
        return ApiAnswer(members, headers=headers)

    async def invoke_async(self, call: ApiCall) -> ApiAnswer:
        """The older form of an Event; its answer has a body (reference: control plane, 13)."""
        await self._accept(call, call.members.get("InvokeArgs") or b"")
        return ApiAnswer({"Status": 202})

    def _synchronous(self, call: ApiCall) -> Invocation:
        """For a caller who waits. Raises for a payload, a context or a name that cannot be."""
        members = call.members
        payload = members.get("Payload") or b""
        check_payload(payload)
        target = self._target(call)
        return Invocation(
            request_id=call.request_id,
            target=target,
            payload=payload or b"{}",
            trace_id=self._tracing.header(call.headers.get("x-amzn-trace-id", ""), target),
            client_context=_client_context(members.get("ClientContext") or ""),
            wants_log=members.get("LogType") == "Tail",
        )

    async def _accept(self, call: ApiCall, payload: bytes) -> Invocation:
        """Refuses what can be refused now, but never by throttling. Client context and log are for callers who wait."""
        check_payload(payload)
        target = self._target(call)
        invocation = Invocation(
            request_id=call.request_id,
            target=target,
            payload=payload or b"{}",
            trace_id=self._tracing.header(call.headers.get("x-amzn-trace-id", ""), target),
        )
        self._invoker.resolve(invocation)
        await self._events.accept(invocation)
        return invocation

    def _target(self, call: ApiCall) -> FunctionTarget:
        """What the call names. Raises AccessDeniedException for a function that the caller may not invoke."""
        name, qualifier = call.members["FunctionName"], call.members.get("Qualifier")
        target = parse_function_name(name, qualifier, call.caller, across_accounts=True)
        self._authorisation.check(call.caller, target)
        return target


def _gateway_headers(invocation: Invocation) -> dict[str, str]:
    """What AWS's gateway to the function adds to every answer."""
    return {"X-Amzn-Remapped-Content-Length": "0", "X-Amzn-Trace-Id": answer_header(invocation.trace_id)}


async def _events(
    invocation: Invocation, streamed: StreamedInvocation
) -> AsyncIterator[Mapping[str, Mapping[str, Any]]]:
    """The answer's event stream: the response as it comes, and in the end how it went (reference: invocation, 1)."""
    async for piece in streamed.pieces():
        yield {"PayloadChunk": {"Payload": piece}}
    result = await streamed.result()
    details = None if result.function_error is None else result.payload.decode(errors="replace")
    yield {
        "InvokeComplete": {
            "ErrorCode": result.function_error,
            "ErrorDetails": details,
            "LogResult": _log_result(invocation, result),
        }
    }


def _log_result(invocation: Invocation, result: InvocationResult) -> str | None:
    return base64.b64encode(result.log_tail).decode() if invocation.wants_log else None


def _refuse_unsupported(call: ApiCall) -> None:
    for member in ("TenantId", "DurableExecutionName"):
        if call.members.get(member):
            raise OperationNotImplementedException(f"{call.operation} with a {member}")


def _client_context(encoded: str) -> str:
    """The caller's JSON on one line, as it goes into a header."""
    if not encoded:
        return ""
    if len(encoded) > CLIENT_CONTEXT_LENGTH_MAX:
        raise InvalidRequestContentException("Client context must be no more than 3583 bytes when base64-encoded.")
    try:
        return json.dumps(json.loads(base64.b64decode(encoded, validate=True)), separators=(",", ":"))
    except (binascii.Error, ValueError):
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.") from None
