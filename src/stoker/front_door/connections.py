"""The connections of one listener, and the requests that are being answered on them."""

import asyncio
from typing import Protocol


class Connection(Protocol):
    """One of them."""

    def finish(self) -> None:
        """Answer what is being answered, and close; without that, close now."""

    def abort(self) -> None:
        """Close, whatever is going on."""


class Connections:
    """A request may outlive its connection: what it started runs to its end."""

    def __init__(self, answering: set[asyncio.Task[None]] | None = None, count_max: int | None = None) -> None:
        """`answering` is for those who share it with other listeners. Beyond `count_max` connections none is let in."""
        self._open: set[Connection] = set()
        self._answering = set() if answering is None else answering
        self._count_max = count_max
        # Whether there is neither; only kept while somebody waits for it.
        self._all_ended: asyncio.Event | None = None

    def opened(self, connection: Connection) -> bool:
        """Whether there is room for it. It is to be told of as `closed` in any case."""
        self._open.add(connection)
        return self._count_max is None or len(self._open) <= self._count_max

    def closed(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._tell_if_ended()

    def begun(self, task: asyncio.Task[None]) -> None:
        self._answering.add(task)

    def ended(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._tell_if_ended()

    def _tell_if_ended(self) -> None:
        if self._all_ended is not None and not self._open and not self._answering:
            self._all_ended.set()

    async def finish(self, grace_s: float) -> None:
        """Let running requests end for at most `grace_s` seconds, then cancel them, and wait for their end."""
        self._all_ended = asyncio.Event()
        for connection in list(self._open):
            connection.finish()
        self._tell_if_ended()
        try:
            async with asyncio.timeout(grace_s):
                await self._all_ended.wait()
        except TimeoutError:
            await cancelled(self._answering)

    def abort(self) -> None:
        """Hang up on everybody."""
        for connection in list(self._open):
            connection.abort()


async def cancelled(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel requests that are being answered, and wait for their end."""
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
