"""A watch that is kept for a moment: while an answer is near, the event loop looks for it instead of going to sleep.

Whoever waits in the kernel gives its processor up, and a processor without work is put to sleep, in a virtual machine
by the host, which then lends it to others. Waking it took a third of a warm invocation (decision 0066).
"""

import asyncio
import os
from collections.abc import Callable
from time import monotonic

# A runtime with little to do answers sooner, and a caller who goes on at once calls again.
WATCH_S = 0.0006
# Whoever else was given the processor for so long had work for it.
TAKEN_S = 0.000_05
# When a watch was in vain, so many occasions are left out: twice as many as the last time, up to this.
LEFT_OUT_MAX = 8


class Vigil:
    """One node's. It costs other processes nothing: whoever wants the processor is given it, and the watch is over."""

    def __init__(self, now_s: Callable[[], float] = monotonic, give_way: Callable[[], None] = os.sched_yield) -> None:
        """`give_way` returns when nobody else wants the processor any more."""
        self._loop = asyncio.get_running_loop()
        self._now_s = now_s
        self._give_way = give_way
        self._until_s = 0.0
        self._is_kept = False
        # How many occasions were left out the last time, and how many are to be now.
        self._left_out = 0
        self._leave_out = 0

    def keep(self) -> float | None:
        """An answer is near, perhaps. Neither waits nor fails; returns the time, or None for what is left out."""
        if self._leave_out > 0 and not self._is_kept:
            self._leave_out -= 1
            return None
        now_s = self._now_s()
        self._until_s = now_s + WATCH_S
        if not self._is_kept:
            self._is_kept = True
            self._loop.call_soon(self._look)
        return now_s

    def answered(self, since_s: float | None) -> None:
        """The answer has come for which a watch was kept since `since_s`, which `keep` gave."""
        if since_s is None:
            return
        if self._now_s() - since_s <= WATCH_S:
            self._left_out = self._leave_out = 0
        else:
            self._in_vain()

    def _in_vain(self) -> None:
        self._left_out = self._leave_out = min(max(2 * self._left_out, 1), LEFT_OUT_MAX)

    def _look(self) -> None:
        now_s = self._now_s()
        if now_s >= self._until_s:
            self._is_kept = False
            return
        self._give_way()
        if self._now_s() - now_s > TAKEN_S:
            self._is_kept = False
            self._in_vain()
        else:
            self._loop.call_soon(self._look)
