"""AWS's cron expressions: which minutes they name, and the next of them, in whatever time zone that is read.

Source: Amazon EventBridge User Guide, "Cron expressions".
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from stoker.recurrence.cron_fields import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOURS,
    MINUTES,
    MONTH,
    YEAR,
    YEAR_MAX,
    DaysOfMonth,
    DaysOfWeek,
    days_of_month,
    days_of_week,
    numbers,
)
from stoker.recurrence.errors import ExpressionError


@dataclass(frozen=True, slots=True)
class Cron:
    """One expression. Of the two kinds of days one is None: its field was `?`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    month_days: DaysOfMonth | None
    months: frozenset[int]
    week_days: DaysOfWeek | None
    years: frozenset[int]

    def next_after(self, moment: datetime) -> datetime | None:
        """The first minute named after `moment`, both as a clock on the wall shows them; None: there is none."""
        start = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for day in self._days_from(start):
            earliest = (start.hour, start.minute) if day.date() == start.date() else (0, 0)
            for hour in self.hours:
                for minute in self.minutes:
                    if (hour, minute) >= earliest:
                        return day.replace(hour=hour, minute=minute)
        return None

    def _days_from(self, start: datetime) -> Iterator[datetime]:
        for year in range(start.year, YEAR_MAX + 1):
            if year not in self.years:
                continue
            for month in range(start.month if year == start.year else 1, 13):
                if month not in self.months:
                    continue
                first = start.day if (year, month) == (start.year, start.month) else 1
                yield from (datetime(year, month, day) for day in self.days(year, month) if day >= first)

    def days(self, year: int, month: int) -> list[int]:
        """Those named in one month, in order."""
        length = calendar.monthrange(year, month)[1]
        if self.month_days is not None:
            return sorted(_month_days(self.month_days, year, month, length))
        assert self.week_days is not None
        return sorted(_week_days(self.week_days, year, month, length))


def parse_cron(text: str) -> Cron:
    """Of what stands between the brackets. Raises ExpressionError."""
    fields = text.split()
    if len(fields) != 6:
        raise ExpressionError(f"a cron expression has six fields, not {len(fields)}")
    minute, hour, month_day, month, week_day, year = fields
    if (month_day == "?") == (week_day == "?"):
        raise ExpressionError(f"one of {DAY_OF_MONTH.name} and {DAY_OF_WEEK.name} is '?', and one only")
    return Cron(
        tuple(sorted(numbers(minute, MINUTES))),
        tuple(sorted(numbers(hour, HOURS))),
        None if month_day == "?" else days_of_month(month_day),
        numbers(month, MONTH),
        None if week_day == "?" else days_of_week(week_day),
        numbers(year, YEAR),
    )


def _month_days(days: DaysOfMonth, year: int, month: int, length: int) -> set[int]:
    found = {day for day in days.numbers if day <= length}
    found |= {_nearest_working(year, month, day, length) for day in days.nearest_working if day <= length}
    if days.has_last:
        found.add(length)
    if days.has_last_working:
        found.add(_nearest_working(year, month, length, length))
    return found


def _nearest_working(year: int, month: int, day: int, length: int) -> int:
    """Within the month: the Monday after a Saturday that is the first, the Friday before a Sunday that is the last."""
    match calendar.weekday(year, month, day):
        case 5:
            return day - 1 if day > 1 else day + 2
        case 6:
            return day + 1 if day < length else day - 2
        case _:
            return day


def _week_days(days: DaysOfWeek, year: int, month: int, length: int) -> set[int]:
    first = (calendar.weekday(year, month, 1) + 1) % 7 + 1  # as AWS counts: 1 is Sunday
    found = set()
    for day in range(1, length + 1):
        kind = (first - 1 + day - 1) % 7 + 1
        is_nth = days.nth is not None and days.nth == (kind, (day - 1) // 7 + 1)
        if kind in days.numbers or (kind in days.last and day > length - 7) or is_nth:
            found.add(day)
    return found
