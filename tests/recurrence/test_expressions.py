"""Rates, times and time zones."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoker.recurrence.errors import ExpressionError
from stoker.recurrence.expressions import At, Rate, Recurrence, rule_expression, schedule_expression, time_zone

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def epoch_s(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def utc_times(recurrence: Recurrence, after: str, count: int) -> list[str]:
    after_s, found = epoch_s(after), []
    for _ in range(count):
        following = recurrence.next_after(after_s, 0.0)
        assert following is not None
        after_s = following
        found.append(datetime.fromtimestamp(after_s, UTC).strftime("%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("text", "period_s"),
    [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(1 hour)", 3_600), ("rate(12 hours)", 43_200),
     ("rate(1 day)", 86_400), ("rate(7 days)", 604_800)],
)  # fmt: skip
def test_rates_are_periods(text: str, period_s: int) -> None:
    assert rule_expression(text) == Rate(period_s)
    assert schedule_expression(text, UTC) == Rate(period_s)


@pytest.mark.parametrize(
    "text",
    ["rate(0 minutes)", "rate(-1 minutes)", "rate(1.5 hours)", "rate(5)", "rate(5 seconds)", "rate(5 weeks)", "rate 5",
     "rate(5  minutes)", "Rate(5 minutes)", "rate(5 minutes) ", "cron()", "", "every(5 minutes)", "rate(٥ minutes)"],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        rule_expression(text)
    with pytest.raises(ExpressionError):
        schedule_expression(text, UTC)


@pytest.mark.parametrize("text", ["rate(1 minutes)", "rate(5 minute)", "at(2030-01-01T00:00:00)"])
def test_rules_are_stricter_than_schedules(text: str) -> None:
    schedule_expression(text, UTC)
    with pytest.raises(ExpressionError):
        rule_expression(text)


def test_once_is_a_time_of_a_zone() -> None:
    assert schedule_expression("at(2022-11-20T13:00:00)", UTC) == At(epoch_s("2022-11-20T13:00"))
    assert schedule_expression("at(2022-11-20T13:00:00)", BERLIN) == At(epoch_s("2022-11-20T12:00"))
    assert At(10.0).next_after(9.0, 0.0) == 10.0
    assert At(10.0).next_after(10.0, 0.0) is None
    for text in ("at(2022-11-20)", "at(2022-02-30T00:00:00)", "at(2022-11-20T13:00)", "at(2022-11-20T13:00:00Z)",
                 "at(0000-01-01T00:00:00)", "at()"):  # fmt: skip
        with pytest.raises(ExpressionError):
            schedule_expression(text, UTC)


def test_a_rule_is_in_utc_whatever_the_host_thinks() -> None:
    assert utc_times(rule_expression("cron(0 12 * * ? *)"), "2025-07-01", 1) == ["07-01 12:00"]


def test_clocks_that_change_move_what_is_named_by_them() -> None:
    noon = schedule_expression("cron(0 12 * * ? *)", BERLIN)
    assert utc_times(noon, "2025-03-29", 2) == ["03-29 11:00", "03-30 10:00"]
    assert utc_times(noon, "2025-10-25", 2) == ["10-25 10:00", "10-26 11:00"]


def test_what_clocks_skip_in_spring_is_skipped() -> None:
    assert utc_times(schedule_expression("cron(30 2 * * ? *)", BERLIN), "2025-03-29", 2) == [
        "03-29 01:30",
        "03-31 00:30",
    ]
    assert utc_times(schedule_expression("cron(0/30 * * * ? *)", BERLIN), "2025-03-30T00:15", 3) == [
        "03-30 00:30",
        "03-30 01:00",
        "03-30 01:30",
    ]


def test_what_clocks_show_twice_in_autumn_happens_once() -> None:
    assert utc_times(schedule_expression("cron(30 2 * * ? *)", BERLIN), "2025-10-25T12:00", 2) == [
        "10-26 00:30",
        "10-27 01:30",
    ]
    assert utc_times(schedule_expression("cron(30 1 * * ? *)", NEW_YORK), "2025-11-01T12:00", 2) == [
        "11-02 05:30",
        "11-03 06:30",
    ]


def test_a_day_of_a_rate_is_24_hours() -> None:
    begin_s = datetime(2025, 3, 29, 12, tzinfo=BERLIN).timestamp()
    following = schedule_expression("rate(1 days)", BERLIN).next_after(begin_s, begin_s)
    assert following == begin_s + 86_400


def test_zones_that_are_not_known_are_refused() -> None:
    assert time_zone("Asia/Kolkata").utcoffset(datetime(2025, 1, 1)) == timedelta(hours=5, minutes=30)
    for name in ("Mars/Olympus", "", "Europe", "../etc/passwd", "/etc/localtime", "UTC\0"):
        with pytest.raises(ExpressionError):
            time_zone(name)


MOMENTS = st.floats(epoch_s("2024-01-01"), epoch_s("2028-01-01"), allow_nan=False)


@given(st.integers(1, 10_000), st.sampled_from(["minutes", "hours", "days"]), MOMENTS, MOMENTS)
def test_a_rate_is_next_within_a_period_and_in_step(value: int, unit: str, begin_s: float, after_s: float) -> None:
    rate = schedule_expression(f"rate({value} {unit})", UTC)
    assert isinstance(rate, Rate)
    begin_s = float(int(begin_s))
    following = rate.next_after(after_s, begin_s)
    assert following is not None
    assert following > after_s
    assert (following - begin_s) % rate.period_s == 0
    assert following == begin_s or following - after_s <= rate.period_s


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([BERLIN, NEW_YORK, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Africa/Casablanca")]), MOMENTS)
def test_each_hour_that_clocks_show_is_named_once(zone: ZoneInfo, moment_s: float) -> None:
    hourly, times_s = schedule_expression("cron(15 * * * ? *)", zone), [moment_s]
    for _ in range(200):
        following = hourly.next_after(times_s[-1], 0.0)
        assert following is not None
        times_s.append(following)
    shown = [datetime.fromtimestamp(time_s, zone).replace(tzinfo=None) for time_s in times_s[1:]]
    assert all(moment.minute == 15 for moment in shown)
    assert len(set(shown)) == len(shown)
    assert all(timedelta(0) < later - sooner <= timedelta(hours=2) for sooner, later in pairwise(shown))
