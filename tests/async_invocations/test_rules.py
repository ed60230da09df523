import pytest

from stoker.async_invocations.rules import (
    Condition,
    RetryPolicy,
    back_off_s,
    due_after_failed_delivery,
    due_after_refusal,
    is_too_old,
    retry_after_error,
    retry_policy,
)
from stoker.functions.event_invoke_configs.records import EventInvokeConfig

NOW = 1_000_000.0
EXHAUSTED, TOO_OLD = Condition.RETRIES_EXHAUSTED, Condition.EVENT_AGE_EXCEEDED


def policy(attempts: int | None = None, age_s: int | None = None) -> RetryPolicy:
    return retry_policy(EventInvokeConfig(0.0, attempts, age_s), 60.0)


def test_without_a_config_there_are_two_retries_within_six_hours() -> None:
    assert retry_policy(None, 60.0) == RetryPolicy(2, 21_600, 60.0) == policy()


def test_a_config_of_no_retries_is_not_taken_for_none() -> None:
    assert policy(attempts=0).retry_attempts == 0


@pytest.mark.parametrize(
    ("tries", "attempts", "age_s", "elapsed_s", "expected"),
    [
        (1, 2, 21_600, 1.0, NOW + 60),
        (2, 2, 21_600, 70.0, NOW + 120),
        (3, 2, 21_600, 200.0, EXHAUSTED),
        (1, 1, 21_600, 1.0, NOW + 60),
        (2, 1, 21_600, 1.0, EXHAUSTED),
        (1, 0, 21_600, 1.0, EXHAUSTED),
        # Recorded from AWS: with an age of 60 s there is no retry, since the first would come after it.
        (1, 2, 60, 0.1, TOO_OLD),
        (1, 2, 61, 0.9, NOW + 60),
        (1, 2, 61, 1.1, TOO_OLD),
        (2, 2, 200, 81.0, TOO_OLD),
        (1, 0, 60, 0.1, EXHAUSTED),
    ],
)
def test_after_an_error_an_event_is_retried_or_given_up(
    tries: int, attempts: int, age_s: int, elapsed_s: float, expected: object
) -> None:
    assert retry_after_error(policy(attempts, age_s), tries, NOW - elapsed_s, NOW) == expected


@pytest.mark.parametrize(
    ("failures", "expected_s"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (11, 300), (10_000, 300)]
)
def test_the_back_off_grows_from_a_second_to_five_minutes(failures: int, expected_s: float) -> None:
    assert back_off_s(failures) == expected_s


def test_a_refused_event_is_tried_again_at_the_end_of_its_age_at_the_latest() -> None:
    assert due_after_refusal(policy(age_s=60), 1, NOW - 10, NOW) == NOW + 1
    assert due_after_refusal(policy(age_s=60), 9, NOW - 10, NOW) == NOW + 50


@pytest.mark.parametrize(("elapsed_s", "expected"), [(0, False), (59.9, False), (60, True), (1e6, True)])
def test_an_event_is_too_old_when_its_age_is_reached(elapsed_s: float, expected: bool) -> None:
    assert is_too_old(policy(age_s=60), NOW - elapsed_s, NOW) is expected


@pytest.mark.parametrize(
    ("failures", "is_refused", "elapsed_s", "expected"),
    [
        (1, True, 0.0, NOW + 1),
        (4, True, 7.0, NOW + 8),
        (5, True, 15.0, None),
        (5, False, 15.0, NOW + 16),
        (80, False, 21_000.0, NOW + 300),
        (81, False, 21_400.0, None),
    ],
)
def test_a_refused_delivery_is_given_up_soon_and_one_that_finds_nobody_late(
    failures: int, is_refused: bool, elapsed_s: float, expected: float | None
) -> None:
    assert due_after_failed_delivery(failures, is_refused, NOW - elapsed_s, NOW) == expected
