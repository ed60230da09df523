"""Many changes, one transaction: whoever changes a queue waits for the disk together with all who came meanwhile.

A commit costs a flush of the disk whatever it holds, so what arrives while one is under way goes into the next.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from stoker.supervision import Background

# A transaction stays short, so that the other writers of an SQLite file are not kept waiting.
CHANGES_MAX = 1_000
BYTES_MAX = 16 * 1024 * 1024


class Change(Protocol):
    """What is written together: all of it or nothing."""

    @property
    def size_bytes(self) -> int:
        """How much of a transaction it fills."""
        ...


C = TypeVar("C", bound=Change)
R = TypeVar("R")


class GroupCommit(Generic[C, R]):
    """Bounded by its callers, each of whom waits for what it brought. To be used from the event loop's thread only."""

    def __init__(
        self, write: Callable[[Sequence[C]], Awaitable[Sequence[R]]], background: Background, name: str
    ) -> None:
        """`write` answers for each change, in their order; `name` is for the log."""
        self._write = write
        self._background = background
        self._name = name
        self._waiting: deque[tuple[C, asyncio.Future[R]]] = deque()
        self._is_writing = False

    async def commit(self, change: C) -> R:
        """Return when `change` is on disk. Raises what the database raises; then nothing of it was written.

        A caller that is cancelled stops waiting; the change is written all the same.
        """
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if not self._is_writing:
            self._is_writing = True
            self._background.start(self._write_waiting(), self._name)
        return await future

    async def _write_waiting(self) -> None:
        batch: list[tuple[C, asyncio.Future[R]]] = []
        try:
            while self._waiting:
                batch = self._next_batch()
                await self._write_batch(batch)
        finally:
            self._is_writing = False
            # Only a node that stops ends this early; nobody shall wait for ever.
            for _, future in (*batch, *self._waiting):
                future.cancel()

    async def _write_batch(self, batch: list[tuple[C, asyncio.Future[R]]]) -> None:
        try:
            results = await self._write([change for change, _ in batch])
        except Exception as error:  # whatever it is, it is for those who wait
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)

    def _next_batch(self) -> list[tuple[C, asyncio.Future[R]]]:
        batch: list[tuple[C, asyncio.Future[R]]] = []
        size_bytes = 0
        while self._waiting and len(batch) < CHANGES_MAX and size_bytes < BYTES_MAX:
            change, future = self._waiting.popleft()
            size_bytes += change.size_bytes
            batch.append((change, future))
        return batch
