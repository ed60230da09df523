"""Interpreters that are started before there is a function for them: which, and how many (decision 0041).

They are for runtimes that cannot be forked. Each waits in a sandbox of its own (`launcher/ahead.py`) and serves one
environment. How many there are follows what was asked for lately, within bounds; this file only counts and decides.
"""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Kind = TypeVar("Kind", bound=Hashable)

# As long as idle environments are kept by default: who calls no more often than that has a cold start every time.
WINDOW_S = 600.0
# Of how many kinds some may wait: those that were asked for last.
KINDS_MAX = 8
# What has to be free on the host, beyond its reserve, for one more: Node.js has 8 MB of its own, a JVM 33.
ROOM_MB = 64


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What cannot be changed any more once it runs: its command line, and the memory that it was shown."""

    argv: tuple[str, ...]
    memory_mb: int


@dataclass(frozen=True, slots=True)
class AheadLimits:
    """`per_kind_max` for each runtime and memory size; none are started unless `has_room` for so many MB.

    What was asked for counts for `window_s`.
    """

    per_kind_max: int
    has_room: Callable[[int], bool]
    window_s: float = WINDOW_S


NONE_AHEAD = AheadLimits(0, lambda _: False)


class AheadDemand(Generic[Kind]):
    """How many of each kind are wanted: one for each that was asked for within the window. Times are the loop's."""

    def __init__(self, limits: AheadLimits) -> None:
        self._limits = limits
        self._asked_s: dict[Kind, deque[float]] = {}

    @property
    def is_off(self) -> bool:
        return self._limits.per_kind_max < 1

    def note(self, kind: Kind, now_s: float) -> list[Kind]:
        """One of `kind` was asked for. Answers with the kinds of which none are wanted any more because of that."""
        asked_s = self._asked_s.pop(kind, None) or deque(maxlen=self._limits.per_kind_max)
        asked_s.append(now_s)
        # The kind that was asked for last stands last.
        self._asked_s[kind] = asked_s
        forgotten = list(self._asked_s)[:-KINDS_MAX]
        for old in forgotten:
            del self._asked_s[old]
        return forgotten

    def wanted(self, kind: Kind, now_s: float) -> int:
        """How many shall wait, as far as memory allows."""
        asked_s = self._asked_s.get(kind, deque())
        while asked_s and asked_s[0] + self._limits.window_s <= now_s:
            asked_s.popleft()
        if not asked_s:
            self._asked_s.pop(kind, None)
        return len(asked_s) if self._limits.has_room(0) else 0

    def forget(self, kind: Kind) -> None:
        """None of `kind` are wanted until one is asked for again."""
        self._asked_s.pop(kind, None)

    def may_add(self) -> bool:
        """Whether the host has the memory for one more."""
        return self._limits.has_room(ROOM_MB)

    def falls_s(self, kind: Kind) -> float | None:
        """When fewer will be wanted; None if none are."""
        asked_s = self._asked_s.get(kind)
        return asked_s[0] + self._limits.window_s if asked_s else None
