"""How much memory the host has left for new environments."""

import time
from pathlib import Path

REFRESH_S = 0.1


class HostMemory:
    """Whether another environment fits. Reads /proc/meminfo at most ten times a second."""

    def __init__(self, reserve_mb: int) -> None:
        """`reserve_mb` always stays free for the host and the node."""
        self._reserve_mb = reserve_mb
        self._available_mb = 0
        self._read_s = float("-inf")

    def has_room_for(self, memory_mb: int, starting: int) -> bool:
        """Whether `memory_mb` more may be used, while `starting` other environments have not yet taken theirs.

        Idle environments use a small part of their limit (decision 0007), so what counts is what is really free, not
        the sum of limits.
        """
        now_s = time.monotonic()
        if now_s - self._read_s > REFRESH_S:
            self._read_s = now_s
            self._available_mb = _available_mb()
        return self._available_mb - starting * STARTING_MB >= self._reserve_mb + memory_mb


# What an environment that is only just starting is going to take, roughly: a runtime and its imports.
STARTING_MB = 16


def _available_mb() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    except OSError:
        pass
    return 1 << 20
