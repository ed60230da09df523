"""Whom to tell what of an event that has ended: pure rules (reference: invocation, 2.1 and 2.2)."""

import uuid
from dataclasses import dataclass

from stoker.async_invocations.outcome_record import outcome_record, qualified_arn
from stoker.async_invocations.records import Delivery, Event
from stoker.async_invocations.rules import Condition
from stoker.async_invocations.store import target_of
from stoker.functions.records import Function
from stoker.invocation import InvocationResult
from stoker.invocations.lineage import with_invocation_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an event ended after `tries` runs.

    `result` is what the last run came to, if there was one to tell of; `error_code` and `error_message` are what a
    dead letter says: the status of the refusal, or 200 for an error of the function.
    """

    condition: Condition
    tries: int
    result: InvocationResult | None = None
    error_code: int = 200
    error_message: str = ""


def deliveries_of(event: Event, function: Function, outcome: Outcome, now_s: float) -> tuple[Delivery, ...]:
    """What is to be sent: the record, the dead letter, both or nothing."""
    is_success = outcome.condition is Condition.SUCCESS
    config = function.event_invoke_configs.get(event.qualifier)
    version = function.version(event.qualifier)
    deliveries = []
    if config is not None and (destination := config.on_success if is_success else config.on_failure):
        record = outcome_record(event, outcome.condition, outcome.tries, outcome.result, now_s)
        deliveries.append(_delivery(event, destination, record, is_success, now_s))
    if not is_success and version is not None and version.dead_letter_target_arn:
        deliveries.append(_dead_letter(event, version.dead_letter_target_arn, outcome, now_s))
    return tuple(deliveries)


def is_for_function(delivery: Delivery) -> bool:
    """Whether the destination is a function: then it is an event again."""
    return delivery.destination.split(":", 3)[2] == "lambda"


def as_event(delivery: Delivery) -> Event:
    """A function that is a destination is invoked asynchronously, under a request id of its own."""
    target = target_of(delivery.destination, None)
    return Event(target, str(uuid.uuid4()), delivery.trace_id, delivery.body, delivery.ended_s)


def _delivery(event: Event, destination: str, record: bytes, is_success: bool, now_s: float) -> Delivery:
    return Delivery(
        destination=destination,
        kind="record",
        function_arn=qualified_arn(event),
        request_id=event.request_id,
        trace_id=with_invocation_of(event.trace_id, event.lane),
        is_success=is_success,
        body=record,
        ended_s=now_s,
    )


def _dead_letter(event: Event, target_arn: str, outcome: Outcome, now_s: float) -> Delivery:
    return Delivery(
        destination=target_arn,
        kind="dead letter",
        function_arn=qualified_arn(event),
        request_id=event.request_id,
        trace_id=with_invocation_of(event.trace_id, event.lane),
        is_success=False,
        body=event.payload,
        ended_s=now_s,
        error_code=outcome.error_code,
        error_message=outcome.error_message,
    )
