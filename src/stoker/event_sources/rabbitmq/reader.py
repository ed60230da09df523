"""A mapping of a RabbitMQ queue: consume, filter, gather, call the function, acknowledge (reference: event sources, 5).

One batch at a time is with the function, as on AWS, while the next one gathers. A batch that fails goes back to the
queue, after a pause that grows with failures in a row, and comes again as redelivered; the queue's own limits (message
TTL, a quorum queue's delivery limit, a dead-letter exchange) say for how long.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from stoker.arn import Arn
from stoker.errors import LambdaError
from stoker.event_sources.batches import BatchLimits, Gathering
from stoker.event_sources.calls import FunctionCalls, back_off_s
from stoker.event_sources.matching import Filters
from stoker.event_sources.processing_result import ProcessingResult
from stoker.event_sources.rabbitmq.access import access_of
from stoker.event_sources.rabbitmq.brokers import Brokers
from stoker.event_sources.rabbitmq.messages import RabbitMessage, event_of, overhead_bytes
from stoker.event_sources.rabbitmq.queue import Holding, RabbitQueue, consumed_queue
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.stopping import Stopping

log = logging.getLogger("stoker.event_sources")

WINDOW_S_DEFAULT = 0.5  # which whole seconds cannot say: the member is absent


@dataclass(frozen=True, slots=True)
class RabbitWork:
    """What readers of RabbitMQ's queues work with."""

    arn: Arn
    brokers: Brokers
    calls: FunctionCalls
    result: ProcessingResult
    payload_bytes_max: int


class RabbitReader:
    """Reads until it is told to stop, and returns when the function has done with what it has."""

    def __init__(self, mapping: EventSourceMapping, work: RabbitWork, stopping: Stopping) -> None:
        settings = mapping.settings
        self._mapping = mapping
        self._arn = work.arn
        self._brokers = work.brokers
        self._calls = work.calls
        self._result = work.result
        self._payload_bytes_max = work.payload_bytes_max
        self._stopping = stopping
        self._access = access_of(settings)
        (queue_name,) = mapping.source.queues
        self._names = (str(work.arn), queue_name, self._access.virtual_host)
        self._overhead_bytes = overhead_bytes(*self._names)
        self._filters = Filters(settings.get("FilterCriteria"))
        window_s = settings.get("MaximumBatchingWindowInSeconds", WINDOW_S_DEFAULT)
        self._limits = BatchLimits(settings["BatchSize"], window_s, work.payload_bytes_max)
        self._woken = asyncio.Event()
        self._failures = 0

    async def run(self) -> None:
        """Raises FunctionMissingError, BrokerError, and what the broker's secret cannot be had for."""
        self._calls.role(self._mapping)
        endpoint = await self._brokers.endpoint(self._arn)
        login = await self._brokers.login(self._arn, self._access)
        # A batch that is with the function, and one that gathers meanwhile.
        holding = Holding(2 * self._limits.records_max, 2 * self._payload_bytes_max)
        async with consumed_queue(endpoint, login, self._names[1], holding, self._woken.set) as queue:
            await self._result.source_found()
            with self._stopping.telling(self._woken.set):
                await self._serve(queue)

    async def drain(self) -> None:
        """Nothing is with the function any more: `run` has waited for it."""

    async def _serve(self, queue: RabbitQueue) -> None:
        gathering: Gathering[RabbitMessage] = Gathering(self._limits, self._overhead_bytes)
        while not self._stopping.is_set:
            self._woken.clear()
            gathering.add(await self._wanted(queue, queue.arrived()), self._now_s())
            due_s = gathering.due_s(self._now_s())
            if due_s is not None and due_s <= self._now_s():
                await self._work(queue, gathering.take(self._now_s()))
                continue
            try:
                async with asyncio.timeout_at(due_s):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _wanted(self, queue: RabbitQueue, messages: Sequence[RabbitMessage]) -> list[RabbitMessage]:
        """Those that pass the filters and fit into a payload; the others leave the queue, as on AWS."""
        wanted, unwanted = [], []
        for message in messages:
            if not self._filters.match(message.document):
                unwanted.append(message)
            elif self._overhead_bytes + len(message.encoded) > self._payload_bytes_max:
                log.warning("a message of %s is dropped: it is larger than a payload", self._arn)
                await queue.drop(message)
            else:
                wanted.append(message)
        if unwanted:
            await queue.acknowledge_each(unwanted)
        return wanted

    async def _work(self, queue: RabbitQueue, batch: Sequence[RabbitMessage]) -> None:
        if await self._is_taken(batch):
            self._failures = 0
            await queue.acknowledge(batch)
            await self._result.processed()
            return
        self._failures += 1
        await self._result.call_failed()
        await self._stopping.pause(back_off_s(self._failures))
        await queue.give_back(batch)

    async def _is_taken(self, batch: Sequence[RabbitMessage]) -> bool:
        """Whether the function succeeded. One that has no room, or is gone, has not."""
        try:
            called = await self._calls.call(self._mapping, event_of(batch, *self._names))
        except LambdaError as error:
            log.info("a batch of %s goes back to its queue: %s", self._arn, error)
            return False
        return called.result.function_error is None

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
