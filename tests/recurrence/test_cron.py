"""AWS's cron expressions against the examples of its documentation, and against a slow reading of the same rules."""

import calendar
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoker.recurrence.cron import Cron, parse_cron
from stoker.recurrence.errors import ExpressionError


def times(expression: str, after: str, count: int) -> list[str]:
    cron, moment = parse_cron(expression), datetime.fromisoformat(after)
    found = []
    for _ in range(count):
        following = cron.next_after(moment)
        if following is None:
            break
        moment = following
        found.append(moment.isoformat(" ", "minutes"))
    return found


# Amazon EventBridge User Guide, "Cron expressions": its examples, and what its table says of each wildcard.
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 10 * * ? *", ["2025-01-01 10:00", "2025-01-02 10:00"]),
        ("15 12 * * ? *", ["2025-01-01 12:15", "2025-01-02 12:15"]),
        ("0 18 ? * MON-FRI *", ["2025-01-01 18:00", "2025-01-02 18:00", "2025-01-03 18:00", "2025-01-06 18:00"]),
        ("0 8 1 * ? *", ["2025-01-01 08:00", "2025-02-01 08:00"]),
        ("0/15 * * * ? *", ["2025-01-01 00:15", "2025-01-01 00:30", "2025-01-01 00:45", "2025-01-01 01:00"]),
        ("0/10 * ? * MON-FRI *", ["2025-01-01 00:10", "2025-01-01 00:20"]),
        ("0/5 8-17 ? * MON-FRI *", ["2025-01-01 08:00", "2025-01-01 08:05"]),
        ("0/30 20-2 ? * MON-FRI *", ["2025-01-01 00:30", "2025-01-01 01:00", "2025-01-01 01:30", "2025-01-01 02:00"]),
        ("15 10 ? * 6L 2019-2026", ["2025-01-31 10:15", "2025-02-28 10:15", "2025-03-28 10:15"]),
        ("0 0 ? * 3#2 *", ["2025-01-14 00:00", "2025-02-11 00:00"]),
        ("0 0 ? * TUE#5 *", ["2025-04-29 00:00", "2025-07-29 00:00"]),
        ("0 0 L * ? *", ["2025-01-31 00:00", "2025-02-28 00:00", "2025-03-31 00:00"]),
        ("0 0 3W * ? *", ["2025-01-03 00:00", "2025-02-03 00:00", "2025-03-03 00:00", "2025-04-03 00:00"]),
        ("0 0 15W * ? *", ["2025-01-15 00:00", "2025-02-14 00:00", "2025-03-14 00:00"]),
        ("0 0 1W * ? *", ["2025-02-03 00:00", "2025-03-03 00:00"]),
        ("0 0 31W * ? *", ["2025-01-31 00:00", "2025-03-31 00:00", "2025-05-30 00:00"]),
        ("0 0 LW * ? *", ["2025-01-31 00:00", "2025-02-28 00:00", "2025-03-31 00:00", "2025-04-30 00:00"]),
        ("0 0 ? * L *", ["2025-01-04 00:00", "2025-01-11 00:00"]),
        ("0 0 ? 1/3 SUN *", ["2025-01-05 00:00", "2025-01-12 00:00", "2025-01-19 00:00", "2025-01-26 00:00"]),
        ("0 12 1,15 JAN,jul ? *", ["2025-01-01 12:00", "2025-01-15 12:00", "2025-07-01 12:00"]),
        ("0 0 29 2 ? *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 1 1 ? 2026/3", ["2026-01-01 00:00", "2029-01-01 00:00"]),
        ("0-15/5 8-8 ? * 2,3 *", ["2025-01-06 08:00", "2025-01-06 08:05", "2025-01-06 08:10", "2025-01-06 08:15"]),
        ("0 0 ? * FRI-SUN *", ["2025-01-03 00:00", "2025-01-04 00:00", "2025-01-05 00:00", "2025-01-10 00:00"]),
        ("59 23 31 12 ? 2025", ["2025-12-31 23:59"]),
        ("0 0 1 1 ? 2000", []),
        ("0 0 31 2 ? *", []),
    ],
)
def test_the_next_times_are_those_that_aws_documents(expression: str, expected: list[str]) -> None:
    assert times(expression, "2025-01-01T00:00:00", max(len(expected), 1)) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "0 10 * * ?",
        "0 10 * * ? * *",
        "0 10 * * * *",
        "0 10 ? * ? *",
        "60 10 * * ? *",
        "0 24 * * ? *",
        "0 10 0 * ? *",
        "0 10 32 * ? *",
        "0 10 * 13 ? *",
        "0 10 * FEBRUARY ? *",
        "0 10 ? * 0 *",
        "0 10 ? * 8 *",
        "0 10 ? * -1 *",
        "0 10 ? * 3#6 *",
        "0 10 ? * 3#1,6#3 *",
        "0 10 ? * 3# *",
        "0 10 LL * ? *",
        "0 10 40W * ? *",
        "0 10 W * ? *",
        "0 10 * * ? 1969",
        "0 10 * * ? 2200",
        "0 10 * * ? 2030-2029",
        "0/0 10 * * ? *",
        "0/ 10 * * ? *",
        "*-5 10 * * ? *",
        "1, 10 * * ? *",
        "? 10 * * ? *",
        "0 L * * ? *",
        "0 10 * * ? L",
        "0/5, 9-18, ?, *, MON-FRI, *",
        "१ 10 * * ? *",
    ],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        parse_cron(expression)


