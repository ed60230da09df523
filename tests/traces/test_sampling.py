"""X-Ray's default rule: one request a second, and five per cent of the others."""

import random

import pytest

from stoker.traces.sampling import FUNCTIONS_KEPT, Sampling


class Time:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("at_s", "chances", "sampled"),
    [
        ([0.0], [], [True]),
        ([0.0, 0.1, 0.9], [0.9, 0.9], [True, False, False]),
        ([0.0, 0.1, 0.2], [0.049, 0.051], [True, True, False]),
        ([0.0, 0.999, 1.0, 1.5], [0.9, 0.9], [True, False, True, False]),
        ([0.0, 5.0, 5.1], [0.9], [True, True, False]),
    ],
)
def test_the_first_of_each_second_and_five_per_cent_of_the_rest(
    at_s: list[float], chances: list[float], sampled: list[bool]
) -> None:
    time, drawn = Time(), iter(chances)
    sampling = Sampling(time, lambda: next(drawn))
    decisions = []
    for second in at_s:
        time.now_s = 100.0 + second
        decisions.append(sampling.is_sampled("f"))
    assert decisions == sampled
    assert next(drawn, None) is None


def test_each_function_has_a_second_of_its_own() -> None:
    sampling = Sampling(Time(), lambda: 0.9)
    assert [sampling.is_sampled(function) for function in "fgfg"] == [True, True, False, False]


def test_in_the_long_run_it_is_five_per_cent() -> None:
    sampling = Sampling(Time(), random.Random(7).random)
    assert 450 < sum(sampling.is_sampled("f") for _ in range(10_000)) < 550


def test_however_many_functions_there_are_few_are_remembered() -> None:
    sampling = Sampling(Time(), lambda: 0.9)
    for number in range(3 * FUNCTIONS_KEPT):
        sampling.is_sampled(number)
    assert len(sampling._last_second) <= FUNCTIONS_KEPT
