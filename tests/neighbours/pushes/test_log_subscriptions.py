"""CloudWatch Logs invokes functions with what is written, on a real node."""

import base64
import gzip
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node

from .conftest import ACCOUNT, REGION, Recorder

Recorders = Callable[..., Recorder]
SERVICE = "logs.amazonaws.com"


@pytest.fixture
def logs(node: Node) -> Any:
    return node.client("logs")


@pytest.fixture
def group(logs: Any) -> str:
    name = f"group-{uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="stream")
    return name


def group_arn(group: str) -> str:
    return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"


def subscribe(logs: Any, group: str, function: Recorder, pattern: str = "", name: str = "mine") -> None:
    logs.put_subscription_filter(
        logGroupName=group, filterName=name, filterPattern=pattern, destinationArn=function.arn
    )


def write(logs: Any, group: str, *messages: str) -> int:
    """At this time, in epoch ms."""
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)
    return now_ms


def unpacked(event: Any) -> Any:
    assert event.keys() == {"awslogs"}
    assert event["awslogs"].keys() == {"data"}
    return json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))


def test_a_function_gets_what_matches(logs: Any, group: str, recorder: Recorders) -> None:
    function = recorder()
    function.let_in(SERVICE, group_arn(group), SourceAccount=ACCOUNT)
    subscribe(logs, group, function, "ERROR")
    now_ms = write(logs, group, "all is well", "ERROR grün", "an ERROR, too")
    message = unpacked(function.wait_seen()[0])
    ids = [event["id"] for event in message["logEvents"]]
    assert message == {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": group,
        "logStream": "stream",
        "subscriptionFilters": ["mine"],
        "logEvents": [
            {"id": ids[0], "timestamp": now_ms, "message": "ERROR grün"},
            {"id": ids[1], "timestamp": now_ms, "message": "an ERROR, too"},
        ],
    }
    assert len(set(ids)) == 2
    assert all(len(event_id) == 56 and event_id.isdecimal() for event_id in ids)


def test_what_another_function_prints_is_sent_on(node: Node, logs: Any, recorder: Recorders) -> None:
    speaker, function = recorder("def handler(event, context):\n    print(event)"), recorder()
    function.let_in("logs.us-east-1.amazonaws.com")
    client = node.client("lambda")
    client.invoke(FunctionName=speaker.name, Payload='"first"')
    subscribe(logs, f"/aws/lambda/{speaker.name}", function, "again")
    client.invoke(FunctionName=speaker.name, Payload='"again"')
    message = unpacked(function.wait_seen()[0])
    assert [event["message"] for event in message["logEvents"]] == ["again\n"]


def test_filters_are_listed_replaced_and_deleted(logs: Any, group: str, recorder: Recorders) -> None:
    function = recorder()
    function.let_in(SERVICE)
    subscribe(logs, group, function, "a", "one")
    subscribe(logs, group, function, "b", "one")
    subscribe(logs, group, function, "c", "two")
    with pytest.raises(ClientError, match="LimitExceededException"):
        subscribe(logs, group, function, "d", "three")
    (one, two) = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert one == {
        "filterName": "one",
        "logGroupName": group,
        "filterPattern": "b",
        "destinationArn": function.arn,
        "distribution": "ByLogStream",
        "creationTime": one["creationTime"],
    }
    page = logs.describe_subscription_filters(logGroupName=group, limit=1)
    (second,) = logs.describe_subscription_filters(logGroupName=group, nextToken=page["nextToken"])[
        "subscriptionFilters"
    ]
    assert second == two
    logs.delete_subscription_filter(logGroupName=group, filterName="one")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.delete_subscription_filter(logGroupName=group, filterName="one")
    logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group)
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []


def test_what_cannot_be_delivered_is_refused(node: Node, logs: Any, group: str, recorder: Recorders) -> None:
    for function in (recorder(), Recorder(node, "gone")):
        with pytest.raises(ClientError, match="Could not execute the lambda function"):
            subscribe(logs, group, function)
    function = recorder()
    function.let_in(SERVICE)
    node.client("lambda").invoke(FunctionName=function.name, Payload="1")
    with pytest.raises(ClientError, match="its own log group"):
        subscribe(logs, f"/aws/lambda/{function.name}", function)
    with pytest.raises(ClientError, match="whose destination is in kinesis"):
        logs.put_subscription_filter(
            logGroupName=group,
            filterName="f",
            filterPattern="",
            destinationArn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s",
        )
