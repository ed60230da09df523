"""How many interpreters wait for a function, of which kinds, and for how long: the rule itself."""

import pytest

from stoker.sandbox.ahead import KINDS_MAX, ROOM_MB, AheadDemand, AheadLimits


def demand(per_kind_max: int = 2, window_s: float = 60.0, free_mb: int = 1000) -> AheadDemand[str]:
    return AheadDemand(AheadLimits(per_kind_max, lambda memory_mb: memory_mb <= free_mb, window_s))


def test_as_many_wait_as_were_asked_for_lately_and_no_more_than_allowed() -> None:
    asked = demand(per_kind_max=2)
    assert asked.wanted("node 128", 0.0) == 0
    for now_s, expected in ((0.0, 1), (10.0, 2), (20.0, 2)):
        asked.note("node 128", now_s)
        assert asked.wanted("node 128", now_s) == expected
    assert asked.wanted("node 256", 20.0) == 0


def test_demand_falls_to_nothing_when_nobody_asks() -> None:
    asked = demand(window_s=60.0)
    asked.note("node", 0.0)
    asked.note("node", 30.0)
    assert (asked.wanted("node", 59.9), asked.falls_s("node")) == (2, 60.0)
    assert (asked.wanted("node", 60.0), asked.falls_s("node")) == (1, 90.0)
    assert (asked.wanted("node", 90.0), asked.falls_s("node")) == (0, None)


def test_only_the_kinds_that_were_asked_for_last_wait() -> None:
    asked = demand()
    kinds = [f"node {number}" for number in range(KINDS_MAX)]
    for kind in kinds:
        assert asked.note(kind, 0.0) == []
    asked.note(kinds[0], 1.0)
    assert asked.note("one more", 2.0) == [kinds[1]]
    assert asked.wanted(kinds[1], 2.0) == 0
    assert asked.wanted(kinds[0], 2.0) == 2


@pytest.mark.parametrize(
    ("free_mb", "may_add", "wanted"), [(ROOM_MB, True, 1), (ROOM_MB - 1, False, 1), (-1, False, 0)]
)
def test_none_is_added_to_a_host_that_is_nearly_full_and_none_kept_on_a_full_one(
    free_mb: int, may_add: bool, wanted: int
) -> None:
    asked = demand(free_mb=free_mb)
    asked.note("node", 0.0)
    assert (asked.may_add(), asked.wanted("node", 0.0)) == (may_add, wanted)


def test_none_are_wanted_where_none_are_allowed() -> None:
    assert demand(per_kind_max=0).is_off
    assert not demand(per_kind_max=1).is_off
