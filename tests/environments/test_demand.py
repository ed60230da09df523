"""How many environments are kept ready: a pure rule."""

from stoker.environments.demand import WINDOW_S, Demand


def test_one_is_always_ready() -> None:
    demand = Demand(10)
    assert demand.wanted(0.0) == 1
    assert demand.falls_s is None


def test_each_that_was_asked_for_lately_makes_one_more() -> None:
    demand = Demand(10)
    for second in range(4):
        demand.note(float(second))
    assert demand.wanted(3.0) == 5
    assert demand.falls_s == WINDOW_S


def test_what_was_asked_for_is_forgotten_after_a_while() -> None:
    demand = Demand(10)
    demand.note(0.0)
    demand.note(20.0)
    assert demand.wanted(WINDOW_S - 0.1) == 3
    assert demand.wanted(WINDOW_S) == 2
    assert demand.falls_s == WINDOW_S + 20.0
    assert demand.wanted(WINDOW_S + 20.0) == 1


def test_there_is_a_most() -> None:
    demand = Demand(3)
    for _ in range(1000):
        demand.note(0.0)
    assert demand.wanted(0.0) == 3
    assert Demand(1).wanted(0.0) == 1
