"""A mapping of a queue: receive, filter, gather, call the function, acknowledge (reference: event sources, 2).

A message belongs to whoever received it until its visibility timeout ends. What the function has taken is deleted; all
else is left alone and comes again by itself, or goes to the queue's dead-letter queue.
"""

import asyncio
import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stoker.errors import LambdaError, RecursiveInvocationException, ResourceNotFoundException
from stoker.event_sources.answers import REPORT_FAILURES, MalformedAnswerError, failed_records
from stoker.event_sources.batches import BatchLimits, Gathering, event_of
from stoker.event_sources.calls import FunctionCalls, back_off_s
from stoker.event_sources.long_polls import LongPolls
from stoker.event_sources.matching import Filters
from stoker.event_sources.processing_result import ProcessingResult
from stoker.event_sources.records import EventSourceMapping, SourceKind
from stoker.event_sources.scaling import Scaling, queue_bounds
from stoker.event_sources.services import SOURCE_ERRORS
from stoker.event_sources.sources.sqs import QueueMessage, SqsQueue
from stoker.event_sources.stopping import Stopping
from stoker.invocation import InvocationResult
from stoker.supervision import Background

log = logging.getLogger("stoker.event_sources")

LOOK_S = 1.0  # how soon more places are seen while all are taken


@dataclass(frozen=True, slots=True)
class QueueWork:
    """What readers of queues work with."""

    queue: SqsQueue
    calls: FunctionCalls
    result: ProcessingResult
    long_polls: LongPolls
    background: Background
    payload_bytes_max: int


