"""A timer for what is put off far more often than it happens: the end of an invocation's time, of a quiet connection.

Making and cancelling a timer of the event loop costs several microseconds; an alarm keeps the one it has, and looks
when that one rings whether its time has really come.
"""

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls `ring` once when the time it was last set to has come. `close` it at the end."""

    __slots__ = ("_due_s", "_loop", "_ring", "_timer", "_timer_s")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0
        self._due_s: float | None = None

    def set(self, due_s: float) -> None:
        """Ring at `due_s` of the loop's time, and not when it was set to before."""
        self._due_s = due_s
        if self._timer is None or due_s < self._timer_s:
            self._start(due_s)

    def clear(self) -> None:
        """Do not ring."""
        self._due_s = None

    def close(self) -> None:
        """Ring no more, and let go of the timer and of whoever would have been rung for."""
        self._due_s = None
        self._ring = _nobody
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, due_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_s = due_s
        self._timer = self._loop.call_at(due_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due_s is None:
            return
        if self._loop.time() < self._due_s:
            self._start(self._due_s)
        else:
            self._due_s = None
            self._ring()


def _nobody() -> None:
    pass
