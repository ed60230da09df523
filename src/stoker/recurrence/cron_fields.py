"""The six fields of AWS's cron expressions, read into what they let in: pure functions.

Source: Amazon EventBridge User Guide, "Cron expressions". Where it is silent (ranges over the end, such as `22-2` and
`FRI-MON`, and `LW`) this is as Quartz has it, whose expressions AWS's are.
"""

import re
from dataclasses import dataclass

from stoker.recurrence.errors import ExpressionError

YEAR_MIN, YEAR_MAX = 1970, 2199
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), start=1
    )
}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """What a field may hold: numbers from `least` to `most`, and names for them."""

    name: str
    least: int
    most: int
    names: dict[str, int]


MINUTES = Field("Minutes", 0, 59, {})
HOURS = Field("Hours", 0, 23, {})
DAY_OF_MONTH = Field("Day-of-month", 1, 31, {})
MONTH = Field("Month", 1, 12, _MONTHS)
DAY_OF_WEEK = Field("Day-of-week", 1, 7, _DAYS)
YEAR = Field("Year", YEAR_MIN, YEAR_MAX, {})


@dataclass(frozen=True, slots=True)
class DaysOfMonth:
    """Days by their numbers, the working days nearest to some (`15W`), the last (`L`), the last working one (`LW`)."""

    numbers: frozenset[int] = frozenset()
    nearest_working: frozenset[int] = frozenset()
    has_last: bool = False
    has_last_working: bool = False


@dataclass(frozen=True, slots=True)
class DaysOfWeek:
    """Days by their numbers (1 is Sunday), the last of a kind in the month (`6L`), or the nth (`3#2`: (3, 2))."""

    numbers: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()
    nth: tuple[int, int] | None = None


def numbers(text: str, field: Field) -> frozenset[int]:
    """Of a list of numbers, names, ranges and steps. Raises ExpressionError."""
    return frozenset().union(*(_part(part, field) for part in text.split(",")))


def days_of_month(text: str) -> DaysOfMonth:
    """Raises ExpressionError."""
    plain, nearest = [], set()
    has_last = has_last_working = False
    for part in text.upper().split(","):
        if part == "L":
            has_last = True
        elif part == "LW":
            has_last_working = True
        elif part.endswith("W"):
            nearest.add(_number(part[:-1], DAY_OF_MONTH))
        else:
            plain.append(part)
    found = numbers(",".join(plain), DAY_OF_MONTH) if plain else frozenset[int]()
    return DaysOfMonth(found, frozenset(nearest), has_last, has_last_working)


def days_of_week(text: str) -> DaysOfWeek:
    """Raises ExpressionError."""
    upper = text.upper()
    if "#" in upper:
        day, _, nth = upper.partition("#")
        if nth not in ("1", "2", "3", "4", "5"):
            raise ExpressionError(f"{DAY_OF_WEEK.name}: {text!r} names no week of a month, or is not alone")
        return DaysOfWeek(nth=(_number(day, DAY_OF_WEEK), int(nth)))
    plain, last = [], set()
    for part in upper.split(","):
        if part == "L":  # of the week
            plain.append("SAT")
        elif part.endswith("L"):
            last.add(_number(part[:-1], DAY_OF_WEEK))
        else:
            plain.append(part)
    found = numbers(",".join(plain), DAY_OF_WEEK) if plain else frozenset[int]()
    return DaysOfWeek(found, frozenset(last))


def _part(text: str, field: Field) -> frozenset[int]:
    match = _PART.fullmatch(text)
    if match is None:
        raise ExpressionError(f"{field.name}: {text!r} cannot be read")
    step = int(match["step"]) if match["step"] else 1
    if not 1 <= step <= field.most:
        raise ExpressionError(f"{field.name}: a step of {step} leads nowhere")
    if match["first"] == "*":
        if match["last"]:
            raise ExpressionError(f"{field.name}: {text!r} cannot be read")
        return frozenset(range(field.least, field.most + 1, step))
    first = _number(match["first"], field)
    if match["last"]:
        return _range(first, _number(match["last"], field), step, field)
    return frozenset(range(first, field.most + 1, step)) if match["step"] else frozenset((first,))


def _range(first: int, last: int, step: int, field: Field) -> frozenset[int]:
    """With both ends; what begins after its end goes on over the field's own end, but for years."""
    if first <= last:
        return frozenset(range(first, last + 1, step))
    if field is YEAR:
        raise ExpressionError(f"{field.name}: {first}-{last} ends before it begins")
    size = field.most - field.least + 1
    return frozenset((value - field.least) % size + field.least for value in range(first, last + size + 1, step))


def _number(text: str, field: Field) -> int:
    value = field.names.get(text.upper())
    if value is None and text.isascii() and text.isdigit() and len(text) <= 4:
        value = int(text)
    if value is None or not field.least <= value <= field.most:
        raise ExpressionError(f"{field.name}: {text!r} is not within {field.least}-{field.most}")
    return value
