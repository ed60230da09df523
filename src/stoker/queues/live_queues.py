"""The queues that are at work, each opened when it is first used, and what passes from one to another."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from stoker.clock import Clock, epoch_ms
from stoker.queues import errors
from stoker.queues.commits import Commits
from stoker.queues.live_queue import GivenUp, LiveQueue, QueueWork
from stoker.queues.records import Message, Queue, QueueKey, Sent
from stoker.queues.redrive_policy import allows_source
from stoker.queues.registry import QueueRegistry
from stoker.queues.store import QueueStore
from stoker.supervision import Background

log = logging.getLogger("stoker.queues")


class LiveQueues:
    """Those of one node."""

    def __init__(
        self, registry: QueueRegistry, store: QueueStore, commits: Commits, background: Background, clock: Clock
    ) -> None:
        self._registry = registry
        self._commits = commits
        self._background = background
        self._clock = clock
        self._work = QueueWork(store, commits, clock, self._give_up)
        self._live: dict[QueueKey, LiveQueue] = {}
        self._one_opening = asyncio.Lock()
        self._is_stopping = False

    async def of(self, queue: Queue) -> LiveQueue:
        """The queue at work. Raises QueueErrors when it is no more."""
        live = self._live.get(queue.key)
        if live is not None:
            return live
        async with self._one_opening:
            live = self._live.get(queue.key)
            if live is None:
                live = LiveQueue(queue, self._work)
                await live.open()
                present = self._registry.find(queue.key)
                if present is None:
                    raise errors.no_queue()
                self._adapt(live, present)
                if self._is_stopping:
                    live.close()
                self._live[queue.key] = live
        return live

    def is_open(self, key: QueueKey) -> bool:
        """Whether it is at work already."""
        return key in self._live

    def changed(self, queue: Queue) -> None:
        """It is configured otherwise, or was purged."""
        live = self._live.get(queue.key)
        if live is not None:
            self._adapt(live, queue)

    def deleted(self, key: QueueKey) -> None:
        live = self._live.pop(key, None)
        if live is not None:
            live.close()

    def stop(self) -> None:
        """Let nobody wait any longer."""
        self._is_stopping = True
        for live in self._live.values():
            live.close()

    async def move(
        self, messages: Sequence[Message], numbers: Sequence[int], target: Queue, moved: Callable[[], None]
    ) -> None:
        """Put `messages` into `target` and take those with these numbers off the disk, both or neither."""
        live = await self.of(target)
        change = live.sending(messages, [None] * len(messages), deleted=numbers)
        arrived = change.done

        def done(sent: Sequence[Sent]) -> None:
            moved()
            if arrived is not None:
                arrived(sent)

        await self._commits.commit(change._replace(done=done))

    @staticmethod
    def _adapt(live: LiveQueue, queue: Queue) -> None:
        if queue.content_id != live.queue.content_id:
            live.reset(queue)
        else:
            live.queue = queue

    def _give_up(self, given_up: GivenUp) -> bool:
        target = self._registry.by_arn(given_up.policy.target_arn)
        if target is None or not allows_source(target, given_up.queue.arn):
            return False
        self._background.start(self._to_dead_letters(given_up, target), "move to a dead-letter queue")
        return True

    async def _to_dead_letters(self, given_up: GivenUp, target: Queue) -> None:
        """A message keeps its id, and in a standard queue its age (Amazon SQS Developer Guide, "Using dead-letter
        queues", on retention)."""
        message, now_ms = given_up.message, epoch_ms(self._clock)
        dead = message._replace(
            sent_ms=now_ms if target.is_fifo else message.sent_ms,
            visible_ms=now_ms,
            receives_before=message.receives,
            source_arn=given_up.queue.arn,
        )
        try:
            await self.move([dead], [message.number], target, given_up.moved)
        except errors.QueueError:
            given_up.kept()  # the target was deleted meanwhile
        except Exception:
            given_up.kept()
            raise
