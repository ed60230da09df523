"""Tasks that move the messages of a dead-letter queue back to where they came from, or to another queue.

A task goes on after a restart. Source: Amazon SQS API Reference, StartMessageMoveTask; Developer Guide, "Configure a
dead-letter queue redrive".
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from stoker.clock import Clock, epoch_ms
from stoker.queues import errors
from stoker.queues.flights import Flight
from stoker.queues.live_queue import LiveQueue
from stoker.queues.live_queues import LiveQueues
from stoker.queues.records import Message, MoveTask, Queue
from stoker.queues.registry import QueueRegistry
from stoker.queues.sending import new_message_id
from stoker.queues.store import QueueStore
from stoker.supervision import Background

AT_ONCE_MAX = 100
TOLD_EVERY_S = 1.0


class MoveFailedError(Exception):
    """A task cannot go on; the text is AWS's name of the reason."""


class MoveTasks:
    """All of one node; each source has one that runs, at most."""

    def __init__(
        self, registry: QueueRegistry, live: LiveQueues, store: QueueStore, background: Background, clock: Clock
    ) -> None:
        self._registry = registry
        self._live = live
        self._store = store
        self._background = background
        self._clock = clock
        # By the ARN of the source.
        self._running: dict[str, MoveTask] = {}

    async def resume(self) -> None:
        """Go on with what the node before this one had begun."""
        for task in await self._store.unfinished_tasks():
            self._start(task)

    async def start(self, task: MoveTask) -> None:
        """Raises QueueErrors when there is one already."""
        if task.source_arn in self._running:
            raise errors.unsupported(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given "
                "time."
            )
        self._running[task.source_arn] = task
        await self._store.put_task(task)
        self._start(task)

    async def cancel(self, handle: str, source_arn: str) -> int:
        """How many messages had been moved. Raises QueueErrors for a task that does not run."""
        task = self._running.get(source_arn)
        if task is None or task.handle != handle:
            known = await self._store.tasks(source_arn, 1_000)
            if any(other.handle == handle for other in known):
                raise errors.unsupported("Only active tasks can be cancelled.")
            raise errors.no_resource("Task does not exist.")
        self._running[source_arn] = replace(task, status="CANCELLING")
        return task.moved

    async def latest(self, source_arn: str, limit: int) -> list[MoveTask]:
        """The latest first, as they are now."""
        running = self._running.get(source_arn)
        tasks = await self._store.tasks(source_arn, limit)
        return [running if running is not None and running.handle == task.handle else task for task in tasks]

    def _start(self, task: MoveTask) -> None:
        self._running[task.source_arn] = task
        self._background.start(self._run(task.source_arn), f"moving of messages from {task.source_arn}")

    async def _run(self, source_arn: str) -> None:
        """Until all is moved; what has become of it is on disk then."""
        try:
            await self._move_all(source_arn)
            status = "CANCELLED" if self._running[source_arn].status == "CANCELLING" else "COMPLETED"
            ended = replace(self._running[source_arn], status=status)
        except MoveFailedError as error:
            ended = replace(self._running[source_arn], status="FAILED", failure=str(error))
        except errors.QueueError as error:  # a queue was deleted meanwhile
            ended = replace(self._running[source_arn], status="FAILED", failure=error.query_code)
        except Exception:
            ended = replace(self._running[source_arn], status="FAILED", failure="InternalError")
            await self._end(ended)
            raise
        await self._end(ended)

    async def _end(self, task: MoveTask) -> None:
        await self._store.put_task(task)
        del self._running[task.source_arn]

    async def _move_all(self, source_arn: str) -> None:
        loop = asyncio.get_running_loop()
        told_s = loop.time()
        while (task := self._running[source_arn]).status == "RUNNING" and task.moved < task.to_move:
            source = self._registry.by_arn(source_arn)
            if source is None:
                raise MoveFailedError("AWS.SimpleQueueService.NonExistentQueue")
            started_s = loop.time()
            moved = await self._move_some(source, task)
            if not moved:
                return
            task = self._running[source_arn]
            self._running[source_arn] = replace(task, moved=task.moved + moved)
            if loop.time() - told_s > TOLD_EVERY_S:
                told_s = loop.time()
                await self._store.put_task(self._running[source_arn])
            if task.rate_per_s is not None:
                await asyncio.sleep(max(0.0, started_s + moved / task.rate_per_s - loop.time()))

    async def _move_some(self, source: Queue, task: MoveTask) -> int:
        """How many. Messages are new ones where they come: new ids, new times, never received."""
        at_once = AT_ONCE_MAX if task.rate_per_s is None else max(1, task.rate_per_s // 10)
        live = await self._live.of(source)
        content_id = live.queue.content_id
        taken = await live.take_for_moving(min(at_once, task.to_move - task.moved))
        count = 0
        try:
            for target_arn, some in _by_target(task, taken).items():
                target = self._registry.by_arn(target_arn)
                if target is None or target.is_fifo != source.is_fifo:
                    raise MoveFailedError("AWS.SimpleQueueService.NonExistentQueue")
                await self._move(live, content_id, target, some)
                count += len(some)
        finally:
            for _, flight in taken:
                live.give_back(flight)  # what was moved is not there any more
        return count

    async def _move(
        self, live: LiveQueue, content_id: int, target: Queue, some: Sequence[tuple[Message, Flight]]
    ) -> None:
        now_ms = epoch_ms(self._clock)
        fresh = [
            message._replace(
                message_id=new_message_id(),
                sent_ms=now_ms,
                visible_ms=now_ms,
                receives=0,
                receives_before=0,
                first_received_ms=0,
                source_arn=None,
            )
            for message, _ in some
        ]

        def moved() -> None:
            for _, flight in some:
                live.moved(flight, content_id)

        await self._live.move(fresh, [message.number for message, _ in some], target, moved)


def _by_target(task: MoveTask, taken: Sequence[tuple[Message, Flight]]) -> dict[str, list[tuple[Message, Flight]]]:
    """Raises MoveFailedError for a message that came from no queue and is to go back there."""
    found: dict[str, list[tuple[Message, Flight]]] = defaultdict(list)
    for message, flight in taken:
        target_arn = task.destination_arn or message.source_arn
        if target_arn is None:
            raise MoveFailedError("CouldNotDetermineMessageSource")
        found[target_arn].append((message, flight))
    return found
