"""Lines that wait to be written: a queue with a bound in bytes, where the newest lines give way and are counted."""

import sys
from collections import Counter, deque
from itertools import islice

from stoker.logs.records import LogGroupName, LogLine

WAITING_BYTES_MAX = 32 * 1024 * 1024
# What the record and its place in the queue take beside the text (measured with tracemalloc).
LINE_OVERHEAD_BYTES = 120


class WaitingLines:
    """First in, first out. A batch stays counted until `discard` says that it is safely written."""

    def __init__(self, bytes_max: int = WAITING_BYTES_MAX) -> None:
        self._lines: deque[LogLine] = deque()
        self._dropped: Counter[tuple[LogGroupName, str]] = Counter()
        self._bytes_max = bytes_max
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: LogLine) -> None:
        """Append `line`, or count it as dropped when there is no room."""
        size = _size(line)
        if self.bytes + size > self._bytes_max:
            self._dropped[line.group, line.stream] += 1
            return
        self.bytes += size
        self._lines.append(line)

    def add_anyway(self, line: LogLine) -> None:
        """Append `line` beyond the bound: for the one line that says what was dropped."""
        self.bytes += _size(line)
        self._lines.append(line)

    def first(self, count_max: int) -> list[LogLine]:
        """The oldest lines, which stay where they are."""
        return list(islice(self._lines, count_max))

    def discard(self, count: int) -> None:
        """Forget the `count` oldest lines."""
        for _ in range(count):
            self.bytes -= _size(self._lines.popleft())

    def take_dropped(self) -> dict[tuple[LogGroupName, str], int]:
        """How many lines each stream lost since the last call."""
        dropped = dict(self._dropped)
        self._dropped.clear()
        return dropped


def _size(line: LogLine) -> int:
    return sys.getsizeof(line.message) + LINE_OVERHEAD_BYTES
