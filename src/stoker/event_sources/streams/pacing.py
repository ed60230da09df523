"""How often shards are looked into: streams cannot be waited at, and looking costs.

Often while there are records, once a second when there are none, and less often when there are so many idle shards that
looking at all of them would keep a processor busy. AWS's own pollers look once a second (Kinesis) or four times.
"""

from collections.abc import Iterator
from contextlib import contextmanager

BUSY_S = 0.25  # Kinesis allows five readings of a shard a second, among all who read
IDLE_S = 1.0
IDLE_READINGS_PER_S_MAX = 40.0


class Pacing:
    """All shards of a node share one of these."""

    def __init__(self) -> None:
        self._shards = 0

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """One more shard, within the block."""
        self._shards += 1
        try:
            yield
        finally:
            self._shards -= 1

    def pause_s(self, empty_readings: int) -> float:
        """After so many readings in a row that brought nothing."""
        idle_s = max(IDLE_S, self._shards / IDLE_READINGS_PER_S_MAX)
        return min(BUSY_S * 2.0 ** min(empty_readings, 16), idle_s)
