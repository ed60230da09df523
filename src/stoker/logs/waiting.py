"""Lines that wait to be written: a queue with bounds in bytes.

A stream with too much waiting is told to pause, so a function that prints without end waits for the database and takes
nobody else's room. The bound of all streams together is the last resort: there the newest lines give way, counted.
"""

import sys
from collections import Counter, deque
from itertools import islice

from stoker.logs.records import LogGroupName, LogLine

WAITING_BYTES_MAX = 128 * 1024 * 1024
# A stream pauses at the first of these, and at the second once all streams together hold more than the third.
STREAM_BYTES_MAX = 8 * 1024 * 1024
STREAM_BYTES_MAX_WHEN_BUSY = 1024 * 1024
BUSY_BYTES = 32 * 1024 * 1024
# What the record and its place in the queue take beside the text (measured with tracemalloc).
LINE_OVERHEAD_BYTES = 120


class WaitingLines:
    """First in, first out. A batch stays counted until `discard` says that it is safely written."""

    def __init__(self, bytes_max: int = WAITING_BYTES_MAX) -> None:
        self._lines: deque[LogLine] = deque()
        self._dropped: Counter[tuple[LogGroupName, str]] = Counter()
        self._bytes_max = bytes_max
        self._stream_bytes: Counter[str] = Counter()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: LogLine) -> None:
        """Append `line`, or count it as dropped when there is no room."""
        size = _size(line)
        if self.bytes + size > self._bytes_max:
            self._dropped[line.group, line.stream] += 1
            return
        self._append(line, size)

    def add_anyway(self, line: LogLine) -> None:
        """Append `line` beyond the bound: for the one line that says what was dropped."""
        self._append(line, _size(line))

    def _append(self, line: LogLine, size: int) -> None:
        self.bytes += size
        self._stream_bytes[line.stream] += size
        self._lines.append(line)

    def is_full(self, stream: str) -> bool:
        """Whether `stream` (whose name no other stream has) should pause until some of its lines are written."""
        limit = STREAM_BYTES_MAX if self.bytes < BUSY_BYTES else STREAM_BYTES_MAX_WHEN_BUSY
        return self._stream_bytes[stream] > limit

    def first(self, count_max: int) -> list[LogLine]:
        """The oldest lines, which stay where they are."""
        return list(islice(self._lines, count_max))

    def discard(self, count: int) -> None:
        """Forget the `count` oldest lines."""
        for _ in range(count):
            line = self._lines.popleft()
            size = _size(line)
            self.bytes -= size
            self._stream_bytes[line.stream] -= size
            if self._stream_bytes[line.stream] <= 0:
                del self._stream_bytes[line.stream]

    def take_dropped(self) -> dict[tuple[LogGroupName, str], int]:
        """How many lines each stream lost since the last call."""
        dropped = dict(self._dropped)
        self._dropped.clear()
        return dropped


def _size(line: LogLine) -> int:
    return sys.getsizeof(line.message) + LINE_OVERHEAD_BYTES
