"""Reads a topic for one mapping: poll, filter, gather, call the function, store how far it has come."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from stoker.clock import Clock
from stoker.event_sources.batches import BatchLimits
from stoker.event_sources.calls import FunctionCalls
from stoker.event_sources.failure_notices import FailureNotices
from stoker.event_sources.kafka.connection import Connection, Connections
from stoker.event_sources.kafka.consumer import KafkaConsumer, Membership, Polled
from stoker.event_sources.kafka.delivery import DeliveryWork, KafkaDelivery
from stoker.event_sources.kafka.failures import KafkaFailures
from stoker.event_sources.kafka.gathering import KafkaGathering, positions_after
from stoker.event_sources.kafka.records import KafkaRecord, Partition, event_head, event_of
from stoker.event_sources.kafka.retries import KafkaRetryPolicy
from stoker.event_sources.matching import Filters
from stoker.event_sources.processing_result import ProcessingResult
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.rules import KAFKA_CONFIGS
from stoker.event_sources.scaling import Scaling, topic_bounds
from stoker.event_sources.services import Services
from stoker.event_sources.stopping import Stopping
from stoker.supervision import Background

WINDOW_S_DEFAULT = 0.5
WAIT_S = 1.0  # at the library, for a record; a mapping that is told to stop waits that long at most
KEEP_S = 5.0  # how often the library is asked while nothing more can be taken, so that the group keeps the consumer
LOOK_S = 1.0  # how soon more places are seen while all are taken
WAITING_BYTES_MAX = 12 * 1024 * 1024
POLLED_RECORDS_MAX = 500  # turned into JSON in one go


@dataclass(frozen=True, slots=True)
class KafkaWork:
    """What readers of topics work with."""

    services: Services
    connections: Connections
    calls: FunctionCalls
    result: ProcessingResult
    background: Background
    clock: Clock
    payload_bytes_max: int


class KafkaReader:
    """All that it starts has ended when `run` returns, so that no partition is with the function twice."""

    def __init__(self, mapping: EventSourceMapping, work: KafkaWork, stopping: Stopping) -> None:
        self._mapping = mapping
        self._work = work
        self._stopping = stopping

    async def run(self) -> None:
        """Raises FunctionMissingError, and what the brokers or other services cannot do."""
        self._work.calls.role(self._mapping)
        connection = await self._work.connections.to(self._mapping)
        consumer = KafkaConsumer(membership_of(self._mapping), connection.properties)
        try:
            await consumer.open()
            await self._work.result.source_found()
            await _Reading(self._mapping, self._work, connection, consumer, self._stopping).run()
        finally:
            await consumer.close()

    async def drain(self) -> None:
        """Nothing is left after `run`."""


class _Reading:
    """With one consumer. Bounded: it reads on while less than a batch for each place waits."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        work: KafkaWork,
        connection: Connection,
        consumer: KafkaConsumer,
        stopping: Stopping,
    ) -> None:
        self._mapping = mapping
        self._background = work.background
        self._calls = work.calls
        self._consumer = consumer
        self._stopping = stopping
        self._halt = Stopping()
        self._filters = Filters(mapping.settings.get("FilterCriteria"))
        self._limits = _limits(mapping, work.payload_bytes_max)
        head = event_head(mapping.source, connection.bootstrap_servers)
        self._gathering = KafkaGathering(self._limits, len(event_of(head, ())))
        self._scaling = Scaling(topic_bounds(mapping.settings), self._now_s())
        self._running: set[asyncio.Task[None]] = set()
        self._failing: set[Partition] = set()
        self._polled_s = self._now_s()
        self._woken = asyncio.Event()
        notices = FailureNotices(work.services, mapping, work.clock, self._halt)
        self._delivery_work = DeliveryWork(
            mapping=mapping,
            bootstrap_servers=connection.bootstrap_servers,
            policy=KafkaRetryPolicy.of(mapping.settings),
            calls=work.calls,
            failures=KafkaFailures(mapping, notices, work.clock),
            result=work.result,
            clock=work.clock,
            payload_bytes_max=work.payload_bytes_max,
        )

    async def run(self) -> None:
        polling: asyncio.Task[Polled] | None = None
        try:
            with self._stopping.telling(self._halt.set), self._halt.telling(self._woken.set):
                while not self._halt.is_set:
                    self._woken.clear()
                    if polling is not None and polling.done():
                        polled, polling = polling.result(), None
                        self._take(polled)
                    self._start_due()
                    if polling is None:
                        polling = self._poll()
                    await self._wait(is_polling=polling is not None)
        finally:
            self._halt.set()
            if ending := [*self._running, *([polling] if polling is not None else ())]:
                await asyncio.wait(ending)

    def finish(self, records: Sequence[KafkaRecord]) -> None:
        self._consumer.store(self._gathering.still_ours(positions_after(records)))

    def throttled(self) -> None:
        self._scaling.throttled()

    def is_failing(self, records: Sequence[KafkaRecord]) -> None:
        self._failing.update(record.partition for record in records)

    def _poll(self) -> asyncio.Task[Polled] | None:
        """What is asked of the consumer now, if anything."""
        count, size_bytes = self._gathering.waiting(without=self._failing)
        if count < self._limits.records_max * 2 and size_bytes < WAITING_BYTES_MAX:
            work = self._consumer.poll(WAIT_S, POLLED_RECORDS_MAX, frozenset(self._failing))
        elif self._now_s() - self._polled_s >= KEEP_S:
            work = self._consumer.keep()
        else:
            return None
        self._polled_s = self._now_s()
        polling = self._background.start(work, f"poll of {self._mapping.uuid}")
        polling.add_done_callback(lambda _: self._woken.set())
        return polling

    def _take(self, polled: Polled) -> None:
        """Raises SourceProblem."""
        if polled.problem is not None:
            raise polled.problem
        self._gathering.forget(polled.revoked)
        for record in polled.records:
            self._gathering.read_until(record.partition, record.offset + 1)
        self._gathering.add((one for one in polled.records if self._filters.match(one.document)), self._now_s())
        # Records that nobody wants are done with what was before them.
        self._consumer.store(self._gathering.idle_positions({one.partition for one in polled.records}))

    def _start_due(self) -> None:
        now_s = self._now_s()
        while self._room() > 0 and (due_s := self._gathering.due_s(now_s)) is not None and due_s <= now_s:
            batch = self._gathering.take(now_s)
            task = self._background.start(self._deliver(batch), f"batch of {self._mapping.uuid}")
            self._running.add(task)
            task.add_done_callback(self._ended)

    async def _deliver(self, batch: Sequence[KafkaRecord]) -> None:
        partitions = {record.partition for record in batch}
        await KafkaDelivery(self._delivery_work, self, self._halt).run(batch)
        if not self._halt.is_set:
            self._consumer.store(self._gathering.release(partitions))
            self._failing -= partitions

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._woken.set()
        if not task.cancelled() and task.exception() is not None:
            self._halt.set()  # what nobody foresaw: its records are read again

    def _room(self) -> int:
        running = len(self._running)
        return self._scaling.places(running, self._now_s(), self._calls.reserved_concurrency(self._mapping)) - running

    async def _wait(self, *, is_polling: bool) -> None:
        """Until a poll or a batch has ended, the batch that gathers is due, or it is the end."""
        now_s = self._now_s()
        due_s = now_s + LOOK_S if self._room() <= 0 else self._gathering.due_s(now_s)
        if not is_polling:
            due_s = min(due_s or now_s + KEEP_S, self._polled_s + KEEP_S)
        try:
            async with asyncio.timeout_at(due_s):
                await self._woken.wait()
        except TimeoutError:
            return

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


def membership_of(mapping: EventSourceMapping) -> Membership:
    """The mapping is one member of its group, whichever node polls for it."""
    settings = mapping.settings
    return Membership(
        group_id=settings[KAFKA_CONFIGS[mapping.source.kind]]["ConsumerGroupId"],
        instance_id=f"stoker-{mapping.uuid}",
        topics=mapping.source.topics,
        starting_position=settings["StartingPosition"],
        starting_s=settings.get("StartingPositionTimestamp"),
    )


def _limits(mapping: EventSourceMapping, payload_bytes_max: int) -> BatchLimits:
    limits = BatchLimits.of(mapping.settings, payload_bytes_max)
    is_given = "MaximumBatchingWindowInSeconds" in mapping.settings
    return limits if is_given else BatchLimits(limits.records_max, WINDOW_S_DEFAULT, payload_bytes_max)
