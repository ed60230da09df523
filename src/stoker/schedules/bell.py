"""Waiting for a time of day, or for word that it has changed: the one way in which this room waits."""

import asyncio
from collections.abc import Awaitable, Callable

from stoker.clock import Clock

Sleep = Callable[[float], Awaitable[None]]


class Bell:
    """One waits, anybody rings. `sleep` is replaced by tests, together with the clock."""

    def __init__(self, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._rung = asyncio.Event()
        self._until_s: float | None = None

    def ring(self) -> None:
        """Who waits, or would wait next, is to look again."""
        self._rung.set()

    def note(self, due_s: float) -> None:
        """Ring, if who waits waits for something later."""
        if self._until_s is None or due_s < self._until_s:
            self.ring()

    def clear(self) -> None:
        """From now on a ring counts: to be called before looking at what is due."""
        self._rung.clear()
        self._until_s = None

    async def wait(self, until_s: float | None) -> None:
        """Until `until_s` (seconds since the epoch; None: for ever), or until it is rung."""
        self._until_s = until_s
        if until_s is None:
            await self._rung.wait()
            return
        if (rest_s := until_s - self._clock.now_s()) <= 0:
            return
        rung, slept = asyncio.ensure_future(self._rung.wait()), asyncio.ensure_future(self._sleep(rest_s))
        try:
            await asyncio.wait((rung, slept), return_when=asyncio.FIRST_COMPLETED)
        finally:
            rung.cancel()
            slept.cancel()
            await asyncio.gather(rung, slept, return_exceptions=True)
