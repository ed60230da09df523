"""The pace of a lane, against functions of known behaviour in virtual time."""

from collections.abc import Callable

import pytest

from stoker.async_invocations.pace import SIZE_FIRST, Pace

PLACES = 100
Duration = Callable[[int], float]
"""Seconds that one event takes while so many run at once."""


def sizes_over(seconds: float, duration_s: Duration) -> list[int]:
    """The lane's size after each event that ends, while more always wait."""
    pace, now_s, sizes = Pace(), 1000.0, []
    pace.limits(now_s, PLACES)
    while now_s < 1000.0 + seconds:
        next_end_s = now_s + duration_s(pace.size) / pace.size
        while pace.next_look_s < next_end_s:
            now_s = pace.next_look_s
            pace.limits(now_s, PLACES)
            next_end_s = now_s + duration_s(pace.size) / pace.size
        now_s = next_end_s
        pace.ended(now_s)
        pace.limits(now_s, PLACES)
        sizes.append(pace.size)
    return sizes


def on_processors(count: int, work_s: float) -> Duration:
    return lambda running: work_s * max(1.0, running / count)


@pytest.mark.parametrize("work_s", [0.001, 0.02])
def test_what_is_bound_by_two_processors_is_not_run_many_times_at_once(work_s: float) -> None:
    assert max(sizes_over(20, on_processors(2, work_s))) <= SIZE_FIRST * 1.5


@pytest.mark.parametrize("wait_s", [0.01, 0.05, 0.5])
def test_what_only_waits_is_run_more_and_more_at_once(wait_s: float) -> None:
    assert sizes_over(20, lambda _: wait_s)[-1] == PLACES


def test_what_runs_for_a_minute_is_given_a_hundred_places_within_ten_seconds() -> None:
    pace = Pace()
    pace.limits(1000.0, PLACES)
    for second in range(1, 11):
        pace.limits(1000.0 + second, PLACES)
    assert pace.size == PLACES


def test_a_lane_that_became_too_wide_narrows_again() -> None:
    pace, now_s = Pace(), 1000.0
    pace.size = 60
    pace.limits(now_s, PLACES)
    duration_s = on_processors(2, 0.002)
    for _ in range(20_000):
        now_s += duration_s(pace.size) / pace.size
        pace.ended(now_s)
    assert pace.size <= 9


def test_a_lane_at_its_narrowest_still_tries_to_be_wider() -> None:
    changes = iter(range(10**9))
    # For a while the processors are the bound, then waiting is.
    slow, waiting = on_processors(2, 0.002), 0.02
    sizes = sizes_over(30, lambda running: slow(running) if next(changes) < 10_000 else waiting)
    assert sizes[-1] == PLACES


def test_a_round_in_which_nothing_waited_says_nothing() -> None:
    pace = Pace()
    pace.limits(1000.0, PLACES)
    pace.rests()
    pace.limits(2000.0, PLACES)
    assert pace.size == SIZE_FIRST
