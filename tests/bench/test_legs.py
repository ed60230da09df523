import math

import pytest

from bench.legs import Leg, leg_of, middle, percentile


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([4.0, 1.0, 3.0, 2.0], 50, 2.0),
        ([float(value) for value in range(1, 101)], 99, 99.0),
        ([7.0], 99, 7.0),
    ],
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == expected


def test_no_values_have_no_percentile() -> None:
    assert math.isnan(percentile([], 50))


def test_a_leg_counts_calls_per_second_of_the_whole_stretch() -> None:
    leg = leg_of([0.001, 0.002, 0.003], elapsed_s=0.5, errors=1)

    assert leg == Leg(calls=3, p50_ms=2.0, p99_ms=3.0, calls_per_s=6.0, errors=1)


def test_rounds_are_joined_by_their_medians_and_their_errors_are_added() -> None:
    legs = [
        Leg(10, p50, 9.0, 100.0, errors=1, cpu_us_per_call=cpu) for p50, cpu in ((1.0, 50.0), (5.0, 70.0), (2.0, 60.0))
    ]

    joined = middle(legs)

    assert (joined.p50_ms, joined.cpu_us_per_call, joined.calls, joined.errors) == (2.0, 60.0, 30, 3)
