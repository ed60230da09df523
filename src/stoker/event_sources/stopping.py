"""The end of something that goes on, which every pause of it hears of at once."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopping:
    """Set once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        self._event.set()
        for listener in self._listeners:
            listener()

    @contextmanager
    def telling(self, listener: Callable[[], None]) -> Iterator[None]:
        """Within the block, `listener` is called when the end comes, or at once when it has come."""
        self._listeners.append(listener)
        try:
            if self.is_set:
                listener()
            yield
        finally:
            self._listeners.remove(listener)

    async def pause(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as it is the end."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
