"""The Lambda API as an ordinary boto3 client sees it."""

import asyncio
import json
import threading
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stoker import errors
from stoker.lambda_model.call import ApiAnswer, ApiCall, Caller

from .conftest import Door

ARN = "arn:aws:lambda:eu-west-1:111122223333:function:f"


def refusal(door: Door, operation: str, **members: Any) -> tuple[int, str, dict[str, Any]]:
    """Status, error code and parsed answer of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        getattr(door.client(), operation)(**members)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response


def answer_to(door: Door, raw: bytes) -> tuple[bytes, dict[str, str], bytes]:
    """Status line, headers and body of one raw request."""
    head, _, body = door.send(raw).partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    return status, dict(line.decode().lower().split(": ", 1) for line in lines), body


def test_an_invocation_goes_through_and_comes_back(door: Door) -> None:
    payload = b'{"spaces":   "stay"}'
    door.outcomes["Invoke"] = lambda call: ApiAnswer(
        {"StatusCode": 200, "Payload": call.members["Payload"], "ExecutedVersion": "7", "LogResult": "bG9n"}
    )
    response = door.client().invoke(FunctionName=f"{ARN}:live", Payload=payload, LogType="Tail", ClientContext="e30=")

    assert response["Payload"].read() == payload
    assert (response["StatusCode"], response["ExecutedVersion"], response["LogResult"]) == (200, "7", "bG9n")
    (call,) = door.calls
    assert call.members == {
        "FunctionName": f"{ARN}:live",
        "LogType": "Tail",
        "ClientContext": "e30=",
        "Payload": payload,
    }
    assert call.caller == Caller("111122223333", "eu-west-1")
    assert call.endpoint == door.url
    assert call.headers["x-amz-log-type"] == "Tail"
    assert response["ResponseMetadata"]["RequestId"] == call.request_id == str(uuid.UUID(call.request_id))


def test_an_event_is_accepted_with_an_empty_body(door: Door) -> None:
    """reference: invocation, 1"""
    door.outcomes["Invoke"] = lambda _: ApiAnswer({"StatusCode": 202})
    response = door.client().invoke(FunctionName="f", InvocationType="Event")
    assert (response["StatusCode"], response["Payload"].read()) == (202, b"")
    assert "ExecutedVersion" not in response
    assert "FunctionError" not in response


def test_a_dry_run_has_no_body_at_all(door: Door) -> None:
    door.outcomes["Invoke"] = lambda _: ApiAnswer({"StatusCode": 204})
    status, headers, body = answer_to(
        door, b"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    assert (status, body) == (b"HTTP/1.1 204 No Content", b"")
    assert "transfer-encoding" not in headers
    assert "content-length" not in headers


def test_streamed_events_arrive_as_botocore_reads_them(door: Door) -> None:
    async def events() -> AsyncIterator[dict[str, dict[str, Any]]]:
        yield {"PayloadChunk": {"Payload": b"hello "}}
        yield {"PayloadChunk": {"Payload": b"world"}}
        yield {"InvokeComplete": {"ErrorCode": None, "LogResult": "bG9n"}}

    door.outcomes["InvokeWithResponseStream"] = lambda _: ApiAnswer(
        {"StatusCode": 200, "ExecutedVersion": "$LATEST", "EventStream": events(), "ResponseStreamContentType": "x/y"},
        headers={"X-Amzn-Remapped-Content-Type": "text/html"},
    )
    response = door.client().invoke_with_response_stream(FunctionName="f", Payload=b"{}")
    assert list(response["EventStream"]) == [
        {"PayloadChunk": {"Payload": b"hello "}},
        {"PayloadChunk": {"Payload": b"world"}},
        {"InvokeComplete": {"LogResult": "bG9n"}},
    ]
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-remapped-content-type"] == "text/html"
    assert response["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"


@pytest.mark.parametrize(
    ("access_key_id", "account_id"), [("000000000001", "000000000001"), ("AKIAEXAMPLE", "111122223333")]
)
def test_an_access_key_of_twelve_digits_is_an_account(door: Door, access_key_id: str, account_id: str) -> None:
    door.client(access_key_id=access_key_id).list_functions()
    assert door.calls[0].caller == Caller(account_id, "eu-west-1")


def test_who_does_not_say_who_they_are_is_the_default_account(door: Door) -> None:
    with urllib.request.urlopen(f"{door.url}/2015-03-31/functions/") as response:
        assert response.status == 200
        assert response.headers["Date"]
        assert "server" not in response.headers
    assert door.calls[0].caller == Caller("111122223333", "eu-central-1")


def test_a_region_that_could_not_be_one_is_not_believed(door: Door) -> None:
    credential = "AKID/20250101/..%2F:x/lambda/aws4_request"
    request = urllib.request.Request(
        f"{door.url}/2015-03-31/functions", headers={"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, x"}
    )
    urllib.request.urlopen(request).close()
    assert door.calls[0].caller.region == "eu-central-1"


def test_tag_keys_in_the_query_and_an_arn_in_the_path(door: Door) -> None:
    door.client().untag_resource(Resource=ARN, TagKeys=["a b", "c+d=e", "ü"])
    assert door.calls[0].members == {"Resource": ARN, "TagKeys": ["a b", "c+d=e", "ü"]}


def test_a_validation_error_has_only_a_message(door: Door) -> None:
    """reference: control plane, 1"""
    status, code, response = refusal(door, "get_function", FunctionName="no spaces")
    assert (status, code) == (400, "ValidationException")
    assert response["Error"]["Message"].startswith("1 validation error detected: Value 'no spaces' at 'functionName'")
    assert "Type" not in response
    assert door.calls == []


def test_what_is_missing_is_named(door: Door) -> None:
    status, code, response = refusal(door, "create_function", Role="arn:aws:iam::123456789012:role/r", Code={})
    assert (status, code) == (400, "ValidationException")
    assert response["Error"]["Message"] == (
        "1 validation error detected: Value null at 'functionName' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_a_function_of_another_region_is_not_reachable_whatever_else_is_wrong(door: Door) -> None:
    """reference: control plane, 2"""
    arn = ARN.replace("eu-west-1", "ap-southeast-1")
    status, code, response = refusal(door, "get_function", FunctionName=arn, Qualifier="?")
    assert (status, code) == (404, "ResourceNotFoundException")
    assert response["Message"] == "Functions from 'ap-southeast-1' are not reachable in this region ('eu-west-1')"


def test_an_operation_that_is_not_there_is_refused_by_name(door: Door) -> None:
    status, code, response = refusal(door, "list_layers")
    assert (status, code) == (400, "InvalidParameterValueException")
    assert "ListLayers" in response["Error"]["Message"]


@pytest.mark.parametrize(
    ("error", "status", "code", "body"),
    [
        (
            errors.ResourceNotFoundException("Function not found: x"),
            404,
            "resourcenotfoundexception",
            b'{"Type":"User","Message":"Function not found: x"}',
        ),
        (
            errors.InvalidParameterValueException("Größe"),
            400,
            "invalidparametervalueexception",
            '{"Type":"User","message":"Größe"}'.encode(),
        ),
        (
            errors.TooManyRequestsException("ReservedFunctionConcurrentInvocationLimitExceeded"),
            429,
            "toomanyrequestsexception",
            b'{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}',
        ),
        (errors.AccessDeniedException(), 403, "accessdeniedexception", b'{"Message":null}'),
        (
            errors.ResourceConflictException("busy"),
            409,
            "resourceconflictexception",
            b'{"Type":"User","message":"busy"}',
        ),
        (
            KeyError("the secret of our insides"),
            500,
            "serviceexception",
            b'{"Type":"Service","Message":"An internal error occurred. Please retry your request."}',
        ),
    ],
)
def test_an_error_is_written_as_aws_writes_it(
    door: Door, error: Exception, status: int, code: str, body: bytes
) -> None:
    """reference: control plane, 1 and 3.2"""

    def fail(_: ApiCall) -> ApiAnswer:
        raise error

    door.outcomes["ListFunctions"] = fail
    status_line, headers, answer = answer_to(door, b"GET /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status_line.startswith(b"HTTP/1.1 %d " % status)
    assert (headers["x-amzn-errortype"], headers["content-type"], answer) == (code, "application/json", body)
    assert headers["x-amzn-requestid"] == door.calls[0].request_id


@pytest.mark.parametrize(
    ("path", "headers", "size", "text"),
    [
        ("functions/f/invocations", {}, 6_291_456, "6291456 bytes for the InvokeFunction operation"),
        (
            "functions/f/invocations",
            {"X-Amz-Invocation-Type": "Event"},
            1_048_576,
            "1048576 bytes for the InvokeFunction operation",
        ),
        ("functions", {}, 70_167_211, "70167211 bytes for the CreateFunction operation"),
    ],
)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_may_be_as_large_as_aws_allows_and_no_larger(
    door: Door, path: str, headers: dict[str, str], size: int, text: str, is_chunked: bool
) -> None:
    """reference: control plane, 3.3 and 4.1"""
    head = f"POST /2015-03-31/{path} HTTP/1.1\r\nHost: localhost\r\n" + "".join(
        f"{k}: {v}\r\n" for k, v in headers.items()
    )
    for extra in (0, 1):
        body = b" " * (size + extra)
        if is_chunked:
            raw = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            raw = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        status, _, answer = answer_to(door, head.encode() + raw)
        if extra:
            assert status.startswith(b"HTTP/1.1 413 ")
            assert json.loads(answer) == {"message": f"Request must be smaller than {text}"}
        else:
            assert b" 413 " not in status


def test_a_body_that_is_announced_too_large_is_not_waited_for(door: Door) -> None:
    raw = b"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    with door.connect() as connection:
        connection.sendall(raw)
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_hangs_up_does_not_stop_what_it_started(door: Door) -> None:
    begun, done = threading.Event(), threading.Event()

    async def slow(_: ApiCall) -> ApiAnswer:
        begun.set()
        await asyncio.sleep(0.3)
        done.set()
        return ApiAnswer({"StatusCode": 200})

    door.outcomes["Invoke"] = slow
    with door.connect() as connection:
        connection.sendall(b"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert begun.wait(5)
    assert done.wait(5)


def test_headers_of_an_answer_cannot_start_new_ones(door: Door) -> None:
    door.outcomes["Invoke"] = lambda _: ApiAnswer({"FunctionError": "a\r\nX-Evil: 1\x00", "Payload": b"{}"})
    response = door.client().invoke(FunctionName="f")
    assert "x-evil" not in response["ResponseMetadata"]["HTTPHeaders"]
    assert response["FunctionError"].strip() == "a  X-Evil: 1"


def test_a_hundred_clients_at_once_are_all_answered(door: Door) -> None:
    door.outcomes["Invoke"] = lambda call: ApiAnswer({"Payload": call.members["Payload"]})
    results: list[bytes] = []

    def ask(number: int) -> None:
        body = b"%d" % number
        request = urllib.request.Request(f"{door.url}/2015-03-31/functions/f/invocations", data=body, method="POST")
        with urllib.request.urlopen(request) as response:
            results.append(response.read())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, results)) == list(range(100))
    assert time.monotonic() - started < 10
