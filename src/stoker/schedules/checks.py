"""What EventBridge Scheduler does not take, beyond what its model says: pure functions that raise its errors.

Source: Amazon EventBridge Scheduler API Reference, "CreateSchedule". Where AWS's words are not known they are our own.
"""

import json
from collections.abc import Mapping
from typing import Any

from stoker.arn import split_arn
from stoker.recurrence.errors import ExpressionError
from stoker.recurrence.expressions import schedule_expression, time_zone
from stoker.schedules.errors import invalid
from stoker.schedules.requests import is_known, is_universal

START_AGO_MAX_S = 5 * 60
INPUT_CHARACTERS_MAX = 262_144
_DOCUMENTED = "See docs/compatibility.md."
# Parameters of targets, by the kind of target that has them.
_PARAMETERS = {
    "EcsParameters": "",
    "SageMakerPipelineParameters": "",
    "EventBridgeParameters": "events",
    "KinesisParameters": "kinesis",
    "SqsParameters": "sqs",
}


def check_schedule(members: Mapping[str, Any], now_s: float) -> None:
    """Raises ValidationException."""
    if members.get("KmsKeyArn"):
        raise invalid(f"Stoker does not support KmsKeyArn. {_DOCUMENTED}")
    _check_expression(members)
    _check_window(members["FlexibleTimeWindow"])
    start_s, end_s = members.get("StartDate"), members.get("EndDate")
    if start_s is not None and start_s < now_s - START_AGO_MAX_S:
        raise invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if end_s is not None and end_s < now_s:
        raise invalid("The EndDate you specify cannot be earlier than the current time.")
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise invalid("The EndDate you specify must be later than the StartDate.")
    _check_target(members["Target"])


def _check_expression(members: Mapping[str, Any]) -> None:
    name = members.get("ScheduleExpressionTimezone") or "UTC"
    try:
        zone = time_zone(name)
    except ExpressionError:
        raise invalid(f"Invalid ScheduleExpressionTimezone {name}.") from None
    expression = members["ScheduleExpression"]
    try:
        schedule_expression(expression, zone)
    except ExpressionError:
        raise invalid(f"Invalid Schedule Expression {expression}.") from None


def _check_window(window: Mapping[str, Any]) -> None:
    minutes = window.get("MaximumWindowInMinutes")
    if window["Mode"] == "OFF" and minutes is not None:
        raise invalid("MaximumWindowInMinutes must not be set when the flexible time window's mode is OFF.")
    if window["Mode"] == "FLEXIBLE" and minutes is None:
        raise invalid("MaximumWindowInMinutes must be set when the flexible time window's mode is FLEXIBLE.")


def _check_target(target: Mapping[str, Any]) -> None:
    arn = target["Arn"]
    parts = split_arn(arn)
    if parts is None:
        raise invalid(f"Provided Arn is not in correct format: {arn[:256]}.")
    if not is_known(arn):
        raise invalid(f"Stoker does not invoke targets such as {arn[:256]}. {_DOCUMENTED}")
    for name, service in _PARAMETERS.items():
        if target.get(name) is not None and (is_universal(arn) or service != parts.service):
            raise invalid(f"{name} is not for targets such as {arn[:256]}.")
    given = target.get("Input")
    if given is not None and len(given) > INPUT_CHARACTERS_MAX:
        raise invalid(f"Input is longer than {INPUT_CHARACTERS_MAX} characters.")
    _check_parameters(parts.service, parts.resource, target)
    if is_universal(arn) and not _is_object(given):
        raise invalid("Input must be a valid JSON object for universal targets.")


def _check_parameters(service: str, resource: str, target: Mapping[str, Any]) -> None:
    if (
        service == "sqs"
        and resource.endswith(".fifo")
        and not (target.get("SqsParameters") or {}).get("MessageGroupId")
    ):
        raise invalid("SqsParameters with a MessageGroupId must be specified for FIFO queues.")
    if service == "events" and target.get("EventBridgeParameters") is None:
        raise invalid("EventBridgeParameters must be specified for event buses.")
    if service == "kinesis" and target.get("KinesisParameters") is None:
        raise invalid("KinesisParameters must be specified for streams.")


def _is_object(text: str | None) -> bool:
    try:
        return isinstance(json.loads(text or ""), dict)
    except (ValueError, RecursionError):
        return False
