"""Reasons and rules: reference, control plane, 3.3 and 9."""

from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.errors import TooManyRequestsException
from stoker.functions.records import Function, FunctionKey, FunctionVersion
from stoker.invocations.concurrency import Concurrency
from tests.functions.test_store import new_function

OF_ACCOUNT, OF_FUNCTION = "ConcurrentInvocationLimitExceeded", "ReservedFunctionConcurrentInvocationLimitExceeded"


def with_functions(account_limit: int, **reservations: int | None) -> tuple[Concurrency, dict[str, FunctionVersion]]:
    concurrency = Concurrency(account_limit)
    for name, reserved in reservations.items():
        note(concurrency, name, reserved)
    return concurrency, {name: new_function(name).latest for name in reservations}


def note(concurrency: Concurrency, name: str, reserved: int | None) -> Function:
    function = replace(new_function(name), reserved_concurrency=reserved)
    concurrency.note(function.key, function)
    return function


def key(name: str) -> FunctionKey:
    return new_function(name).key


def capacity(concurrency: Concurrency, version: FunctionVersion) -> tuple[int, str]:
    """How many more invocations can run, and why not one more."""
    with ExitStack() as running:
        for number in range(10_000):
            try:
                running.enter_context(concurrency.reserve(version))
            except TooManyRequestsException as error:
                return number, error.reason
    raise AssertionError("without end")


def test_a_reservation_is_a_cap_and_is_taken_from_what_others_share() -> None:
    concurrency, versions = with_functions(10, f=3, g=None, h=None)
    assert capacity(concurrency, versions["f"]) == (3, OF_FUNCTION)
    assert capacity(concurrency, versions["g"]) == (7, OF_ACCOUNT)
    with concurrency.reserve(versions["g"]), concurrency.reserve(versions["g"]):
        assert capacity(concurrency, versions["h"]) == (5, OF_ACCOUNT)
        assert capacity(concurrency, versions["f"]) == (3, OF_FUNCTION)


def test_a_reservation_is_guaranteed_when_the_account_is_full() -> None:
    concurrency, versions = with_functions(10, f=3, g=None)
    with ExitStack() as running:
        for _ in range(7):
            running.enter_context(concurrency.reserve(versions["g"]))
        assert capacity(concurrency, versions["f"]) == (3, OF_FUNCTION)


def test_reserved_concurrency_of_zero_throttles_every_call() -> None:
    concurrency, versions = with_functions(10, f=0)
    assert capacity(concurrency, versions["f"]) == (0, OF_FUNCTION)


def test_every_version_of_a_function_counts() -> None:
    concurrency, versions = with_functions(10, f=2)
    with concurrency.reserve(replace(versions["f"], version="1")):
        assert capacity(concurrency, versions["f"]) == (1, OF_FUNCTION)


def test_regions_and_accounts_are_apart() -> None:
    concurrency, versions = with_functions(2, f=None)
    here = versions["f"]
    for elsewhere in (replace(here, region="us-east-1"), replace(here, account_id="1" * 12)):
        with concurrency.reserve(elsewhere):
            assert capacity(concurrency, versions["f"]) == (2, OF_ACCOUNT)


def test_a_failing_invocation_gives_its_place_back() -> None:
    concurrency, versions = with_functions(1, f=None)
    with pytest.raises(ZeroDivisionError), concurrency.reserve(versions["f"]):
        raise ZeroDivisionError
    assert capacity(concurrency, versions["f"]) == (1, OF_ACCOUNT)


def test_what_runs_counts_where_it_belongs_after_a_change() -> None:
    concurrency, versions = with_functions(10, f=None, g=None)
    with concurrency.reserve(versions["f"]), concurrency.reserve(versions["f"]):
        note(concurrency, "f", 3)
        assert capacity(concurrency, versions["f"]) == (1, OF_FUNCTION)
        assert capacity(concurrency, versions["g"]) == (7, OF_ACCOUNT)
        note(concurrency, "f", None)
        assert capacity(concurrency, versions["g"]) == (8, OF_ACCOUNT)
    assert capacity(concurrency, versions["g"]) == (10, OF_ACCOUNT)


def test_a_function_deleted_while_it_runs_gives_its_reservation_back_at_once_and_its_places_later() -> None:
    concurrency, versions = with_functions(10, f=3, g=None)
    with concurrency.reserve(versions["f"]):
        concurrency.note(new_function("f").key, None)
        assert capacity(concurrency, versions["g"]) == (9, OF_ACCOUNT)
        again = note(concurrency, "f", 1).latest
        assert capacity(concurrency, again) == (1, OF_FUNCTION)
    assert capacity(concurrency, versions["g"]) == (9, OF_ACCOUNT)


def test_provisioned_places_are_taken_from_what_all_share() -> None:
    # invocation, 3
    concurrency, versions = with_functions(10, f=None, g=None)
    concurrency.provision(key("f"), 4)
    assert capacity(concurrency, versions["f"]) == (6, OF_ACCOUNT)
    assert capacity(concurrency, versions["g"]) == (6, OF_ACCOUNT)
    concurrency.provision(key("f"), 1)
    assert capacity(concurrency, versions["g"]) == (9, OF_ACCOUNT)


def test_provisioned_places_are_taken_from_the_reservation_if_there_is_one() -> None:
    concurrency, versions = with_functions(10, f=5, g=None)
    concurrency.provision(key("f"), 3)
    assert capacity(concurrency, versions["f"]) == (2, OF_FUNCTION)
    assert capacity(concurrency, versions["g"]) == (5, OF_ACCOUNT)
    note(concurrency, "f", None)
    assert capacity(concurrency, versions["g"]) == (7, OF_ACCOUNT)
    note(concurrency, "f", 3)
    assert capacity(concurrency, versions["f"]) == (0, OF_FUNCTION)
    assert capacity(concurrency, versions["g"]) == (7, OF_ACCOUNT)


def test_places_that_are_still_in_use_when_their_function_is_deleted_are_given_back_later() -> None:
    concurrency, versions = with_functions(10, f=None, g=None)
    concurrency.provision(key("f"), 4)
    concurrency.note(key("f"), None)
    concurrency.provision(key("f"), 1)
    assert capacity(concurrency, versions["g"]) == (9, OF_ACCOUNT)
    concurrency.provision(key("f"), 0)
    assert capacity(concurrency, versions["g"]) == (10, OF_ACCOUNT)


STEPS = st.lists(
    st.tuples(
        st.sampled_from("fgh"),
        st.sampled_from(["start", "end", "delete", "provision", "withdraw", None, 0, 1, 2, 5]),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_happens_all_places_are_there_again_in_the_end(steps: list[tuple[str, str | int | None]]) -> None:
    concurrency, versions = with_functions(10, f=None, g=None, h=None)
    running: dict[str, list[ExitStack]] = {name: [] for name in versions}
    for name, step in steps:
        if step == "start":
            place = ExitStack()
            try:
                place.enter_context(concurrency.reserve(versions[name]))
            except TooManyRequestsException:
                continue
            running[name].append(place)
        elif step == "end":
            if running[name]:
                running[name].pop().close()
        elif step == "delete":
            concurrency.note(key(name), None)
        elif step in ("provision", "withdraw"):
            concurrency.provision(key(name), 2 if step == "provision" else 0)
        else:
            assert step is None or isinstance(step, int)
            note(concurrency, name, step)
    for places in running.values():
        for place in places:
            place.close()
    for name in versions:
        note(concurrency, name, None)
        concurrency.provision(key(name), 0)
    assert capacity(concurrency, versions["f"]) == (10, OF_ACCOUNT)
