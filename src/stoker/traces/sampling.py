"""Which invocations of a function with active tracing are sampled, when nobody before it decided.

X-Ray's default rule: the first request of each second, and five per cent of the others.
"""

import random
import time
from collections.abc import Callable, Hashable

FIXED_RATE = 0.05
# Functions whose present second is remembered; forgetting one costs at most a sample too many.
FUNCTIONS_KEPT = 4096


class Sampling:
    """The rule, for each function by itself."""

    def __init__(
        self, now_s: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        """`now_s` is a clock that does not go back; `chance` draws evenly from 0 to 1."""
        self._now_s = now_s
        self._chance = chance
        self._last_second: dict[Hashable, int] = {}

    def is_sampled(self, function: Hashable) -> bool:
        """Decide about one invocation of `function`."""
        second = int(self._now_s())
        if self._last_second.get(function) == second:
            return self._chance() < FIXED_RATE
        if len(self._last_second) >= FUNCTIONS_KEPT:
            self._last_second.clear()
        self._last_second[function] = second
        return True
