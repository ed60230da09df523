"""When a secret is rotated next, by its rules: pure functions.

Source: AWS Secrets Manager User Guide, "Rotation schedules", and API Reference, "RotationRulesType". A rotation begins
with its window; a window that has passed, because nobody was there, is not made up for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stoker.recurrence.errors import ExpressionError
from stoker.recurrence.expressions import Rate, rule_expression

DAYS_MAX = 1000
DAY_S, HOUR_S = 86_400, 3_600
PERIOD_MIN_S = 4 * HOUR_S
_DURATION = re.compile(r"([1-9]|1\d|2[0-4])h")
_CRON_FORM = re.compile(r"cron\(0 .* \*\)")


class RotationRulesError(ValueError):
    """What is wrong with the rules, for the caller."""


@dataclass(frozen=True, slots=True)
class RotationRules:
    """Either days or an expression; an empty one when there is neither."""

    after_days: int | None = None
    expression: str = ""
    duration: str = ""

    def next_s(self, now_s: float) -> float | None:
        """The beginning of the next window (None: there is none); days and periods count from `now_s`."""
        if self.after_days is not None:
            return now_s + self.after_days * DAY_S
        return rule_expression(self.expression).next_after(now_s, now_s) if self.expression else None

    @property
    def window_s(self) -> int:
        """How long a rotation may still begin after its time."""
        if self.duration:
            return int(self.duration.removesuffix("h")) * HOUR_S
        return HOUR_S if "hour" in self.expression else DAY_S

    def shown(self) -> dict[str, Any]:
        """As DescribeSecret has them."""
        named = {
            "AutomaticallyAfterDays": self.after_days,
            "Duration": self.duration,
            "ScheduleExpression": self.expression,
        }
        return {name: value for name, value in named.items() if value}


def rotation_rules(given: Mapping[str, Any]) -> RotationRules:
    """Raises RotationRulesError."""
    days, expression = given.get("AutomaticallyAfterDays"), given.get("ScheduleExpression") or ""
    duration = given.get("Duration") or ""
    if days is not None and expression:
        raise RotationRulesError("You can't specify both AutomaticallyAfterDays and ScheduleExpression.")
    if days is not None and not 1 <= days <= DAYS_MAX:
        raise RotationRulesError("RotationRules.AutomaticallyAfterDays must be within 1-1000.")
    if expression:
        _check_expression(expression)
    if duration and not _DURATION.fullmatch(duration):
        raise RotationRulesError("RotationRules.Duration must be a number of hours within 1h-24h.")
    return RotationRules(days, expression, duration)


def _check_expression(expression: str) -> None:
    """Windows open on the hour, at most every four hours, and once a year at least."""
    try:
        recurrence = rule_expression(expression)
    except ExpressionError:
        raise RotationRulesError("RotationRules.ScheduleExpression is not valid.") from None
    if isinstance(recurrence, Rate):
        if recurrence.period_s < PERIOD_MIN_S or "minute" in expression:
            raise RotationRulesError("RotationRules.ScheduleExpression must not be more often than every 4 hours.")
    elif not _CRON_FORM.fullmatch(expression):
        raise RotationRulesError("RotationRules.ScheduleExpression must have 0 in minutes, and * in years.")
