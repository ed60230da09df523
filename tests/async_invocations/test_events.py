"""Asynchronous calls on a real node, as AWS's client makes them."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Deploy, Node

from .conftest import RETRY_DELAY_S, arn_of, seen, send, wait_seen

Recorder = Callable[..., str]


def set_destination(client: Any, name: str, outcome: str, target: str, **config: Any) -> None:
    client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={outcome: {"Destination": arn_of(target)}}, **config
    )


def test_an_event_is_accepted_with_nothing_but_its_request_id_and_then_run(
    node: Node, client: Any, recorder: Recorder
) -> None:
    name = recorder()
    context = "eyJjdXN0b20iOiB7ImsiOiAidiJ9fQ=="
    answer = client.invoke(
        FunctionName=name, InvocationType="Event", LogType="Tail", Payload=b'{"n": 1}', ClientContext=context
    )
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert not {"ExecutedVersion", "FunctionError", "LogResult"} & answer.keys()
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-trace-id"].startswith("root=1-")
    (record,) = wait_seen(node, name, 1)
    assert record["event"] == {"n": 1}
    assert record["request_id"] == headers["x-amzn-requestid"]
    assert record["arn"] == arn_of(name)
    assert record["client_context"] is False


def test_invoke_async_does_the_same_in_the_old_form(node: Node, client: Any, recorder: Recorder) -> None:
    name = recorder()
    answer = client.invoke_async(FunctionName=name, InvokeArgs=b'{"old": true}')
    assert answer["Status"] == 202
    (record,) = wait_seen(node, name, 1)
    assert (record["event"], record["request_id"]) == ({"old": True}, answer["ResponseMetadata"]["RequestId"])


def test_an_empty_event_is_an_empty_object(node: Node, client: Any, recorder: Recorder) -> None:
    name = recorder()
    client.invoke(FunctionName=name, InvocationType="Event")
    assert wait_seen(node, name, 1)[0]["event"] == {}


@pytest.mark.parametrize(
    ("parameters", "code", "status"),
    [
        ({"FunctionName": "nobody"}, "ResourceNotFoundException", 404),
        ({"Qualifier": "no-alias"}, "ResourceNotFoundException", 404),
        ({"Payload": b"{nonsense"}, "InvalidRequestContentException", 400),
        ({"Payload": b'"' + b"x" * (1024 * 1024) + b'"'}, "RequestEntityTooLargeException", 413),
    ],
)
def test_what_can_be_refused_is_refused_at_once(
    client: Any, recorder: Recorder, parameters: dict[str, Any], code: str, status: int
) -> None:
    with pytest.raises(ClientError) as refusal:
        client.invoke(**{"FunctionName": recorder(), "InvocationType": "Event"} | parameters)
    assert refusal.value.response["Error"]["Code"] == code
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_an_event_of_a_megabyte_is_accepted(node: Node, client: Any, deploy: Deploy, recorder: Recorder) -> None:
    measuring = deploy(None, {"handler.py": "def handler(event, context):\n    return len(event)\n"})
    told = recorder()
    set_destination(client, measuring, "OnSuccess", told)
    text = "x" * (1024 * 1024 - 2)
    client.invoke(FunctionName=measuring, InvocationType="Event", Payload=json.dumps(text))
    # Its record is larger than an event may be, so that there is nothing to see; it is run all the same.
    send(client, measuring, "four")
    assert wait_seen(node, told, 1)[0]["event"]["responsePayload"] == 4


def test_a_failing_event_is_tried_three_times_under_one_request_id_and_later_each_time(
    node: Node, client: Any, recorder: Recorder
) -> None:
    name, told = recorder(), recorder()
    set_destination(client, name, "OnFailure", told)
    request_id = send(client, name, {"fails": "no luck"})
    record = wait_seen(node, told, 1)[0]["event"]
    tries = seen(node, name)
    assert [attempt["request_id"] for attempt in tries] == [request_id] * 3
    first, second, third = (attempt["at"] for attempt in tries)
    assert second - first >= RETRY_DELAY_S
    assert third - second >= 2 * RETRY_DELAY_S
    assert list(record) == [
        "version",
        "timestamp",
        "requestContext",
        "requestPayload",
        "responseContext",
        "responsePayload",
    ]
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"{arn_of(name)}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == {"fails": "no luck"}
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorMessage"] == "no luck"


def test_the_config_of_the_called_qualifier_holds_and_a_crash_or_timeout_is_a_failure(
    node: Node, client: Any, deploy: Deploy, recorder: Recorder
) -> None:
    code = "import os, time\ndef handler(event, context):\n    time.sleep(event['s'])\n    os._exit(3)\n"
    name, told = deploy(None, {"handler.py": code}, Timeout=1), recorder()
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    set_destination(client, name, "OnFailure", told, Qualifier="live", MaximumRetryAttempts=0)
    crashed = send(client, name, {"s": 0}, Qualifier="live")
    timed_out = send(client, name, {"s": 5}, Qualifier="live")
    send(client, name, {"s": 0}, Qualifier="1")  # has no config of its own, so that nobody is told
    records = {record["event"]["requestContext"]["requestId"]: record["event"] for record in wait_seen(node, told, 2)}
    assert records.keys() == {crashed, timed_out}
    for record in records.values():
        assert record["requestContext"]["functionArn"] == f"{arn_of(name)}:live"
        assert record["requestContext"]["approximateInvokeCount"] == 1
        assert record["responseContext"]["executedVersion"] == "1"
    assert records[crashed]["responsePayload"]["errorType"] == "Runtime.ExitError"
    assert records[timed_out]["responsePayload"]["errorType"] == "Sandbox.Timedout"


def test_a_success_is_told_to_a_function_which_is_called_asynchronously_itself(
    node: Node, client: Any, recorder: Recorder
) -> None:
    name, told, last = recorder(), recorder(), recorder()
    set_destination(client, name, "OnSuccess", told)
    set_destination(client, told, "OnSuccess", last)
    request_id = send(client, name, [1.50, "é"])
    record = wait_seen(node, last, 1)[0]["event"]
    inner = record["requestPayload"]
    assert inner["requestContext"]["requestId"] == request_id
    assert inner["requestContext"]["condition"] == record["requestContext"]["condition"] == "Success"
    assert inner["requestPayload"] == [1.5, "é"]
    assert inner["responsePayload"] == {"answered": True}
    assert record["requestContext"]["requestId"] == seen(node, told)[0]["request_id"] != request_id


def test_a_reserved_concurrency_of_zero_sends_events_straight_to_the_failure_destination(
    node: Node, client: Any, recorder: Recorder
) -> None:
    name, told = recorder(), recorder()
    set_destination(client, name, "OnFailure", told)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    send(client, name, {})
    record = wait_seen(node, told, 1)[0]["event"]
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record
    assert seen(node, name) == []


def test_throttled_events_wait_without_using_up_their_retries(node: Node, client: Any, recorder: Recorder) -> None:
    name, told = recorder(Timeout=10), recorder()
    set_destination(client, name, "OnSuccess", told, MaximumRetryAttempts=0)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(1) as calls:
        busy = calls.submit(
            node.client("lambda").invoke, FunctionName=name, Payload=json.dumps({"seconds": 1.5, "held": True})
        )
        wait_seen(node, name, 1)
        requests = {send(client, name, {"n": number}) for number in range(5)}
        assert "FunctionError" not in busy.result()
    records = [record["event"] for record in wait_seen(node, told, 5)]
    assert {record["requestContext"]["requestId"] for record in records} == requests
    assert {record["requestContext"]["approximateInvokeCount"] for record in records} == {1}


def test_events_of_a_function_that_was_deleted_are_dropped(node: Node, client: Any, recorder: Recorder) -> None:
    name, told, last = recorder(), recorder(), recorder()
    set_destination(client, name, "OnFailure", told)
    send(client, name, {"fails": "x"})
    wait_seen(node, name, 1)
    client.delete_function(FunctionName=name)
    time.sleep(3 * RETRY_DELAY_S)
    set_destination(client, last, "OnSuccess", told)
    send(client, last, "after")
    assert [record["event"]["requestPayload"] for record in wait_seen(node, told, 1)] == ["after"]


def test_a_function_with_a_long_queue_does_not_hold_up_another(node: Node, client: Any, recorder: Recorder) -> None:
    slow, quick = recorder(Timeout=30), recorder()
    client.put_function_concurrency(FunctionName=slow, ReservedConcurrentExecutions=2)
    for number in range(120):
        send(client, slow, {"seconds": 2, "n": number})
    began_s = time.monotonic()
    send(client, quick, {})
    wait_seen(node, quick, 1)
    assert time.monotonic() - began_s < 2
    client.put_function_concurrency(FunctionName=slow, ReservedConcurrentExecutions=0)


def test_a_thousand_events_that_come_at_once_all_run_once(node: Node, client: Any, recorder: Recorder) -> None:
    name = recorder()
    with ThreadPoolExecutor(32) as callers:
        requests = list(callers.map(lambda number: send(client, name, number), range(1000)))
    records = wait_seen(node, name, 1000)
    assert sorted(record["event"] for record in records) == list(range(1000))
    assert {record["request_id"] for record in records} == set(requests)
