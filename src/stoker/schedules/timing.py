"""When a schedule or a rule is due next, of what it says and of what has been done: pure functions.

Source: Amazon EventBridge Scheduler User Guide, "Schedule types" and "Configuring flexible time windows".
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stoker.recurrence.expressions import At, Rate, Recurrence, rule_expression, schedule_expression, time_zone
from stoker.schedules.records import Due

# "All schedule types invoke their targets with 60 second precision": what is done within it is in time, and what could
# not be, because nobody was there, is missed. AWS makes up for no tick.
LATE_MAX_S = 60.0

# Members of our own in a document: when it came to be and was changed, from when a rate counts, and the last time named
# by the expression that was acted on.
CREATED, MODIFIED, BEGUN, DONE = "stoker:Created", "stoker:Modified", "stoker:Begun", "stoker:Done"


@dataclass(frozen=True, slots=True)
class Timing:
    """An expression with all that bounds it. `arn` is for choosing a place in the flexible window, always the same."""

    recurrence: Recurrence
    begin_s: float
    end_s: float
    window_s: int
    arn: str

    def due_after(self, after_s: float) -> Due | None:
        """The first time that is named after `after_s`."""
        nominal_s = self.recurrence.next_after(after_s, self.begin_s)
        if nominal_s is None or nominal_s > self.end_s:
            return None
        return Due(nominal_s, nominal_s + self._put_off_s(nominal_s))

    def is_missed(self, due: Due, now_s: float) -> bool:
        """Whether it is too late for what was to be done. What happens once is never missed: it is tried for as long as
        its retry policy says, as if its target could not be reached meanwhile."""
        return not isinstance(self.recurrence, At) and now_s > due.nominal_s + self.window_s + LATE_MAX_S

    def due_next(self, due: Due, now_s: float) -> Due | None:
        """What comes after `due`, and is not missed already."""
        return self.due_after(max(due.nominal_s, now_s - self.window_s - LATE_MAX_S))

    def _put_off_s(self, nominal_s: float) -> float:
        if not self.window_s:
            return 0.0
        digest = hashlib.sha256(f"{self.arn} {nominal_s!r}".encode()).digest()
        return self.window_s * int.from_bytes(digest[:8], "big") / 2**64


def rule_timing(document: Mapping[str, Any], arn: str) -> Timing:
    """Of a rule. Raises ExpressionError."""
    return Timing(rule_expression(document["ScheduleExpression"]), document[BEGUN], math.inf, 0, arn)


def schedule_timing(document: Mapping[str, Any], arn: str) -> Timing:
    """Of a schedule. Raises ExpressionError."""
    zone = time_zone(document.get("ScheduleExpressionTimezone") or "UTC")
    recurrence = schedule_expression(document["ScheduleExpression"], zone)
    window = document["FlexibleTimeWindow"]
    window_s = 60 * window["MaximumWindowInMinutes"] if window["Mode"] == "FLEXIBLE" else 0
    start_s, end_s = document.get("StartDate"), document.get("EndDate")
    if isinstance(recurrence, At):  # it ignores both
        start_s = end_s = None
    if start_s is None:
        start_s = document[BEGUN] if isinstance(recurrence, Rate) else 0.0
    return Timing(recurrence, start_s, math.inf if end_s is None else end_s, window_s, arn)


def first_rule_due(document: Mapping[str, Any], arn: str, now_s: float) -> Due | None:
    """Of a rule that is new, changed or enabled: a rate begins with its first period."""
    return rule_timing(document, arn).due_after(max(now_s, document[BEGUN]))


def first_schedule_due(document: Mapping[str, Any], arn: str, now_s: float) -> Due | None:
    """Of a schedule that is new, changed or enabled: a rate without a start date begins at once, and what happens once
    and has not happened yet is due, even if its time has passed."""
    timing = schedule_timing(document, arn)
    done_s = document.get(DONE, -math.inf)
    if isinstance(timing.recurrence, At):
        return timing.due_after(done_s)
    begins_now = isinstance(timing.recurrence, Rate) and document.get("StartDate") is None and DONE not in document
    return timing.due_after(max(done_s, timing.begin_s - 1.0 if begins_now else now_s))
