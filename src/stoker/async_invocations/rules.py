"""When an event is tried again, and when it is given up: pure rules (reference: invocation, 2)."""

from dataclasses import dataclass
from enum import StrEnum

from stoker.functions.event_invoke_configs.records import EventInvokeConfig

RETRY_ATTEMPTS_DEFAULT = 2
EVENT_AGE_S_DEFAULT = 21_600
BACK_OFF_S_FIRST = 1.0
BACK_OFF_S_MAX = 300.0
# AWS does not say how long it tries to deliver. What a destination refuses (no such queue, too large, not allowed) may
# be mended within moments or never; one that cannot be reached is waited for as long as an event would be.
REFUSED_DELIVERIES_MAX = 5
DELIVERY_AGE_S_MAX = 21_600.0


class Condition(StrEnum):
    """How an event ended, as the record for its destination says it."""

    SUCCESS = "Success"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"
    # These two are not recorded from AWS.
    ZERO_RESERVED_CONCURRENCY = "ZeroReservedConcurrency"
    RECURSIVE_INVOCATION = "RecursiveInvocation"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retry_delay_s` is the wait before the first retry; before the second it is twice as long."""

    retry_attempts: int
    event_age_s: float
    retry_delay_s: float


def retry_policy(config: EventInvokeConfig | None, retry_delay_s: float) -> RetryPolicy:
    """What holds for a qualifier with this config; AWS's defaults where it says nothing."""
    attempts = config.maximum_retry_attempts if config is not None else None
    age_s = config.maximum_event_age_s if config is not None else None
    return RetryPolicy(
        retry_attempts=RETRY_ATTEMPTS_DEFAULT if attempts is None else attempts,
        event_age_s=EVENT_AGE_S_DEFAULT if age_s is None else age_s,
        retry_delay_s=retry_delay_s,
    )


def is_too_old(policy: RetryPolicy, accepted_s: float, now_s: float) -> bool:
    """Whether an event's time is up."""
    return now_s >= accepted_s + policy.event_age_s


def retry_after_error(policy: RetryPolicy, tries: int, accepted_s: float, now_s: float) -> float | Condition:
    """When to run again an event whose run number `tries` has failed, or why not.

    It is given up at once when the retry would start after its age (recorded from AWS: reference, invocation, 2.1).
    """
    if tries > policy.retry_attempts:
        return Condition.RETRIES_EXHAUSTED
    due_s = now_s + policy.retry_delay_s * tries
    return Condition.EVENT_AGE_EXCEEDED if due_s > accepted_s + policy.event_age_s else due_s


def due_after_refusal(policy: RetryPolicy, refusals: int, accepted_s: float, now_s: float) -> float:
    """When to try again an event that could not be run `refusals` times in a row: at the end of its age at the latest,
    so that it is given up then and not minutes later."""
    return min(now_s + back_off_s(refusals), accepted_s + policy.event_age_s)


def due_after_failed_delivery(failures: int, is_refused: bool, ended_s: float, now_s: float) -> float | None:
    """When to send again what failed `failures` times; None to give up."""
    if is_refused and failures >= REFUSED_DELIVERIES_MAX:
        return None
    due_s = now_s + back_off_s(failures)
    return None if due_s > ended_s + DELIVERY_AGE_S_MAX else due_s


def back_off_s(failures: int) -> float:
    """1 s after the first failure, then twice as long each time, up to 5 min."""
    return min(BACK_OFF_S_FIRST * 2.0 ** min(failures - 1, 16), BACK_OFF_S_MAX)
