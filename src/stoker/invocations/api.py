"""The Invoke operation: from a parsed request to an `Invocation`, and from its result to an answer."""

import base64
import binascii
import json

from stoker.errors import InvalidRequestContentException, NotImplementedByStokerException
from stoker.invocation import Invocation
from stoker.invocations.invoke import Invoker
from stoker.invocations.payload import check_payload
from stoker.invocations.trace import answer_header, trace_header
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.lambda_model.names import parse_function_name

CLIENT_CONTEXT_LENGTH_MAX = 3583  # of its base64 (reference: runtime side, 2.5)


class InvocationsApi:
    """The operations of this room."""

    def __init__(self, invoker: Invoker) -> None:
        self._invoker = invoker

    def operations(self) -> dict[str, Operation]:
        return {"Invoke": self.invoke}

    async def invoke(self, call: ApiCall) -> ApiAnswer:
        """RequestResponse and DryRun."""
        members = call.members
        kind = members.get("InvocationType") or "RequestResponse"
        _refuse_unsupported(members, kind)
        payload = members.get("Payload") or b""
        check_payload(payload)
        invocation = Invocation(
            request_id=call.request_id,
            target=parse_function_name(members["FunctionName"], members.get("Qualifier"), call.caller),
            payload=payload or b"{}",
            trace_id=trace_header(call.headers.get("x-amzn-trace-id", "")),
            client_context=_client_context(members.get("ClientContext") or ""),
            wants_log=members.get("LogType") == "Tail",
        )
        if kind == "DryRun":
            self._invoker.resolve(invocation)
            return ApiAnswer({}, status=204)
        result = await self._invoker.invoke(invocation)
        return ApiAnswer(
            {
                "Payload": result.payload,
                "ExecutedVersion": result.executed_version,
                "FunctionError": result.function_error,
                "LogResult": base64.b64encode(result.log_tail).decode() if invocation.wants_log else None,
            },
            headers={
                "Content-Type": "application/json",
                # AWS's gateway to the function adds it to every answer.
                "X-Amzn-Remapped-Content-Length": "0",
                "X-Amzn-Trace-Id": answer_header(invocation.trace_id),
            },
        )


def _refuse_unsupported(members: object, kind: str) -> None:
    assert hasattr(members, "get")
    if kind == "Event":
        raise NotImplementedByStokerException("Invoke with InvocationType Event")
    if members.get("TenantId"):
        raise NotImplementedByStokerException("Invoke with a TenantId")
    if members.get("DurableExecutionName"):
        raise NotImplementedByStokerException("Invoke with a DurableExecutionName")


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
