"""How many events of a function to run at once while more wait: as many as make the queue shorter faster, no more.

More environments than that would only share the same processors, and take them from callers who wait for an answer. So
a lane tries: somewhat more at once, and if not clearly more is done in the same time, back; from time to time somewhat
fewer, and if as much is done, it stays so. Functions that run for long are given more at once without trial, since what
they come to would be known too late.
"""

import math

SIZE_FIRST = 4
SIZE_STEP = 1.5
# A step up is kept if it is worth at least this much, a step down if it costs no more than that.
GAIN_MIN = 1.2
LOSS_MAX = 0.9
ROUND_S_MIN = 0.1
ROUND_S_MAX = 1.0
ROUNDS_BETWEEN_TRIALS = 10


class Pace:
    """Pure bookkeeping of one lane; `now_s` is the time of day."""

    def __init__(self) -> None:
        self.size = SIZE_FIRST
        self._size_max = SIZE_FIRST
        self._ended = 0
        self._round_began_s: float | None = None
        self._rate = 0.0
        self._before_trial: int | None = None
        self._rounds_to_trial = 0
        self._next_trial_is_up = True

    @property
    def next_look_s(self) -> float:
        """When a round has lasted long enough to be judged, whatever has ended in it."""
        return math.inf if self._round_began_s is None else self._round_began_s + ROUND_S_MAX

    def limits(self, now_s: float, places: int) -> None:
        """More could run if they were let, up to `places`: what ends from now on says how fast this size is."""
        self._size_max = places
        if self._round_began_s is None:
            self._begin_round(now_s)
        elif now_s >= self.next_look_s:
            self._judge(now_s)

    def rests(self) -> None:
        """Nothing waits; the round says nothing."""
        self._round_began_s = None

    def ended(self, now_s: float) -> None:
        """One has ended."""
        if self._round_began_s is None:
            return
        self._ended += 1
        if self._ended >= self.size and now_s - self._round_began_s >= ROUND_S_MIN:
            self._judge(now_s)

    def _judge(self, now_s: float) -> None:
        assert self._round_began_s is not None
        rate = self._ended / max(now_s - self._round_began_s, ROUND_S_MIN)
        if self._ended < self.size:  # they run for long
            self._before_trial = None
            self.size = self._larger()
        elif self._before_trial is not None:
            self._end_trial(rate)
        elif self._rounds_to_trial > 0:
            self._rounds_to_trial -= 1
        else:
            self._begin_trial(rate)
        self._begin_round(now_s)

    def _begin_trial(self, rate: float) -> None:
        self._rate, self._before_trial = rate, self.size
        self.size = self._larger() if self._next_trial_is_up else self._smaller()

    def _end_trial(self, rate: float) -> None:
        assert self._before_trial is not None
        is_up = self._next_trial_is_up
        if self.size != self._before_trial and rate >= self._rate * (GAIN_MIN if is_up else LOSS_MAX):
            self._begin_trial(rate)  # further the same way, at once
        else:
            self.size, self._before_trial = self._before_trial, None
            self._next_trial_is_up = not is_up
            self._rounds_to_trial = ROUNDS_BETWEEN_TRIALS

    def _larger(self) -> int:
        return max(self.size, min(self._size_max, math.ceil(self.size * SIZE_STEP)))

    def _smaller(self) -> int:
        return max(SIZE_FIRST, int(self.size / SIZE_STEP))

    def _begin_round(self, now_s: float) -> None:
        self._round_began_s, self._ended = now_s, 0
