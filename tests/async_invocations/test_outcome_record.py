import json

import pytest

from stoker.async_invocations.outcome_record import error_message, outcome_record, s3_key
from stoker.async_invocations.records import Event
from stoker.async_invocations.rules import Condition
from stoker.functions.records import FunctionTarget
from stoker.invocation import InvocationResult

NOW = 1_573_755_365.568
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


def event(payload: bytes = b'{"b": 1, "a": [1.0, "\xc3\xa9"]}', qualifier: str | None = None) -> Event:
    return Event(FunctionTarget("000000000000", "us-east-1", "f", qualifier), "id-1", "Root=1", payload, NOW)


def test_the_record_of_a_failure_has_awss_members_in_awss_order() -> None:
    # Reference: invocation, 2.1.
    result = InvocationResult(b'{"errorMessage": "no"}', "3", "Unhandled")
    record = outcome_record(event(qualifier="live"), Condition.RETRIES_EXHAUSTED, 3, result, NOW)
    assert record.decode() == (
        '{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z",'
        f'"requestContext":{{"requestId":"id-1","functionArn":"{ARN}:live",'
        '"condition":"RetriesExhausted","approximateInvokeCount":3},'
        '"requestPayload":{"b": 1, "a": [1.0, "é"]},'
        '"responseContext":{"statusCode":200,"executedVersion":"3","functionError":"Unhandled"},'
        '"responsePayload":{"errorMessage": "no"}}'
    )


def test_a_success_says_no_error_and_an_unqualified_call_is_one_of_latest() -> None:
    record = json.loads(outcome_record(event(), Condition.SUCCESS, 1, InvocationResult(b"[1]", "$LATEST"), NOW))
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["requestContext"]["functionArn"] == f"{ARN}:$LATEST"
    assert record["responsePayload"] == [1]


def test_an_event_that_was_never_run_has_no_response() -> None:
    record = json.loads(outcome_record(event(), Condition.EVENT_AGE_EXCEEDED, 0, None, NOW))
    assert list(record) == ["version", "timestamp", "requestContext", "requestPayload"]


@pytest.mark.parametrize(
    ("payload", "expected"), [(b"", None), (b"plain text", "plain text"), (b"\xff{", "\ufffd{"), (b' "x" ', "x")]
)
def test_a_result_that_is_no_json_becomes_a_string(payload: bytes, expected: object) -> None:
    record = outcome_record(event(), Condition.SUCCESS, 1, InvocationResult(payload, "1"), NOW)
    assert json.loads(record)["responsePayload"] == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"errorMessage": "no", "errorType": "E"}', "no"),
        (b'{"errorMessage": 5}', '{"errorMessage": 5}'),
        (b"oops", "oops"),
        (json.dumps({"errorMessage": "é" * 600}).encode(), "é" * 512),
        (json.dumps({"errorMessage": "x" + "é" * 600}).encode(), "x" + "é" * 511),
    ],
)
def test_a_dead_letter_tells_the_first_kilobyte_of_the_message(payload: bytes, expected: str) -> None:
    assert error_message(payload) == expected


def test_the_key_in_s3_is_dated() -> None:
    assert s3_key(f"{ARN}:live", "u", NOW) == "aws/lambda/async/f/2019/11/14/2019-11-14T18.16.05-u"
