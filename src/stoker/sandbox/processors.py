"""Which of the host's cores a sandbox is shown, so that all of them are used evenly.

What a sandbox sees makes thread pools as large as on AWS; what it may use is bounded by its quota (`cgroup.py`).
"""

import heapq
import os
from collections.abc import Iterable
from dataclasses import dataclass

from stoker.limits import MEMORY_MB_MIN, visible_processors


@dataclass(frozen=True, slots=True)
class Share:
    """`cores` by the kernel's numbers, ascending; `weight_mb` is what the sandbox weighs on each of them."""

    cores: tuple[int, ...]
    weight_mb: int


class Processors:
    """Hands out the cores that weigh least. A sandbox weighs its memory: its processor time is proportional to it."""

    def __init__(self, cores: Iterable[int]) -> None:
        """`cores`: those that this node may use, at least one."""
        self._weights_mb = dict.fromkeys(sorted(cores), 0)
        self.are_shown_in_part = min(visible_processors(MEMORY_MB_MIN), len(self._weights_mb)) < (os.cpu_count() or 1)

    def take(self, memory_mb: int) -> Share:
        """As many as AWS shows for that memory, or all that there are."""
        cores = heapq.nsmallest(visible_processors(memory_mb), self._weights_mb, key=self._weights_mb.__getitem__)
        share = Share(tuple(sorted(cores)), memory_mb // len(cores))
        for core in cores:
            self._weights_mb[core] += share.weight_mb
        return share

    def give_back(self, share: Share) -> None:
        """Once for each `take`."""
        for core in share.cores:
            self._weights_mb[core] -= share.weight_mb
