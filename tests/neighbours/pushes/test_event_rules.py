"""EventBridge invokes functions: whole events, patterns, inputs, buses and dead letters, on a real node."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Node

from .conftest import Queue, Recorder

Recorders = Callable[..., Recorder]
EVENTS = "events.amazonaws.com"


@pytest.fixture
def events(node: Node) -> Any:
    return node.client("events")


def put_rule(events: Any, pattern: dict[str, Any], function: Recorder, **target: Any) -> str:
    """A rule with this target, which the function lets in; its ARN."""
    name = f"r-{uuid4().hex[:8]}"
    arn = str(events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"])
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": function.arn, **target}])
    return arn


def put_event(events: Any, source: str, **members: Any) -> str:
    entry = {"Source": source, "DetailType": "made", "Detail": "{}"} | members
    answer = events.put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0
    return str(answer["Entries"][0]["EventId"])


def test_a_function_gets_the_whole_event(events: Any, recorder: Recorders) -> None:
    function, source = recorder(), uuid4().hex
    function.let_in(EVENTS, put_rule(events, {"source": [source]}, function))
    when = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    event_id = put_event(events, source, Detail='{"a":[1,null]}', Resources=["arn:aws:s3:::b"], Time=when)
    assert function.wait_seen() == [
        {
            "version": "0",
            "id": event_id,
            "detail-type": "made",
            "source": source,
            "account": "000000000000",
            "time": "2025-01-02T03:04:05Z",
            "region": "us-east-1",
            "resources": ["arn:aws:s3:::b"],
            "detail": {"a": [1, None]},
        }
    ]


def test_patterns_states_and_schedules_choose(events: Any, recorder: Recorders) -> None:
    function, source = recorder(), uuid4().hex
    function.let_in(EVENTS)
    put_rule(events, {"source": [source], "detail": {"n": [{"numeric": [">", 1]}]}}, function)
    off = put_rule(events, {"source": [source]}, function, Input='"off"')
    events.disable_rule(Name=off.rpartition("/")[2])
    scheduled = f"r-{uuid4().hex[:8]}"
    events.put_rule(Name=scheduled, ScheduleExpression="rate(1 day)")
    events.put_targets(Rule=scheduled, Targets=[{"Id": "t", "Arn": function.arn, "Input": '"scheduled"'}])
    for number in (1, 2, 3):
        put_event(events, source, Detail=json.dumps({"n": number}))
    assert sorted(event["detail"]["n"] for event in function.wait_seen(2)) == [2, 3]
    assert len(function.seen()) == 2


def test_a_target_gets_the_input_that_it_asks_for(events: Any, recorder: Recorders) -> None:
    function, source = recorder(), uuid4().hex
    function.let_in(EVENTS)
    pattern = {"source": [source]}
    put_rule(events, pattern, function, Input='{"constant":true}')
    put_rule(events, pattern, function, InputPath="$.detail")
    transformer = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"n":<n>,"rule":"<aws.events.rule-name>"}'}
    rule = put_rule(events, pattern, function, InputTransformer=transformer)
    put_event(events, source, Detail='{"n":7}')
    seen = function.wait_seen(3)
    for made in ({"constant": True}, {"n": 7}, {"n": 7, "rule": rule.rpartition("/")[2]}):
        assert made in seen


def test_a_bus_has_rules_of_its_own(events: Any, recorder: Recorders) -> None:
    function, source, bus = recorder(), uuid4().hex, f"bus-{uuid4().hex[:8]}"
    events.create_event_bus(Name=bus)
    rule = events.put_rule(Name="r", EventBusName=bus, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    events.put_targets(Rule="r", EventBusName=bus, Targets=[{"Id": "t", "Arn": function.arn}])
    function.let_in(EVENTS, rule)
    put_event(events, source, Detail='{"to":"default"}')
    put_event(events, source, Detail='{"to":"mine"}', EventBusName=bus)
    assert [event["detail"] for event in function.wait_seen()] == [{"to": "mine"}]


def test_what_is_refused_goes_to_the_targets_dead_letter_queue(events: Any, recorder: Recorders, queue: Queue) -> None:
    function, source = recorder(), uuid4().hex
    rule = put_rule(events, {"source": [source]}, function, DeadLetterConfig={"Arn": queue.arn})
    event_id = put_event(events, source)
    letter = queue.receive()
    assert json.loads(letter["Body"])["id"] == event_id
    attributes = {name: attribute["StringValue"] for name, attribute in letter["MessageAttributes"].items()}
    message = attributes.pop("ERROR_MESSAGE")
    assert attributes == {
        "RULE_ARN": rule,
        "TARGET_ARN": function.arn,
        "ERROR_CODE": "NO_PERMISSIONS",
        "RETRY_ATTEMPTS": "0",
    }
    assert "events.amazonaws.com is not authorized" in message


def test_targets_of_other_kinds_get_their_events_beside_a_function(
    events: Any, recorder: Recorders, queue: Queue
) -> None:
    function, source = recorder(), uuid4().hex
    function.let_in(EVENTS)
    events.put_targets(
        Rule=put_rule(events, {"source": [source]}, function).rpartition("/")[2],
        Targets=[
            {"Id": "unknown", "Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c"},
            {"Id": "queue", "Arn": queue.arn},
        ],
    )
    event_id = put_event(events, source)
    assert function.wait_seen()[0]["id"] == event_id
    assert json.loads(queue.receive()["Body"])["id"] == event_id


def test_s3_sends_whole_events_through_the_default_bus(node: Node, events: Any, recorder: Recorders) -> None:
    function, s3, bucket = recorder(), node.client("s3"), f"bucket-{uuid4().hex[:8]}"
    function.let_in(EVENTS)
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    put_rule(events, {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}, function)
    s3.put_object(Bucket=bucket, Key="a b", Body=b"hello")
    (event,) = function.wait_seen()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])
    detail = event["detail"]
    assert event == {
        "version": "0",
        "id": event["id"],
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "000000000000",
        "time": event["time"],
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": "a b",
                "size": 5,
                "etag": "5d41402abc4b2a76b9719d911017c592",
                "sequencer": detail["object"]["sequencer"],
            },
            "request-id": detail["request-id"],
            "requester": "000000000000",
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        },
    }
