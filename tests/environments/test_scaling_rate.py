"""Reference: invocation, 3."""

from hypothesis import given
from hypothesis import strategies as st

from stoker.environments.scaling_rate import BUCKETS_KEPT, ScalingRate

F, G = ("0" * 12, "us-east-1", "f"), ("0" * 12, "us-east-1", "g")


def started(rate: ScalingRate, now_s: float, tries: int = 10_000) -> int:
    return sum(rate.take(F, now_s) for _ in range(tries))


def test_a_function_may_start_so_many_at_once_and_then_as_many_in_ten_seconds() -> None:
    rate = ScalingRate(1000)
    assert started(rate, 50.0) == 1000
    assert started(rate, 50.015) == 1
    assert started(rate, 51.0) == 99
    assert started(rate, 61.0) == 1000


def test_what_was_not_used_is_not_saved() -> None:
    rate = ScalingRate(1000)
    assert started(rate, 0.0, 1) == 1
    assert started(rate, 3600.0) == 1000


def test_functions_do_not_share() -> None:
    rate = ScalingRate(2)
    assert started(rate, 0.0) == 2
    assert rate.take(G, 0.0)


def test_functions_that_rest_are_forgotten_and_those_that_grow_are_not() -> None:
    rate = ScalingRate(1)
    for number in range(BUCKETS_KEPT - 1):
        assert rate.take((*F[:2], str(number)), 0.0)
    assert rate.take(F, 15.0)
    assert rate.take(G, 20.0)
    assert not rate.take(F, 20.0)
    assert rate._buckets.keys() == {F, G}


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 20))
def test_no_ten_seconds_see_more_than_twice_the_size(pauses_s: list[float], size: int) -> None:
    # A full bucket, and what flows into it meanwhile.
    rate, now_s, starts = ScalingRate(size), 0.0, []
    for pause_s in pauses_s:
        now_s += pause_s / size
        if rate.take(F, now_s):
            starts.append(now_s)
    for begin_s in starts:
        assert sum(begin_s <= start < begin_s + 10 for start in starts) <= 2 * size
