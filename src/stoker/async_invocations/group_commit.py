"""Many changes, one transaction: whoever changes the queue waits for the disk together with all who came meanwhile.

A commit costs a flush of the disk whatever it holds, so what arrives while one is under way goes into the next.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from stoker.async_invocations.records import Change
from stoker.supervision import Background

# A transaction stays short, so that the other writers of an SQLite file are not kept waiting.
CHANGES_MAX = 1_000
BYTES_MAX = 16 * 1024 * 1024


class GroupCommit:
    """Bounded by its callers, each of whom waits for what it brought. To be used from the event loop's thread only."""

    def __init__(self, write: Callable[[Sequence[Change]], Awaitable[None]], background: Background) -> None:
        self._write = write
        self._background = background
        self._waiting: deque[tuple[Change, asyncio.Future[None]]] = deque()
        self._is_writing = False

    async def commit(self, change: Change) -> None:
        """Return when `change` is on disk. Raises what the database raises; then nothing of it was written.

        A caller that is cancelled stops waiting; the change is written all the same.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if not self._is_writing:
            self._is_writing = True
            self._background.start(self._write_waiting(), "event queue commit")
        await future

    async def _write_waiting(self) -> None:
        batch: list[tuple[Change, asyncio.Future[None]]] = []
        try:
            while self._waiting:
                batch = self._next_batch()
                await self._write_batch(batch)
        finally:
            self._is_writing = False
            # Only a node that stops ends this early; nobody shall wait for ever.
            for _, future in (*batch, *self._waiting):
                future.cancel()

    async def _write_batch(self, batch: list[tuple[Change, asyncio.Future[None]]]) -> None:
        try:
            await self._write([change for change, _ in batch])
        except Exception as error:  # whatever it is, it is for those who wait
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for _, future in batch:
                if not future.done():
                    future.set_result(None)

    def _next_batch(self) -> list[tuple[Change, asyncio.Future[None]]]:
        batch: list[tuple[Change, asyncio.Future[None]]] = []
        size_bytes = 0
        while self._waiting and len(batch) < CHANGES_MAX and size_bytes < BYTES_MAX:
            change, future = self._waiting.popleft()
            size_bytes += sum(len(event.payload) for event in change.events)
            size_bytes += sum(len(delivery.body) for delivery in change.deliveries)
            batch.append((change, future))
        return batch
