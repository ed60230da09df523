"""What destinations and dead-letter queues are told of an event (reference: invocation, 2.1 and 2.2).

Payloads are put into the record as they are: nothing is parsed that need not be.
"""

import json

import msgspec

from stoker.arn import split_arn
from stoker.async_invocations.records import Event
from stoker.async_invocations.rules import Condition
from stoker.clock import iso_timestamp
from stoker.invocation import InvocationResult

ERROR_MESSAGE_BYTES_MAX = 1024


def qualified_arn(event: Event) -> str:
    """The function's ARN with the qualifier that was called, always."""
    return f"{event.target.function_arn}:{event.qualifier}"


def outcome_record(
    event: Event, condition: Condition, tries: int, result: InvocationResult | None, now_s: float
) -> bytes:
    """The record of an invocation as JSON, in AWS's order. `result` is None when there is none to tell of."""
    record: dict[str, object] = {
        "version": "1.0",
        "timestamp": iso_timestamp(now_s),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": qualified_arn(event),
            "condition": condition.value,
            "approximateInvokeCount": tries,
        },
        "requestPayload": msgspec.Raw(event.payload),
    }
    if result is not None:
        context: dict[str, object] = {"statusCode": 200, "executedVersion": result.executed_version}
        if result.function_error is not None:
            context["functionError"] = result.function_error
        record["responseContext"] = context
        record["responsePayload"] = _as_json(result.payload)
    return msgspec.json.encode(record)


def error_message(payload: bytes) -> str:
    """The `errorMessage` of a runtime's error document, or the document if it has none: its first KB."""
    text = payload.decode(errors="replace")
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and isinstance(document.get("errorMessage"), str):
        text = document["errorMessage"]
    return text.encode(errors="replace")[:ERROR_MESSAGE_BYTES_MAX].decode(errors="ignore")


def s3_key(function_arn: str, moment_uuid: str, now_s: float) -> str:
    """`aws/lambda/async/<function-name>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>`."""
    arn = split_arn(function_arn)
    assert arn is not None
    second = iso_timestamp(now_s)[:19]
    name = arn.resource.split(":")[1]
    return f"aws/lambda/async/{name}/{second[:10].replace('-', '/')}/{second.replace(':', '.')}-{moment_uuid}"


def _as_json(payload: bytes) -> object:
    """The result as the JSON value it is; what is none (custom runtimes may answer anything) becomes a string."""
    if not payload:
        return None
    try:
        payload.decode()
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload.decode(errors="replace")
    return msgspec.Raw(payload)
