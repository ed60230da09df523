"""One batch of a topic on its way to the function, until each of its records is done or given up.

When it fails, what follows is decided by `retries.py`; when the function cannot be called, the batch waits.
"""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from stoker.clock import Clock
from stoker.errors import LambdaError
from stoker.event_sources.answers import MalformedAnswerError
from stoker.event_sources.calls import Called, FunctionCalls, back_off_s
from stoker.event_sources.failure_notices import Condition
from stoker.event_sources.kafka.failures import GivenUpBatch, KafkaFailures
from stoker.event_sources.kafka.records import KafkaRecord, Partition, event_head, event_of
from stoker.event_sources.kafka.retries import (
    KafkaAttempt,
    KafkaRetryPolicy,
    after_failure,
    expired,
    failed_offsets,
)
from stoker.event_sources.processing_result import ProcessingResult
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.stopping import Stopping

log = logging.getLogger("stoker.event_sources")


class Progress(Protocol):
    """Who keeps the account of a topic's records."""

    def finish(self, records: Sequence[KafkaRecord]) -> None:
        """These need not be read again."""
        ...

    def throttled(self) -> None:
        """The function could not be called."""
        ...

    def is_failing(self, records: Sequence[KafkaRecord]) -> None:
        """These have failed and will be tried again."""
        ...


@dataclass(frozen=True, slots=True)
class DeliveryWork:
    """What the deliveries of one mapping share, for as long as it speaks to the same brokers."""

    mapping: EventSourceMapping
    bootstrap_servers: Sequence[str]
    policy: KafkaRetryPolicy
    calls: FunctionCalls
    failures: KafkaFailures
    result: ProcessingResult
    clock: Clock
    payload_bytes_max: int


class KafkaDelivery:
    """`run` ends early when it is told to stop; what is not done then is read again."""

    def __init__(self, work: DeliveryWork, progress: Progress, stopping: Stopping) -> None:
        self._work = work
        self._progress = progress
        self._stopping = stopping
        self._head = event_head(work.mapping.source, work.bootstrap_servers)
        self._attempts: deque[KafkaAttempt] = deque()
        self._called: Called | None = None
        self._failures = 0  # in a row, whatever the reason

    async def run(self, batch: Sequence[KafkaRecord]) -> None:
        self._attempts.append(KafkaAttempt(batch))
        while self._attempts and not self._stopping.is_set:
            attempt = await self._without_expired(self._attempts.popleft())
            if attempt.records:
                await self._try(attempt)

    async def _without_expired(self, attempt: KafkaAttempt) -> KafkaAttempt:
        old = expired(self._work.policy, attempt.records, self._work.clock.now_s())
        if not old:
            return attempt
        await self._give_up(old, Condition.RECORD_AGE_EXCEEDED, attempt.failures)
        given_up = {(one.partition, one.offset) for one in old}
        rest = [one for one in attempt.records if (one.partition, one.offset) not in given_up]
        return replace(attempt, records=rest)

    async def _try(self, attempt: KafkaAttempt) -> None:
        event = event_of(self._head, attempt.records)
        if len(event) > self._work.payload_bytes_max and len(attempt.records) == 1:
            log.warning("a record of %s is too large for a function", attempt.records[0].partition)
            await self._give_up(attempt.records, Condition.RETRY_ATTEMPTS_EXHAUSTED, 0)
            return
        try:
            self._called = await self._work.calls.call(self._work.mapping, event)
        except LambdaError:  # throttled, say: that is no retry
            self._attempts.appendleft(attempt)
            self._progress.throttled()
            await self._pause(attempt.records)
            return
        failed = self._failed(attempt.records, self._called)
        if failed is not None and not failed:
            self._failures = 0
            self._progress.finish(attempt.records)
            await self._work.result.processed()
        else:
            await self._follow(attempt, failed)

    def _failed(self, records: Sequence[KafkaRecord], called: Called) -> Mapping[Partition, int] | None:
        """From which offsets on records have failed; None for everything."""
        if called.result.function_error is not None:
            return None
        if not self._work.policy.reports_failures:
            return {}
        try:
            return failed_offsets(called.result.payload, records)
        except MalformedAnswerError as error:
            log.warning("the answer of %s counts as a failure: %s", self._work.mapping.function_arn, error)
            return None

    async def _follow(self, attempt: KafkaAttempt, failed: Mapping[Partition, int] | None) -> None:
        after = after_failure(self._work.policy, attempt, failed)
        if after.done:
            self._failures = 0
            self._progress.finish(after.done)
        if after.gives_up:
            for given_up in after.attempts:
                await self._give_up(given_up.records, Condition.RETRY_ATTEMPTS_EXHAUSTED, given_up.failures)
        else:
            self._attempts.extendleft(reversed(after.attempts))
        if after.gives_up or after.is_split:
            await self._work.result.call_failed()
        else:
            await self._pause(attempt.records)

    async def _give_up(self, records: Sequence[KafkaRecord], condition: Condition, invocations: int) -> None:
        event, servers = event_of(self._head, records), self._work.bootstrap_servers
        await self._work.failures.tell(GivenUpBatch(records, event, servers, condition, invocations, self._called))
        self._progress.finish(records)

    async def _pause(self, records: Sequence[KafkaRecord]) -> None:
        self._failures += 1
        self._progress.is_failing(records)
        await self._work.result.call_failed()
        await self._stopping.pause(back_off_s(self._failures))
