"""What follows when a function fails with a batch of a topic: pure rules (reference: event sources, 1.1 and 4).

Without a destination for what fails, a batch is tried again until it succeeds. With one it is given up after some
tries. Other limits, and answers that name the records that failed, are of provisioned mode.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stoker.event_sources.answers import REPORT_FAILURES, MalformedAnswerError
from stoker.event_sources.kafka.records import KafkaRecord, Partition

RETRIES_BEFORE_DESTINATION = 10  # where no number was given


@dataclass(frozen=True, slots=True)
class KafkaRetryPolicy:
    """`retries_max` and `age_s_max` may be infinite."""

    retries_max: float
    age_s_max: float
    bisects: bool
    reports_failures: bool

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "KafkaRetryPolicy":
        """That of a mapping's settings."""
        retries = settings.get("MaximumRetryAttempts", -1)
        age_s = settings.get("MaximumRecordAgeInSeconds", -1)
        return cls(
            retries_max=retries if retries >= 0 else _endless(settings),
            age_s_max=age_s if age_s >= 0 else math.inf,
            bisects=settings.get("BisectBatchOnFunctionError", False),
            reports_failures=REPORT_FAILURES in settings.get("FunctionResponseTypes", ()),
        )


@dataclass(frozen=True, slots=True)
class KafkaAttempt:
    """Records that go to the function together; `failures` counts how often they have failed, splits left out."""

    records: Sequence[KafkaRecord]
    failures: int = 0


@dataclass(frozen=True, slots=True)
class AfterKafkaFailure:
    """`done` are done; then come `attempts`, in this order, or they are what is given up."""

    done: Sequence[KafkaRecord]
    attempts: tuple[KafkaAttempt, ...]
    gives_up: bool = False
    is_split: bool = False


def after_failure(
    policy: KafkaRetryPolicy, attempt: KafkaAttempt, failed: Mapping[Partition, int] | None
) -> AfterKafkaFailure:
    """What to do after a failure with all records (`failed` is None), or from these offsets on.

    Of a partition in which a record failed, all from the lowest on come again: order is kept. Whoever gets further has
    all retries again.
    """
    if failed is not None:
        done = [one for one in attempt.records if one.offset < failed.get(one.partition, one.offset + 1)]
        if done:
            rest = [one for one in attempt.records if one.offset >= failed.get(one.partition, one.offset + 1)]
            return AfterKafkaFailure(done, (KafkaAttempt(rest, 1),), gives_up=policy.retries_max < 1)
    if policy.bisects and len(attempt.records) > 1:
        middle = len(attempt.records) // 2
        halves = (attempt.records[:middle], attempt.records[middle:])
        return AfterKafkaFailure((), tuple(KafkaAttempt(half, attempt.failures) for half in halves), is_split=True)
    failures = attempt.failures + 1
    return AfterKafkaFailure((), (KafkaAttempt(attempt.records, failures),), gives_up=failures > policy.retries_max)


def expired(policy: KafkaRetryPolicy, records: Sequence[KafkaRecord], now_s: float) -> list[KafkaRecord]:
    """Those that are older than they may be, with those before them in their partitions."""
    if math.isinf(policy.age_s_max):
        return []
    last = {one.partition: one.offset for one in records if now_s - one.timestamp_ms / 1000 > policy.age_s_max}
    return [one for one in records if one.offset <= last.get(one.partition, -1)]


def failed_offsets(payload: bytes, records: Sequence[KafkaRecord]) -> dict[Partition, int]:
    """The lowest offset of each partition that the function reports. Raises MalformedAnswerError.

    `null`, `{}`, `""`, `[]`, and no list or an empty one are a success.
    """
    known = {(str(one.partition), one.offset): one.partition for one in records}
    failed: dict[Partition, int] = {}
    for identifier in _identifiers(payload):
        members = identifier if isinstance(identifier, dict) else {}
        name, offset = members.get("partition"), members.get("offset")
        if type(name) is not str or type(offset) is not int or (name, offset) not in known:
            raise MalformedAnswerError("an itemIdentifier is missing, incomplete or not in the batch")
        partition = known[name, offset]
        failed[partition] = min(offset, failed.get(partition, offset))
    return failed


def _identifiers(payload: bytes) -> list[Any]:
    try:
        answer = json.loads(payload or b"null")
    except (ValueError, RecursionError):
        raise MalformedAnswerError("the answer is not JSON") from None
    if answer is None or answer == "" or answer == []:
        return []
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else answer
    if failures is None:
        return []
    if not isinstance(answer, dict) or not isinstance(failures, list):
        raise MalformedAnswerError("batchItemFailures is not a list")
    return [one.get("itemIdentifier") if isinstance(one, dict) else None for one in failures]


def _endless(settings: Mapping[str, Any]) -> float:
    destination = (settings.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
    return RETRIES_BEFORE_DESTINATION if destination else math.inf
