"""A watch that is kept for a moment: while an answer is near, the event loop looks for it instead of going to sleep.

Whoever waits in the kernel gives its processor up, and a processor without work is put to sleep, in a virtual machine
by the host, which then lends it to others. Waking it took a third of a warm invocation (decision 0066).
"""

import asyncio
import os
from collections.abc import Callable
from time import monotonic

# A runtime with little to do answers sooner, and a caller who goes on at once calls again.
WATCH_S = 0.0004
# Whoever else was given the processor for so long had work for it.
TAKEN_S = 0.000_05
# After a watch in vain twice as many occasions are left out as before, at most so many.
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
        # Whether there was another occasion while it was kept: something came.
        self._was_worth_it = False
        self._left_out = 0
        self._leave_out = 0

    def keep(self) -> None:
        """Something is about to come. Neither waits nor fails."""
        if self._is_kept:
            self._until_s = self._now_s() + WATCH_S
            self._was_worth_it = True
        elif self._leave_out > 0:
            self._leave_out -= 1
        else:
            self._until_s = self._now_s() + WATCH_S
            self._is_kept, self._was_worth_it = True, False
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        now_s = self._now_s()
        if now_s >= self._until_s:
            self._end(self._was_worth_it)
            return
        self._give_way()
        if self._now_s() - now_s > TAKEN_S:
            self._end(False)
        else:
            self._loop.call_soon(self._look)

    def _end(self, was_worth_it: bool) -> None:
        self._is_kept = False
        self._left_out = 0 if was_worth_it else min(max(2 * self._left_out, 1), LEFT_OUT_MAX)
        self._leave_out = self._left_out
