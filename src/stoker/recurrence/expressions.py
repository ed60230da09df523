"""Expressions of schedules, and when what they say happens next.

Sources: Amazon EventBridge User Guide, "Creating a rule that runs on a schedule"; Amazon EventBridge Scheduler User
Guide, "Schedule types".
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stoker.recurrence.cron import Cron, parse_cron
from stoker.recurrence.errors import ExpressionError

UNITS_S = {"minute": 60, "hour": 3_600, "day": 86_400}
_EXPRESSION = re.compile(r"(?P<kind>rate|cron|at)\((?P<inner>[^()]*)\)")
_RATE = re.compile(r"(?P<value>[1-9]\d{0,8}) (?P<unit>minute|hour|day)(?P<plural>s?)", re.ASCII)
_AT_FORM = "%Y-%m-%dT%H:%M:%S"
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so many seconds, counted from a beginning."""

    period_s: int

    def next_after(self, after_s: float, begin_s: float) -> float | None:
        """The first time after `after_s`; `begin_s` is one of them, the earliest."""
        if after_s < begin_s:
            return begin_s
        return begin_s + (math.floor((after_s - begin_s) / self.period_s) + 1) * self.period_s


@dataclass(frozen=True, slots=True)
class At:
    """Once."""

    epoch_s: float

    def next_after(self, after_s: float, begin_s: float) -> float | None:
        """The time itself, if it is after `after_s`. It has no beginning."""
        del begin_s
        return self.epoch_s if self.epoch_s > after_s else None


@dataclass(frozen=True, slots=True)
class CronIn:
    """A cron expression as the clocks of a time zone show it.

    A minute that they skip in spring is skipped; one that they show twice in autumn is the first of the two.
    """

    cron: Cron
    zone: tzinfo

    def next_after(self, after_s: float, begin_s: float) -> float | None:
        """The first time after `after_s` that is not before `begin_s`."""
        after_s = max(after_s, math.nextafter(begin_s, -math.inf))
        shown: datetime | None = datetime.fromtimestamp(after_s, self.zone).replace(tzinfo=None)
        while shown is not None and (shown := self.cron.next_after(shown)) is not None:
            moment = shown.replace(tzinfo=self.zone)
            epoch_s = moment.timestamp()
            is_shown = datetime.fromtimestamp(epoch_s, self.zone).replace(tzinfo=None) == shown
            if is_shown and epoch_s > after_s:
                return epoch_s
        return None


Recurrence = Rate | At | CronIn


def rule_expression(text: str) -> Recurrence:
    """Of an EventBridge rule, or of the rotation of a secret: always in UTC, and never once. Raises ExpressionError."""
    kind, inner = _split(text)
    if kind == "at":
        raise ExpressionError("a rule does not happen once")
    if kind == "rate":
        match = _rate(inner)
        if (match["value"] == "1") == bool(match["plural"]):
            raise ExpressionError("1 goes with a singular, and any other number with a plural")
        return _period(match)
    return CronIn(parse_cron(inner), UTC)


def schedule_expression(text: str, zone: tzinfo) -> Recurrence:
    """Of EventBridge Scheduler. Raises ExpressionError."""
    kind, inner = _split(text)
    if kind == "rate":
        return _period(_rate(inner))
    if kind == "cron":
        return CronIn(parse_cron(inner), zone)
    if not _AT.fullmatch(inner):
        raise ExpressionError("a time is written as yyyy-mm-ddThh:mm:ss")
    try:
        # What clocks skip in spring is taken as if they had not been changed yet.
        return At(datetime.strptime(inner, _AT_FORM).replace(tzinfo=zone).timestamp())
    except (ValueError, OverflowError):
        raise ExpressionError("there is no such time") from None


def time_zone(name: str) -> tzinfo:
    """By its name in IANA's database. Raises ExpressionError."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder
        raise ExpressionError(f"there is no time zone {name!r}") from None


def _split(text: str) -> tuple[str, str]:
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        raise ExpressionError("the expression is neither rate(…), cron(…) nor at(…)")
    return match["kind"], match["inner"]


def _rate(inner: str) -> re.Match[str]:
    match = _RATE.fullmatch(inner)
    if match is None:
        raise ExpressionError("a rate is a positive number and minutes, hours or days")
    return match


def _period(match: re.Match[str]) -> Rate:
    return Rate(int(match["value"]) * UNITS_S[match["unit"]])
