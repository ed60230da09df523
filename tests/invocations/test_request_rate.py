"""Reasons and rules: reference, control plane, 3.3; invocation, 3."""

from dataclasses import replace

import pytest

from stoker.errors import TooManyRequestsException
from stoker.functions.records import FunctionVersion
from stoker.invocations.request_rate import RequestRate
from tests.functions.test_store import new_function

OF_ACCOUNT, OF_FUNCTION = "FunctionInvocationRateLimitExceeded", "ReservedFunctionInvocationRateLimitExceeded"


class Time:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def with_reservation(rate: RequestRate, name: str, reserved: int | None) -> FunctionVersion:
    function = replace(new_function(name), reserved_concurrency=reserved)
    rate.note(function.key, function)
    return function.latest


def taken(rate: RequestRate, version: FunctionVersion) -> tuple[int, str]:
    """How many more requests go through at this moment, and why not one more."""
    for number in range(100_000):
        try:
            rate.take(version)
        except TooManyRequestsException as error:
            return number, error.reason
    raise AssertionError("without end")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def rate(time: Time) -> RequestRate:
    return RequestRate(20, 10, time)


def test_a_reservation_gives_ten_requests_a_second_for_each_place(rate: RequestRate, time: Time) -> None:
    version = with_reservation(rate, "f", 3)
    assert taken(rate, version) == (30, OF_FUNCTION)
    time.now_s += 0.5
    assert taken(rate, version) == (15, OF_FUNCTION)
    time.now_s += 3600
    assert taken(rate, version) == (30, OF_FUNCTION)


def test_functions_without_a_reservation_share_what_is_left(rate: RequestRate) -> None:
    one, other = with_reservation(rate, "f", None), with_reservation(rate, "g", None)
    with_reservation(rate, "h", 15)
    rate.take(one)
    assert taken(rate, other) == (49, OF_ACCOUNT)
    assert taken(rate, one) == (0, OF_ACCOUNT)


def test_a_reservation_that_ends_gives_back_what_it_had(rate: RequestRate) -> None:
    version = with_reservation(rate, "f", 15)
    with_reservation(rate, "f", None)
    assert taken(rate, version) == (200, OF_ACCOUNT)


def test_accounts_do_not_share(rate: RequestRate) -> None:
    version = with_reservation(rate, "f", None)
    assert taken(rate, version)[0] == 200
    assert taken(rate, replace(version, account_id="111111111111"))[0] == 200


def test_a_function_that_is_off_is_not_refused_for_its_rate(rate: RequestRate) -> None:
    version = with_reservation(rate, "f", 0)
    for _ in range(1000):
        rate.take(version)


def test_a_deleted_function_leaves_nothing_behind(rate: RequestRate) -> None:
    version = with_reservation(rate, "f", 15)
    rate.note((version.account_id, version.region, version.name), None)
    assert taken(rate, version) == (200, OF_ACCOUNT)
