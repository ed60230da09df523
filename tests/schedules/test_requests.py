"""What services are asked for, by the kind of target."""

import json
from typing import Any

import pytest

from stoker.schedules.records import Delivery, Kind
from stoker.schedules.requests import BadTargetError, Request, is_known, request_for

HERE = ("123456789012", "eu-west-1")


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:eu-west-1:123456789012:{resource}"


def request(target_arn: str, given: str, kind: Kind = "schedule", **target: Any) -> Request:
    # The schedule is elsewhere: only universal targets are asked where it is.
    delivery = Delivery(
        kind, "210987654321", "us-east-1", "source", {"Arn": target_arn, **target}, given, 0.0, 0.0, "id", 60, 0
    )
    return request_for(delivery, given)


EVENT = json.dumps({"source": "aws.events", "detail-type": "Scheduled Event", "resources": ["r"], "detail": {"a": 1}})
BUS = arn("events", "event-bus/b")
MACHINE = arn("states", "stateMachine:m")
STREAM = arn("kinesis", "stream/s")


@pytest.mark.parametrize(
    ("made", "service", "operation", "parameters"),
    [
        (
            request(arn("sqs", "q.fifo"), "text", SqsParameters={"MessageGroupId": "g"}),
            *("sqs", "SendMessage", {"QueueName": "q.fifo", "MessageBody": "text", "MessageGroupId": "g"}),
        ),
        (request(arn("sns", "t"), "text"), "sns", "Publish", {"TopicArn": arn("sns", "t"), "Message": "text"}),
        (request(MACHINE, "{}"), "stepfunctions", "StartExecution", {"stateMachineArn": MACHINE, "input": "{}"}),
        (
            request(BUS, "{}", EventBridgeParameters={"Source": "s", "DetailType": "d"}),
            *("events", "PutEvents"),
            {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}", "EventBusName": BUS}]},
        ),
        (
            request(BUS, EVENT, "rule"),
            *("events", "PutEvents"),
            {
                "Entries": [
                    {
                        "Source": "aws.events",
                        "DetailType": "Scheduled Event",
                        "Resources": ["r"],
                        "Detail": '{"a": 1}',
                        "EventBusName": BUS,
                    }
                ]
            },
        ),
        (
            request(STREAM, "é", KinesisParameters={"PartitionKey": "k"}),
            *("kinesis", "PutRecord", {"StreamARN": STREAM, "Data": "é".encode(), "PartitionKey": "k"}),
        ),
        (
            request(arn("firehose", "deliverystream/d"), "x"),
            *("firehose", "PutRecord", {"DeliveryStreamName": "d", "Record": {"Data": b"x"}}),
        ),
    ],
)
def test_templated_targets(made: Request, service: str, operation: str, parameters: dict[str, Any]) -> None:
    assert made == Request(service, *HERE, operation, parameters)


def test_universal_targets_are_asked_where_the_schedule_is() -> None:
    made = request("arn:aws:scheduler:::aws-sdk:sfn:startExecution", '{"stateMachineArn":"m"}')
    assert made == Request("stepfunctions", "210987654321", "us-east-1", "StartExecution", {"stateMachineArn": "m"})


@pytest.mark.parametrize(
    ("target_arn", "given"),
    [
        ("arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "no object"),
        ("arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "[]"),
        ("arn:aws:scheduler:::aws-sdk:sqs:fly", "{}"),
        ("arn:aws:scheduler:::aws-sdk:sqs", "{}"),
        (arn("ecs", "cluster/c"), "{}"),
        (arn("events", "api-destination/d/1"), "{}"),
        (BUS, "no event"),
        ("nothing", "{}"),
    ],
)
def test_what_cannot_be_asked(target_arn: str, given: str) -> None:
    with pytest.raises(BadTargetError):
        request(target_arn, given)


def test_only_what_can_be_asked_is_known() -> None:
    assert all(map(is_known, (BUS, MACHINE, STREAM, arn("lambda", "function:f"))))
    assert not any(map(is_known, (arn("ecs", "cluster/c"), arn("states", "activity:a"), "nothing")))