class QueueReader:
    """Reads until it is told to stop. Batches that run outlive an error of the queue; `drain` waits for them."""

    def __init__(self, mapping: EventSourceMapping, work: QueueWork, stopping: Stopping) -> None:
        now_s = asyncio.get_running_loop().time()
        self._mapping = mapping
        self._queue = work.queue
        self._calls = work.calls
        self._result = work.result
        self._long_polls = work.long_polls
        self._background = work.background
        self._stopping = stopping
        self._filters = Filters(mapping.settings.get("FilterCriteria"))
        self._reports_failures = REPORT_FAILURES in mapping.settings["FunctionResponseTypes"]
        self._limits = BatchLimits.of(mapping.settings, work.payload_bytes_max)
        self._gathering: Gathering[QueueMessage] = Gathering(self._limits)
        self._scaling = Scaling(queue_bounds(mapping.settings), now_s)
        self._running: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Raises FunctionMissingError, and what the queue cannot do."""
        self._calls.role(self._mapping)
        await self._queue.open()
        await self._result.source_found()
        with self._long_polls.sharing(), self._stopping.telling(self._woken.set):
            await self._serve()

    async def drain(self) -> None:
        """Wait for the batches that are with the function."""
        if self._running:
            await asyncio.wait(self._running)

    async def _serve(self) -> None:
        receiving: asyncio.Task[list[QueueMessage] | Exception] | None = None
        try:
            while not self._stopping.is_set:
                self._woken.clear()
                if receiving is not None and receiving.done():
                    received, receiving = receiving.result(), None
                    if isinstance(received, Exception):
                        raise received
                    self._gathering.add(received, self._now_s())
                self._start_due()
                if receiving is None and self._room() > 0 and not self._gathering.is_full:
                    receiving = self._background.start(self._receive(), "receiving of messages")
                    receiving.add_done_callback(lambda _: self._woken.set())
                await self._wait()
        finally:
            self._leave(receiving)

    def _start_due(self) -> None:
        now_s = self._now_s()
        while self._room() > 0 and (due_s := self._gathering.due_s(now_s)) is not None and due_s <= now_s:
            batch = self._gathering.take(now_s)
            if self._mapping.source.kind is SourceKind.SQS_FIFO:
                # What a payload has no room for may be of the same groups; the queue hands it out in its turn.
                self._give_back(self._gathering.take_all())
            task = self._background.start(self._work(batch), f"batch of {self._mapping.source.arn}")
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._woken.set()

    def _room(self) -> int:
        running = len(self._running)
        return self._scaling.places(running, self._now_s(), self._calls.reserved_concurrency(self._mapping)) - running

    async def _wait(self) -> None:
        """Until a receive or a batch has ended, the batch that gathers is due, or it is the end."""
        due_s = self._gathering.due_s(self._now_s())
        if self._room() <= 0:
            due_s = self._now_s() + LOOK_S
        try:
            async with asyncio.timeout_at(due_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _receive(self) -> list[QueueMessage] | Exception:
        """Messages that pass the filters; those that do not are deleted, as on AWS."""
        try:
            async with self._long_polls.turn():
                messages = await self._queue.receive(self._gathering.missing, self._wait_s(), self._now_s())
            if not messages and self._has_locked_groups():
                # The end of a batch may free what its groups hold back.
                await asyncio.wait(self._running, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            matching = [message for message in messages if self._filters.match(message.document)]
            if len(matching) < len(messages):
                kept = {message.receipt_handle for message in matching}
                await self._queue.delete([message for message in messages if message.receipt_handle not in kept])
        except SOURCE_ERRORS as error:
            return error
        return matching

    def _has_locked_groups(self) -> bool:
        return self._mapping.source.kind is SourceKind.SQS_FIFO and bool(self._running)

    def _wait_s(self) -> int:
        """Not longer than the window of the batch that gathers.

        Not at all while groups are locked: some servers do not notice within one wait that they are free.
        """
        if self._has_locked_groups():
            return 0
        due_s = self._gathering.due_s(self._now_s())
        left_s = math.inf if due_s is None else max(1.0, math.ceil(due_s - self._now_s()))
        return int(min(self._long_polls.wait_s, left_s))

    def _leave(self, receiving: "asyncio.Task[list[QueueMessage] | Exception] | None") -> None:
        """Keep nothing: what was received, or is being received, is for others."""
        self._give_back(self._gathering.take_all())
        if receiving is not None:
            self._background.start(self._give_back_later(receiving), "giving back messages")

    async def _give_back_later(self, receiving: "asyncio.Task[list[QueueMessage] | Exception]") -> None:
        received = await receiving
        if not isinstance(received, Exception):
            self._give_back(received)

    def _give_back(self, messages: Sequence[QueueMessage]) -> None:
        if messages:
            self._background.start(self._returned(messages), "giving back messages")

    async def _returned(self, messages: Sequence[QueueMessage]) -> None:
        try:
            await self._queue.give_back(messages)
        except SOURCE_ERRORS as error:  # they come back by themselves, later
            log.info("messages of %s could not be given back: %s", self._mapping.source.arn, error)

    async def _work(self, batch: Sequence[QueueMessage]) -> None:
        try:
            result = await self._call(batch)
            if result is None:
                return
            failed = self._failed(batch, result)
            await self._queue.delete([message for message in batch if message.message_id not in failed])
        except SOURCE_ERRORS as error:
            log.warning("messages of %s come again: %s", self._mapping.source.arn, error)
            return
        if len(failed) == len(batch):
            await self._result.call_failed()
        else:
            await self._result.processed()

    async def _call(self, batch: Sequence[QueueMessage]) -> InvocationResult | None:
        """The function's result; None when the batch is left to the queue.

        Refused for want of room, it is tried again for as long as the messages are ours.
        """
        event, trace = event_of(batch), next((message.trace_header for message in batch if message.trace_header), "")
        refusals, ours_until_s = 0, 0.0
        while True:
            try:
                return (await self._calls.call(self._mapping, event, trace)).result
            except LambdaError as error:
                await self._result.call_failed()
                if isinstance(error, RecursiveInvocationException | ResourceNotFoundException):
                    log.warning("a batch of %s is left to its queue: %s", self._mapping.source.arn, error)
                    return None
            self._scaling.throttled()
            refusals += 1
            if not ours_until_s:
                ours_until_s = batch[0].received_s + await self._queue.visibility_timeout_s()
            pause_s = back_off_s(refusals)
            if self._now_s() + pause_s >= ours_until_s:
                return None
            await self._stopping.pause(pause_s)
            if self._stopping.is_set:
                await self._returned(batch)
                return None

    def _failed(self, batch: Sequence[QueueMessage], result: InvocationResult) -> Collection[str]:
        identifiers = {message.message_id for message in batch}
        if result.function_error is not None:
            return identifiers
        if not self._reports_failures:
            return ()
        try:
            return failed_records(result.payload, identifiers)
        except MalformedAnswerError as error:
            log.warning("the answer of %s counts as a failure: %s", self._mapping.function_arn, error)
            return identifiers

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
