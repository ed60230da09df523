"""One lane of a shard: batches that go to the function one after the other (reference: event sources, 3).

A shard has as many as the mapping's ParallelizationFactor says; records of one key are in one lane, so that their order
is kept. With tumbling windows a lane's records are done when their window is: its state is in memory only, so a new
poller begins the window again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from stoker.errors import LambdaError
from stoker.event_sources.answers import failed_records, window_answer
from stoker.event_sources.batches import BatchLimits, Gathering, event_of
from stoker.event_sources.calls import Called, back_off_s
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.stopping import Stopping
from stoker.event_sources.streams.delivery import Delivery
from stoker.event_sources.streams.records import StreamRecord
from stoker.event_sources.streams.retries import RetryPolicy
from stoker.event_sources.streams.windows import CALM_S, STATE_BYTES_MAX, Window, window_at
from stoker.event_sources.streams.work import StreamWork

log = logging.getLogger("stoker.event_sources")

WINDOW_MEMBERS_BYTES = STATE_BYTES_MAX + 4096

Done = Callable[[Sequence[str]], Awaitable[None]]
"""Takes the sequence numbers of records that need not be read again."""


class Lane:
    """Call `add` with records in their order; `serve` runs until it is told to stop, or nothing comes any more."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        shard_id: str,
        policy: RetryPolicy,
        work: StreamWork,
        done: Done,
        stopping: Stopping,
    ) -> None:
        settings = mapping.settings
        self._mapping = mapping
        self._shard_id = shard_id
        self._policy = policy
        self._work = work
        self._done = done
        self._stopping = stopping
        self._window_s: int = settings["TumblingWindowInSeconds"]
        self._window: Window | None = None
        self._held: list[str] = []  # what is done when the window is
        self._gathering: Gathering[StreamRecord] = Gathering(
            BatchLimits.of(settings, work.payload_bytes_max), WINDOW_MEMBERS_BYTES if self._window_s else 0
        )
        self._seen_until_s = 0.0
        self._is_last = False
        self._woken = asyncio.Event()

    @property
    def waiting(self) -> tuple[int, int]:
        """How many records wait, and their bytes."""
        return len(self._gathering), self._gathering.size_bytes

    def add(self, records: Sequence[StreamRecord]) -> None:
        self._gathering.add(records, self._now_s())
        self._woken.set()

    def seen_until(self, epoch_s: float) -> None:
        """Everything that arrived before has been added."""
        self._seen_until_s = epoch_s
        if self._is_window_over():
            self._woken.set()

    def finish_up(self) -> None:
        """Nothing will be added any more."""
        self._is_last = True
        self._woken.set()

    async def serve(self) -> None:
        with self._stopping.telling(self._woken.set):
            while not self._stopping.is_set:
                self._woken.clear()
                if self._window is not None and self._is_window_over():
                    await self._close(self._window, is_early=False)
                elif batch := self._next_batch():
                    delivery = Delivery(self._mapping, self._shard_id, self._policy, self._work, self, self._stopping)
                    await delivery.run(batch)
                elif self._is_last and not len(self._gathering):
                    return
                else:
                    await self._wait()

    def event(self, records: Sequence[StreamRecord]) -> bytes:
        """The function's event with these records, and those of their window beside them."""
        if not self._window_s:
            return event_of(records)
        if self._window is None:
            self._window = window_at(records[0].arrived_s, self._window_s)
        return event_of(records, self._window.members(self._shard_id, str(self._mapping.source.arn), is_final=False))

    def failed(self, records: Sequence[StreamRecord], called: Called) -> frozenset[str]:
        """The sequence numbers that the function reports; the window's state is taken over from its answer."""
        numbers = {record.sequence_number for record in records}
        payload, reports_failures = called.result.payload, self._policy.reports_failures
        if self._window is None:
            return failed_records(payload, numbers) if reports_failures else frozenset()
        answer = window_answer(payload, numbers, reports_failures=reports_failures)
        self._window = self._window.with_state(answer.state)
        return answer.failed

    async def finish(self, records: Sequence[StreamRecord]) -> None:
        numbers = [record.sequence_number for record in records]
        if not self._window_s:
            await self._done(numbers)
            return
        self._held.extend(numbers)
        if self._window is not None and self._window.is_overfull:
            await self._close(self._window, is_early=True)

    def _next_batch(self) -> list[StreamRecord]:
        now_s = self._now_s()
        due_s = self._gathering.due_s(now_s)
        if due_s is None or (due_s > now_s and not self._is_last):
            return []
        return self._gathering.take(now_s, self._are_together if self._window_s else None)

    def _are_together(self, first: StreamRecord, other: StreamRecord) -> bool:
        return other.arrived_s < (self._window or window_at(first.arrived_s, self._window_s)).end_s

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout_at(self._gathering.due_s(self._now_s())):
                await self._woken.wait()
        except TimeoutError:
            return

    def _is_window_over(self) -> bool:
        """Whether the next record, if any, belongs to a later window."""
        if self._window is None:
            return False
        if (first := self._gathering.first) is not None:
            return first.arrived_s >= self._window.end_s
        return self._is_last or self._seen_until_s >= self._window.end_s + CALM_S

    async def _close(self, window: Window, *, is_early: bool) -> None:
        """The window's last call. Its records have been with the function, so there is nothing to give up but the
        state."""
        members = window.members(self._shard_id, str(self._mapping.source.arn), is_final=True, is_early=is_early)
        event = event_of([], members)
        failures = 0
        while failures <= self._policy.retries_max:
            if self._stopping.is_set:
                return
            if await self._is_taken(event):
                break
            failures += 1
            await self._stopping.pause(back_off_s(failures))
            if self._work.clock.now_s() - window.end_s > self._policy.age_s_max:
                break
        self._window = None
        held, self._held = self._held, []
        await self._done(held)

    async def _is_taken(self, event: bytes) -> bool:
        try:
            called = await self._work.calls.call(self._mapping, event)
        except LambdaError:
            return False
        return called.result.function_error is None

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
