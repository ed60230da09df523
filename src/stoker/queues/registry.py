"""Every queue of the node, in memory and on disk: changed one at a time, each change on disk before it is known."""

import asyncio
from collections.abc import Callable

from stoker.arn import split_arn
from stoker.queues.records import Queue, QueueKey
from stoker.queues.store import QueueStore


class QueueRegistry:
    """`load` it before use."""

    def __init__(self, store: QueueStore) -> None:
        self._store = store
        self._queues: dict[QueueKey, Queue] = {}
        self._one_change = asyncio.Lock()

    async def load(self) -> None:
        self._queues = {queue.key: queue for queue in await self._store.queues()}

    def find(self, key: QueueKey) -> Queue | None:
        return self._queues.get(key)

    def by_arn(self, arn: str) -> Queue | None:
        parts = split_arn(arn)
        return None if parts is None else self._queues.get((parts.account_id, parts.region, parts.resource))

    def all(self) -> list[Queue]:
        return list(self._queues.values())

    def has_content(self, content_id: int) -> bool:
        """Whether some queue has that content now."""
        return any(queue.content_id == content_id for queue in self._queues.values())

    def of(self, account_id: str, region: str) -> list[Queue]:
        """Those of one account in one region, by name."""
        found = [queue for key, queue in self._queues.items() if key[:2] == (account_id, region)]
        return sorted(found, key=lambda queue: queue.name)

    async def create(self, queue: Queue) -> Queue:
        """The queue as it is now: another one of its name, if there was one."""
        async with self._one_change:
            present = self._queues.get(queue.key)
            if present is not None:
                return present
            await self._store.put_queue(queue)
            self._queues[queue.key] = queue
            return queue

    async def change(self, key: QueueKey, change: Callable[[Queue], Queue]) -> Queue | None:
        """The changed queue, None when there is none. `change` may raise: then nothing happens."""
        async with self._one_change:
            present = self._queues.get(key)
            if present is None:
                return None
            changed = change(present)
            await self._store.put_queue(changed)
            self._queues[key] = changed
            return changed

    async def delete(self, key: QueueKey) -> bool:
        """Whether there was one."""
        async with self._one_change:
            if key not in self._queues:
                return False
            await self._store.delete_queue(key)
            del self._queues[key]
            return True
