"""How many of a lane may run at once when it is refused room: fewer at once, more again step by step.

The window closes to what runs when something is refused, and opens by about one with each round that goes well, as
TCP's does (RFC 5681). When nothing runs that could tell of new room, the lane pauses, longer each time.
"""

import math

from stoker.async_invocations.rules import back_off_s


class Congestion:
    """Pure bookkeeping; `now_s` is the time of day."""

    def __init__(self) -> None:
        self._window = math.inf
        self._refused_rounds = 0
        self.paused_until_s = 0.0

    def room(self, places: int, running: int, now_s: float) -> int:
        """How many more may start."""
        if now_s < self.paused_until_s:
            return 0
        return int(min(float(places), self._window)) - running

    def refused(self, running: int, now_s: float) -> None:
        """One was refused while `running` others ran. Those refused in the same moment count once."""
        self._window = max(1.0, min(self._window, float(running)))
        if now_s >= self.paused_until_s:
            self._refused_rounds += 1
            self.paused_until_s = now_s + back_off_s(self._refused_rounds)

    def went_well(self) -> None:
        """One found its place, so there may be another."""
        self._refused_rounds = 0
        self.paused_until_s = 0.0
        self._window += 1.0 / self._window

    def forget(self) -> None:
        """What was refused may be possible now: something has changed."""
        self._window = math.inf
        self._refused_rounds = 0
        self.paused_until_s = 0.0
