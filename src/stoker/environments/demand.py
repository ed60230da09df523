"""How many environments of a version to keep ready: one, and one more for each that was asked for lately. Pure."""

from collections import deque

# A minute covers the pause between the waves of a load that comes in waves, and not much more.
WINDOW_S = 60.0


class Demand:
    """What was asked for in the last `WINDOW_S`; times are the loop's, and never go back."""

    def __init__(self, ready_max: int) -> None:
        self._ready_max = ready_max
        self._asked_s: deque[float] = deque(maxlen=ready_max)

    def note(self, now_s: float) -> None:
        """One more was asked for."""
        self._asked_s.append(now_s)

    def wanted(self, now_s: float) -> int:
        """How many shall be ready."""
        while self._asked_s and self._asked_s[0] + WINDOW_S <= now_s:
            self._asked_s.popleft()
        return min(self._ready_max, 1 + len(self._asked_s))

    @property
    def falls_s(self) -> float | None:
        """When fewer will be wanted; None if never."""
        return self._asked_s[0] + WINDOW_S if self._asked_s else None
