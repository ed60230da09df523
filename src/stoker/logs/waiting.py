"""Lines that wait to be written, already in the chunks that they will be (`chunks.py`): a queue with bounds in bytes.

A stream with too much waiting is told to pause, so a function that prints without end waits for the database and takes
nobody else's room. The bound of all streams together is the last resort: there the newest lines give way, counted.
"""

import sys
from collections import Counter, deque
from collections.abc import Sequence

from stoker.logs.chunks import NewChunk
from stoker.logs.records import LogGroupName

WAITING_BYTES_MAX = 128 * 1024 * 1024
# A stream pauses at the first of these, and at the second once all streams together hold more than the third.
STREAM_BYTES_MAX = 8 * 1024 * 1024
STREAM_BYTES_MAX_WHEN_BUSY = 1024 * 1024
BUSY_BYTES = 32 * 1024 * 1024
# What a line's time and its place in the chunk take beside the text (measured with tracemalloc).
LINE_OVERHEAD_BYTES = 100


class WaitingLines:
    """First in, first out. A batch stays counted until `discard` says that it is safely written."""

    def __init__(self, bytes_max: int = WAITING_BYTES_MAX) -> None:
        self._chunks: deque[NewChunk] = deque()
        # The latest of each stream, unless it is being written.
        self._open: dict[tuple[str, LogGroupName], NewChunk] = {}
        self._dropped: Counter[tuple[LogGroupName, str]] = Counter()
        self._bytes_max = bytes_max
        self._stream_bytes: Counter[str] = Counter()
        self.bytes = 0
        self.lines = 0

    @property
    def chunks(self) -> int:
        """How many of them wait."""
        return len(self._chunks)

    def add(self, group: LogGroupName, stream: str, timestamp_ms: int, message: str) -> None:
        """Append a line, or count it as dropped when there is no room."""
        size = _size(message)
        if self.bytes + size > self._bytes_max:
            self._dropped[group, stream] += 1
        else:
            self._append(group, stream, timestamp_ms, message, size)

    def add_anyway(self, group: LogGroupName, stream: str, timestamp_ms: int, message: str) -> None:
        """Append a line beyond the bound: for the one that says what was dropped."""
        self._append(group, stream, timestamp_ms, message, _size(message))

    def _append(self, group: LogGroupName, stream: str, timestamp_ms: int, message: str, size: int) -> None:
        key = (stream, group)
        chunk = self._open.get(key)
        if chunk is None or not chunk.takes(timestamp_ms):
            chunk = self._open[key] = NewChunk(group, stream, timestamp_ms, timestamp_ms)
            self._chunks.append(chunk)
        chunk.add(timestamp_ms, message, size)
        self.bytes += size
        self._stream_bytes[stream] += size
        self.lines += 1

    def is_full(self, stream: str) -> bool:
        """Whether `stream` (whose name no other stream has) should pause until some of its lines are written."""
        limit = STREAM_BYTES_MAX if self.bytes < BUSY_BYTES else STREAM_BYTES_MAX_WHEN_BUSY
        return self._stream_bytes[stream] > limit

    def first(self, lines_max: int) -> list[NewChunk]:
        """The oldest chunks, about so many lines and at least one chunk: they stay there, and take nothing more."""
        batch: list[NewChunk] = []
        lines = 0
        for chunk in self._chunks:
            if batch and lines + len(chunk.events) > lines_max:
                break
            batch.append(chunk)
            lines += len(chunk.events)
            key = (chunk.stream, chunk.group)
            if self._open.get(key) is chunk:
                del self._open[key]
        return batch

    def discard(self, batch: Sequence[NewChunk]) -> None:
        """Forget the oldest chunks, which `first` gave."""
        for chunk in batch:
            oldest = self._chunks.popleft()
            assert oldest is chunk
            self.bytes -= chunk.bytes
            self.lines -= len(chunk.events)
            self._stream_bytes[chunk.stream] -= chunk.bytes
            if self._stream_bytes[chunk.stream] <= 0:
                del self._stream_bytes[chunk.stream]

    def take_dropped(self) -> dict[tuple[LogGroupName, str], int]:
        """How many lines each stream lost since the last call."""
        dropped = dict(self._dropped)
        self._dropped.clear()
        return dropped


def _size(message: str) -> int:
    return sys.getsizeof(message) + LINE_OVERHEAD_BYTES
