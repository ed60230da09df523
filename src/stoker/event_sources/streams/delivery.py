"""One batch of a stream on its way to the function, until each of its records is done or given up.

When a batch fails, what follows is decided by `retries.py`; when the function cannot be called, the batch waits.
"""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from stoker.errors import LambdaError
from stoker.event_sources.answers import MalformedAnswerError
from stoker.event_sources.calls import Called, back_off_s
from stoker.event_sources.failure_notices import Condition
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.stopping import Stopping
from stoker.event_sources.streams.failures import GivenUp
from stoker.event_sources.streams.records import StreamRecord
from stoker.event_sources.streams.retries import Attempt, RetryPolicy, after_failure, expired
from stoker.event_sources.streams.work import StreamWork

log = logging.getLogger("stoker.event_sources")


class Batches(Protocol):
    """What a lane knows of its batches."""

    def event(self, records: Sequence[StreamRecord]) -> bytes:
        """The function's event with these records."""
        ...

    def failed(self, records: Sequence[StreamRecord], called: Called) -> frozenset[str]:
        """The sequence numbers that the function reports. Raises MalformedAnswerError."""
        ...

    async def finish(self, records: Sequence[StreamRecord]) -> None:
        """These need not be read again."""
        ...


class Delivery:
    """Begins with all records in one batch. What is left when it is told to stop is read again by the next poller."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        shard_id: str,
        policy: RetryPolicy,
        work: StreamWork,
        batches: Batches,
        stopping: Stopping,
    ) -> None:
        self._mapping = mapping
        self._shard_id = shard_id
        self._policy = policy
        self._work = work
        self._batches = batches
        self._stopping = stopping
        self._attempts: deque[Attempt] = deque()
        self._called: Called | None = None
        self._failures = 0  # in a row, whatever the reason

    async def run(self, batch: Sequence[StreamRecord]) -> None:
        self._attempts.append(Attempt(batch))
        while self._attempts and not self._stopping.is_set:
            attempt = await self._without_expired(self._attempts.popleft())
            if attempt.records:
                await self._try(attempt)

    async def _without_expired(self, attempt: Attempt) -> Attempt:
        old = expired(self._policy, attempt.records, self._work.clock.now_s())
        if old:
            await self._give_up(attempt.records[:old], Condition.RECORD_AGE_EXCEEDED, attempt.failures)
        return replace(attempt, records=attempt.records[old:])

    async def _try(self, attempt: Attempt) -> None:
        event = self._batches.event(attempt.records)
        if len(event) > self._work.payload_bytes_max and len(attempt.records) == 1:
            log.warning("a record of %s is too large for a function", self._mapping.source.arn)
            await self._give_up(attempt.records, Condition.RETRY_ATTEMPTS_EXHAUSTED, 0)
            return
        try:
            self._called = await self._work.calls.call(self._mapping, event)
        except LambdaError:  # throttled, say: that is no retry
            self._attempts.appendleft(attempt)
            await self._pause()
            return
        failed = self._failed(attempt.records, self._called)
        if failed is not None and not failed:
            self._failures = 0
            await self._batches.finish(attempt.records)
            await self._work.result.processed()
        else:
            await self._follow(attempt, failed)

    def _failed(self, records: Sequence[StreamRecord], called: Called) -> frozenset[str] | None:
        """The sequence numbers of what has failed; None for everything."""
        if called.result.function_error is not None:
            return None
        try:
            return self._batches.failed(records, called)
        except MalformedAnswerError as error:
            log.warning("the answer of %s counts as a failure: %s", self._mapping.function_arn, error)
            return None

    async def _follow(self, attempt: Attempt, failed: frozenset[str] | None) -> None:
        after = after_failure(self._policy, attempt, failed)
        if after.done:
            self._failures = 0
            await self._batches.finish(attempt.records[: after.done])
        if after.gives_up:
            invocations = (0 if after.done else attempt.failures) + 1
            await self._give_up(attempt.records[after.done :], Condition.RETRY_ATTEMPTS_EXHAUSTED, invocations)
        self._attempts.extendleft(reversed(after.attempts))
        if after.gives_up or after.is_split:
            await self._work.result.call_failed()
        else:
            await self._pause()

    async def _give_up(self, records: Sequence[StreamRecord], condition: Condition, invocations: int) -> None:
        await self._work.destination.tell(GivenUp(self._shard_id, records, condition, invocations, self._called))
        await self._batches.finish(records)

    async def _pause(self) -> None:
        self._failures += 1
        await self._work.result.call_failed()
        await self._stopping.pause(back_off_s(self._failures))
