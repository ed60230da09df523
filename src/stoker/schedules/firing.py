"""What comes of a schedule or a rule whose time has come: pure functions, but for the ids that they are given.

Sources: Amazon EventBridge User Guide, "Creating a rule that runs on a schedule"; Amazon EventBridge Scheduler User
Guide, "Managing targets".
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from stoker.neighbours.pushes.target_input import FiredRule, target_input
from stoker.neighbours.pushes.times import iso_s
from stoker.recurrence.errors import ExpressionError
from stoker.schedules.records import Delivery, Due, Entry, Fired
from stoker.schedules.timing import DONE, rule_timing, schedule_timing

log = logging.getLogger("stoker.schedules")

# What targets have that say nothing else: Amazon EventBridge User Guide, "Event retry policy".
AGE_MAX_S = 86_400
RETRIES_MAX = 185


class Firing:
    """`new_id` makes a UUID as text."""

    def __init__(self, now_s: float, new_id: Callable[[], str]) -> None:
        self._now_s = now_s
        self._new_id = new_id

    def fire(self, entry: Entry) -> Fired:
        """What is late by more than a minute is left out."""
        assert entry.due is not None
        read = rule_timing if entry.key.kind == "rule" else schedule_timing
        try:
            timing = read(entry.document, entry.key.arn)
        except ExpressionError as error:  # as when a time zone is not known any more
            log.error("%s can never happen again: %s", entry.key.arn, error)
            return Fired((), replace(entry, due=None))
        deliveries: tuple[Delivery, ...] = ()
        if timing.is_missed(entry.due, self._now_s):
            log.warning("%s was missed at %s", entry.key.arn, iso_s(entry.due.nominal_s))
        else:
            deliveries = self._deliveries(entry, entry.due)
        following = timing.due_next(entry.due, self._now_s)
        if following is None and entry.document.get("ActionAfterCompletion") == "DELETE":
            return Fired(deliveries, None)
        document = {**entry.document, DONE: entry.due.nominal_s}
        return Fired(deliveries, replace(entry, due=following, document=document))

    def _deliveries(self, entry: Entry, due: Due) -> tuple[Delivery, ...]:
        if entry.key.kind == "schedule":
            target = entry.document["Target"]
            given = target.get("Input") or self._default_input(entry, due)
            return (self._delivery(entry, due, target, given),)
        event = self._scheduled_event(entry, due, "aws.events", {})
        rule = FiredRule(entry.key.arn, entry.key.name, self._now_s)
        targets = entry.document["Targets"]
        return tuple(self._delivery(entry, due, target, target_input(target, event, rule)) for target in targets)

    def _default_input(self, entry: Entry, due: Due) -> str:
        """Its detail is text, unlike that of a rule's event."""
        return json.dumps(self._scheduled_event(entry, due, "aws.scheduler", "{}"), separators=(",", ":"))

    def _scheduled_event(self, entry: Entry, due: Due, source: str, detail: object) -> dict[str, Any]:
        return {
            "version": "0",
            "id": self._new_id(),
            "detail-type": "Scheduled Event",
            "source": source,
            "account": entry.key.account_id,
            "time": iso_s(due.nominal_s),
            "region": entry.key.region,
            "resources": [entry.key.arn],
            "detail": detail,
        }

    def _delivery(self, entry: Entry, due: Due, target: Mapping[str, Any], given: str) -> Delivery:
        policy = target.get("RetryPolicy") or {}
        return Delivery(
            kind=entry.key.kind,
            account_id=entry.key.account_id,
            region=entry.key.region,
            source_arn=entry.key.arn,
            target={name: value for name, value in target.items() if not name.startswith("Input")},
            input=given,
            nominal_s=due.nominal_s,
            due_s=due.due_s,
            execution_id=self._new_id(),
            age_max_s=policy.get("MaximumEventAgeInSeconds", AGE_MAX_S),
            retries_max=policy.get("MaximumRetryAttempts", RETRIES_MAX),
            dead_letter_arn=(target.get("DeadLetterConfig") or {}).get("Arn") or "",
        )
