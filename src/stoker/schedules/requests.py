"""What a target's service is asked for, by the kind of target: pure functions.

Sources: Amazon EventBridge Scheduler User Guide, "Using templated targets" and "Using universal targets"; Amazon
EventBridge User Guide, "Event bus targets".
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from botocore.loaders import Loader

from stoker.arn import Arn, split_arn
from stoker.neighbours.pushes.times import iso_s
from stoker.schedules.records import Delivery

UNIVERSAL = "arn:aws:scheduler:::aws-sdk:"
# Where AWS's SDKs for other languages name a service differently than botocore.
_SDK_NAMES = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs"}


@dataclass(frozen=True, slots=True)
class Request:
    """An operation of a service, by botocore's name for it (`stepfunctions`)."""

    service: str
    account_id: str
    region: str
    operation: str
    parameters: Mapping[str, Any]


class BadTargetError(ValueError):
    """Nothing can be asked of this target, or not with this input."""


def is_function(arn: str) -> bool:
    return arn.split(":")[2:3] == ["lambda"]


def is_universal(arn: str) -> bool:
    return arn.startswith(UNIVERSAL)


def is_known(arn: str) -> bool:
    """Whether targets of this kind can be invoked."""
    if is_universal(arn):
        return universal_operation(arn) is not None
    parts = split_arn(arn)
    return parts is not None and (parts.service == "lambda" or (parts.service, _kind(parts)) in _REQUESTS)


def given_input(delivery: Delivery, attempt: int) -> str:
    """With the context attributes of EventBridge Scheduler in their places; `attempt` counts from 1."""
    text = delivery.input
    if delivery.kind == "schedule" and "<aws.scheduler." in text:
        for name, value in (
            ("schedule-arn", delivery.source_arn),
            ("scheduled-time", iso_s(delivery.nominal_s)),
            ("execution-id", delivery.execution_id),
            ("attempt-number", str(attempt)),
        ):
            text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def request_for(delivery: Delivery, given: str) -> Request:
    """Of a target that is no function. Raises BadTargetError."""
    if is_universal(delivery.target_arn):
        return _universal(delivery, given)
    arn = split_arn(delivery.target_arn)
    make = None if arn is None else _REQUESTS.get((arn.service, _kind(arn)))
    if arn is None or make is None:
        raise BadTargetError(f"targets such as {delivery.target_arn} are not invoked")
    service, operation, parameters = make(arn, delivery.target, given)
    return Request(service, arn.account_id, arn.region, operation, parameters)


@lru_cache(maxsize=256)
def universal_operation(arn: str) -> tuple[str, str] | None:
    """(botocore's service, the operation) of `arn:aws:scheduler:::aws-sdk:sqs:sendMessage`; None: there is none."""
    service, _, action = arn.removeprefix(UNIVERSAL).partition(":")
    service = _SDK_NAMES.get(service, service)
    loader = Loader()
    if not action or service not in loader.list_available_services("service-2"):
        return None
    operation = action[0].upper() + action[1:]
    return (service, operation) if operation in loader.load_service_model(service, "service-2")["operations"] else None


def universal_input(given: str) -> dict[str, Any]:
    """The parameters. Raises BadTargetError."""
    try:
        parameters = json.loads(given)
    except ValueError:
        parameters = None
    if not isinstance(parameters, dict):
        raise BadTargetError("the input of a universal target is a JSON object")
    return parameters


def _universal(delivery: Delivery, given: str) -> Request:
    found = universal_operation(delivery.target_arn)
    if found is None:
        raise BadTargetError(f"{delivery.target_arn} names no operation")
    return Request(found[0], delivery.account_id, delivery.region, found[1], universal_input(given))


def _kind(arn: Arn) -> str:
    """`event-bus` of `event-bus/default`; "" of a queue or a topic, whose names stand alone."""
    resource = arn.resource
    return "" if arn.service in ("sqs", "sns") else resource.replace(":", "/").partition("/")[0]


def _queue(arn: Arn, target: Mapping[str, Any], given: str) -> tuple[str, str, dict[str, Any]]:
    """Its URL is asked for by who sends."""
    group = (target.get("SqsParameters") or {}).get("MessageGroupId")
    sent = {"QueueName": arn.resource, "MessageBody": given}
    return "sqs", "SendMessage", sent | ({"MessageGroupId": group} if group else {})


def _topic(arn: Arn, _: Mapping[str, Any], given: str) -> tuple[str, str, dict[str, Any]]:
    return "sns", "Publish", {"TopicArn": str(arn), "Message": given}


def _state_machine(arn: Arn, _: Mapping[str, Any], given: str) -> tuple[str, str, dict[str, Any]]:
    return "stepfunctions", "StartExecution", {"stateMachineArn": str(arn), "input": given}


def _bus(arn: Arn, target: Mapping[str, Any], given: str) -> tuple[str, str, dict[str, Any]]:
    """From a schedule it has parameters, from a rule it is the event itself that goes on."""
    named = target.get("EventBridgeParameters")
    if named is None:
        event = universal_input(given)
        try:
            named = {
                "Source": event["source"],
                "DetailType": event["detail-type"],
                "Resources": event.get("resources", []),
            }
        except KeyError:
            raise BadTargetError("an event bus is given events") from None
        given = json.dumps(event.get("detail"))
    entry = {**named, "Detail": given, "EventBusName": str(arn)}
    return "events", "PutEvents", {"Entries": [entry]}


def _stream(arn: Arn, target: Mapping[str, Any], given: str) -> tuple[str, str, dict[str, Any]]:
    key = (target.get("KinesisParameters") or {}).get("PartitionKey") or "aws.events"
    return "kinesis", "PutRecord", {"StreamARN": str(arn), "Data": given.encode(), "PartitionKey": key}


def _delivery_stream(arn: Arn, _: Mapping[str, Any], given: str) -> tuple[str, str, dict[str, Any]]:
    name = arn.resource.partition("/")[2]
    return "firehose", "PutRecord", {"DeliveryStreamName": name, "Record": {"Data": given.encode()}}


_REQUESTS: Mapping[tuple[str, str], Callable[[Arn, Mapping[str, Any], str], tuple[str, str, dict[str, Any]]]] = {
    ("sqs", ""): _queue,
    ("sns", ""): _topic,
    ("states", "stateMachine"): _state_machine,
    ("events", "event-bus"): _bus,
    ("kinesis", "stream"): _stream,
    ("firehose", "deliverystream"): _delivery_stream,
}
