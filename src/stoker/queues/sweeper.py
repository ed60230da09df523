"""What is deleted by itself: messages whose retention is over, what was in queues that are no more, old duplicates."""

import asyncio

from stoker.clock import Clock, epoch_ms
from stoker.queues.errors import QueueError
from stoker.queues.live_queues import LiveQueues
from stoker.queues.records import Queue
from stoker.queues.registry import QueueRegistry
from stoker.queues.store import DELETED_AT_ONCE_MAX, QueueStore

EVERY_S = 60.0
# Queues that nobody has used since the node started are looked at in each of so many rounds.
UNUSED_EVERY = 60


class Sweeper:
    """Deletes in small transactions, so that nobody waits long behind one."""

    def __init__(self, registry: QueueRegistry, live: LiveQueues, store: QueueStore, clock: Clock) -> None:
        self._registry = registry
        self._live = live
        self._store = store
        self._clock = clock
        self._woken = asyncio.Event()
        # How often to look for messages of queues that are no more: a message may still be on its way to the disk.
        self._looks = 2
        self._rounds = 0

    def leftovers(self) -> None:
        """A queue was purged or deleted: what was in it is on disk, and nobody's."""
        self._looks = 2
        self._woken.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            self._woken.clear()
            await self.sweep()
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def sweep(self) -> None:
        """Once through everything."""
        if self._looks > 0:
            self._looks -= 1
            await self._delete_leftovers()
        for queue in self._registry.all():
            if self._live.is_open(queue.key) or self._rounds % UNUSED_EVERY == 0:
                await self._delete_old(queue)
        self._rounds += 1
        while await self._store.forget_duplicates(epoch_ms(self._clock)) == DELETED_AT_ONCE_MAX:
            pass

    async def _delete_old(self, queue: Queue) -> None:
        """An unused queue is looked at from outside, as long as nothing in it is old."""
        if not self._live.is_open(queue.key):
            before_ms = epoch_ms(self._clock) - queue.number("MessageRetentionPeriod") * 1000
            if not await self._store.expired(queue.content_id, before_ms):
                return
        try:
            live = await self._live.of(queue)
        except QueueError:
            return  # deleted meanwhile
        while await live.delete_old():
            pass
        live.rest()

    async def _delete_leftovers(self) -> None:
        for content_id in await self._store.content_ids():
            while content_id not in {queue.content_id for queue in self._registry.all()}:
                if not await self._store.delete_content(content_id):
                    break
