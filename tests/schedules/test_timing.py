"""When schedules are due: pure rules, by table and by property."""

import math
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stoker.schedules.records import Due
from stoker.schedules.timing import BEGUN, DONE, first_rule_due, first_schedule_due, schedule_timing

ARN = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"
NOW_S = datetime(2025, 1, 1, 12, 34, 56, tzinfo=UTC).timestamp()


def document(expression: str, **members: Any) -> dict[str, Any]:
    return {"ScheduleExpression": expression, "FlexibleTimeWindow": {"Mode": "OFF"}, BEGUN: NOW_S} | members


def first(expression: str, **members: Any) -> str | None:
    due = first_schedule_due(document(expression, **members), ARN, NOW_S)
    return None if due is None else shown(due.nominal_s)


def shown(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%m-%d %H:%M:%S")


def test_a_rate_without_a_start_begins_at_once_and_a_rules_after_its_first_period() -> None:
    assert first("rate(5 minutes)") == "01-01 12:34:56"
    due = first_rule_due({"ScheduleExpression": "rate(5 minutes)", BEGUN: NOW_S}, ARN, NOW_S)
    assert due is not None
    assert shown(due.due_s) == "01-01 12:39:56"


def test_a_start_date_is_the_first_time_of_a_rate_and_bounds_a_cron_expression() -> None:
    assert first("rate(5 minutes)", StartDate=NOW_S + 60) == "01-01 12:35:56"
    assert first("rate(5 minutes)", StartDate=NOW_S - 60) == "01-01 12:38:56"
    assert first("cron(0 13 * * ? *)", StartDate=NOW_S + 60) == "01-01 13:00:00"
    assert first("cron(0 13 * * ? *)", StartDate=NOW_S + 86_400) == "01-02 13:00:00"


def test_after_the_end_date_there_is_nothing() -> None:
    assert first("cron(0 13 * * ? *)", EndDate=NOW_S + 60) is None
    assert first("cron(0 13 * * ? *)", EndDate=NOW_S + 86_400) == "01-01 13:00:00"


def test_what_happens_once_ignores_both_dates_and_happens_once() -> None:
    expression = "at(2025-01-01T12:00:00)"
    assert first(expression, StartDate=NOW_S + 60, EndDate=NOW_S + 120) == "01-01 12:00:00"
    assert first(expression, ScheduleExpressionTimezone="Asia/Tokyo") == "01-01 03:00:00"
    done_s = datetime(2025, 1, 1, 12, tzinfo=UTC).timestamp()
    assert first(expression, **{DONE: done_s}) is None


def test_a_tick_is_missed_after_a_minute_and_what_happens_once_never() -> None:
    due = Due(NOW_S, NOW_S)
    often = schedule_timing(document("rate(1 minute)"), ARN)
    assert not often.is_missed(due, NOW_S + 60)
    assert often.is_missed(due, NOW_S + 61)
    flexible = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}
    assert not schedule_timing(document("rate(1 hour)", FlexibleTimeWindow=flexible), ARN).is_missed(due, NOW_S + 360)
    assert not schedule_timing(document("at(2025-01-01T12:34:56)"), ARN).is_missed(due, NOW_S + 1e9)


def test_ticks_that_were_missed_are_not_made_up_for() -> None:
    often = schedule_timing(document("rate(1 minute)"), ARN)
    following = often.due_next(Due(NOW_S, NOW_S), NOW_S + 3_600 + 30)
    assert following is not None
    assert following.nominal_s == NOW_S + 3_600


@given(st.integers(1, 1440), st.floats(0, 4e9, allow_nan=False))
def test_a_flexible_window_puts_off_by_less_than_itself_and_always_the_same(minutes: int, nominal_s: float) -> None:
    nominal_s = float(math.floor(nominal_s))
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes}
    timing = schedule_timing(document("rate(1 minute)", FlexibleTimeWindow=window, StartDate=nominal_s), ARN)
    due = timing.due_after(nominal_s - 1)
    assert due is not None
    assert due.nominal_s == nominal_s
    assert nominal_s <= due.due_s < nominal_s + minutes * 60
    assert timing.due_after(nominal_s - 1) == due