def items(least: int, most: int) -> st.SearchStrategy[str]:
    numbers = st.integers(least, most)
    ranges = st.tuples(numbers, numbers).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.tuples(numbers, st.integers(1, most)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    one = st.one_of(numbers.map(str), ranges, steps)
    return st.one_of(st.just("*"), st.lists(one, min_size=1, max_size=3).map(",".join))


DAYS_OF_MONTH = st.one_of(items(1, 31), st.just("L"), st.just("LW"), st.integers(1, 31).map("{}W".format))
DAYS_OF_WEEK = st.one_of(
    items(1, 7),
    st.just("L"),
    st.integers(1, 7).map("{}L".format),
    st.tuples(st.integers(1, 7), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}"),
)
DAYS = st.one_of(DAYS_OF_MONTH.map(lambda day: (day, "?")), DAYS_OF_WEEK.map(lambda day: ("?", day)))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    month_day, week_day = draw(DAYS)
    year = draw(st.one_of(st.just("*"), st.integers(2020, 2032).map(str)))
    return f"{draw(items(0, 59))} {draw(items(0, 23))} {month_day} {draw(items(1, 12))} {week_day} {year}"


def names(cron: Cron, moment: datetime) -> bool:
    """Whether the expression names that minute, by looking at it alone."""
    return (
        moment.year in cron.years
        and moment.month in cron.months
        and moment.hour in cron.hours
        and moment.minute in cron.minutes
        and is_day(cron, moment)
    )


def is_day(cron: Cron, moment: datetime) -> bool:
    length = calendar.monthrange(moment.year, moment.month)[1]
    kind = moment.isoweekday() % 7 + 1
    if cron.week_days is not None:
        days = cron.week_days
        is_last = (moment + timedelta(days=7)).month != moment.month
        return kind in days.numbers or (kind in days.last and is_last) or days.nth == (kind, (moment.day + 6) // 7)
    days_of_month = cron.month_days
    assert days_of_month is not None
    if moment.day in days_of_month.numbers or (days_of_month.has_last and moment.day == length):
        return True
    wanted = set(days_of_month.nearest_working) | ({length} if days_of_month.has_last_working else set())
    if kind in (1, 7):
        return False
    near = {moment.day}
    if kind == 2:  # a Monday stands for the Sunday before it, and for a Saturday that is the first
        near |= {moment.day - 1} | ({1} if moment.day == 3 else set())
    if kind == 6:  # a Friday for the Saturday after it, and for a Sunday that is the last
        near |= {moment.day + 1} | ({length} if moment.day == length - 2 else set())
    return any(1 <= day <= length for day in near & wanted)


@settings(max_examples=150, deadline=None)
@given(expressions(), st.datetimes(datetime(2023, 1, 1), datetime(2029, 1, 1)))
def test_the_next_time_is_later_and_named_and_nothing_lies_between(expression: str, moment: datetime) -> None:
    cron = parse_cron(expression)
    following = cron.next_after(moment)
    if following is not None:
        assert following > moment
        assert names(cron, following)
    # Day by day, as far as one can look: minutes only where a day is named.
    looked, end = moment.replace(second=0, microsecond=0) + timedelta(minutes=1), moment + timedelta(days=400)
    while looked < (end if following is None else min(following, end)):
        if is_day(cron, looked) and looked.month in cron.months and looked.year in cron.years:
            assert not names(cron, looked), (expression, looked)
            looked += timedelta(minutes=1)
        else:
            looked = looked.replace(hour=0, minute=0) + timedelta(days=1)
