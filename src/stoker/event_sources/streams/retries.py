"""What follows when a function fails with a batch of a stream: pure rules (reference: event sources, 3)."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stoker.event_sources.answers import REPORT_FAILURES
from stoker.event_sources.streams.records import StreamRecord


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retries_max` and `age_s_max` are infinite where AWS has -1; no record outlives its stream's retention."""

    retries_max: float
    age_s_max: float
    bisects: bool
    reports_failures: bool

    @classmethod
    def of(cls, settings: Mapping[str, Any], retention_s: float) -> "RetryPolicy":
        """That of a mapping's settings."""
        retries, age_s = settings["MaximumRetryAttempts"], settings["MaximumRecordAgeInSeconds"]
        return cls(
            retries_max=math.inf if retries < 0 else retries,
            age_s_max=retention_s if age_s < 0 else min(age_s, retention_s),
            bisects=settings["BisectBatchOnFunctionError"],
            reports_failures=REPORT_FAILURES in settings["FunctionResponseTypes"],
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """Records that go to the function together; `failures` counts how often they have failed, splits left out."""

    records: Sequence[StreamRecord]
    failures: int = 0


@dataclass(frozen=True, slots=True)
class AfterFailure:
    """The first `done` records are done; then come `attempts`, in this order, or the rest is given up."""

    done: int
    attempts: tuple[Attempt, ...] = ()
    gives_up: bool = False
    is_split: bool = False


def after_failure(policy: RetryPolicy, attempt: Attempt, failed: Collection[str] | None) -> AfterFailure:
    """What to do after a failure with all records (`failed` is None), or with those of these sequence numbers.

    From the lowest that failed on, everything comes again: order is kept. Whoever gets further has all retries again,
    since it is another record that fails; otherwise a batch would be given up for the records that went well.
    """
    records = attempt.records
    first = 0 if failed is None else next(i for i, record in enumerate(records) if record.sequence_number in failed)
    rest = records[first:]
    if policy.bisects and first:
        return AfterFailure(first, (Attempt(rest),), is_split=True)
    if policy.bisects and len(records) > 1:
        middle = len(records) // 2
        halves = (Attempt(records[:middle], attempt.failures), Attempt(records[middle:], attempt.failures))
        return AfterFailure(0, halves, is_split=True)
    failures = 1 if first else attempt.failures + 1
    if failures > policy.retries_max:
        return AfterFailure(first, gives_up=True)
    return AfterFailure(first, (Attempt(rest, failures),))


def expired(policy: RetryPolicy, records: Sequence[StreamRecord], now_s: float) -> int:
    """How many of the first records are older than they may be."""
    count = 0
    while count < len(records) and now_s - records[count].arrived_s > policy.age_s_max:
        count += 1
    return count
