"""Events of one stream that were written together are one row, a chunk (decision 0064): how lines become chunks, and
chunks events in order. Pure.

The events of a chunk lie within CHUNK_SPAN_MS of each other, so that a reader who wants a certain time knows which
chunks may have some of it, although they are kept by their first event alone.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

import msgspec

from stoker.logs.records import LogEvent, LogGroupName, LogLine, LogPosition

CHUNK_SPAN_MS = 250
# What follows in a chunk whose messages have so many characters goes into another.
CHUNK_CHARACTERS = 128 * 1024
# An event's number is its chunk's, times this, and its place there.
EVENTS_MAX = 1 << 16


@dataclass(slots=True)
class NewChunk:
    """`events` are times in epoch ms and messages, in the order in which they came; `bytes` is what they take here."""

    group: LogGroupName
    stream: str
    first_ms: int
    last_ms: int
    characters: int = 0
    bytes: int = 0
    events: list[tuple[int, str]] = field(default_factory=list)

    def takes(self, timestamp_ms: int) -> bool:
        """Whether another event belongs into it."""
        return (
            timestamp_ms - self.first_ms <= CHUNK_SPAN_MS
            and self.last_ms - timestamp_ms <= CHUNK_SPAN_MS
            and self.characters < CHUNK_CHARACTERS
            and len(self.events) < EVENTS_MAX
        )

    def add(self, timestamp_ms: int, message: str, size: int) -> None:
        """An event that it takes, and what that takes in memory."""
        if timestamp_ms > self.last_ms:
            self.last_ms = timestamp_ms
        elif timestamp_ms < self.first_ms:
            self.first_ms = timestamp_ms
        self.characters += len(message)
        self.bytes += size
        self.events.append((timestamp_ms, message))

    def lines(self) -> Iterator[LogLine]:
        """The events, each with the names of its group and stream."""
        return (LogLine(self.group, self.stream, *event) for event in self.events)

    def document(self) -> str:
        """The events as they are stored: in ASCII, which every database takes, whatever a function printed."""
        # Whoever encodes holds the interpreter, and a chunk may have a thousand events: the fast way first. It writes
        # what is not ASCII as it is, and refuses halves of characters.
        with contextlib.suppress(UnicodeEncodeError):
            document = msgspec.json.encode(self.events)
            if document.isascii():
                return document.decode()
        return json.dumps(self.events, separators=(",", ":"))


class StoredChunk(NamedTuple):
    """A row."""

    id: int
    stream: str
    first_ms: int
    ingested_ms: int
    events: str


def in_order(chunks: Iterable[StoredChunk], *, newest_first: bool) -> Iterator[LogEvent]:
    """Their events by position. `chunks` come by first event and number, and the other way round for `newest_first`.

    No more of them are looked at than the events that are taken ask for.
    """
    sign = -1 if newest_first else 1
    ahead_ms = CHUNK_SPAN_MS if newest_first else 0
    # Position, with its sign, and the chunk: a position is one event's alone, so nothing after it is compared.
    waiting: list[tuple[int, int, StoredChunk, str]] = []
    for chunk in chunks:
        # Neither this chunk nor one after it has an event that comes before this.
        until_ms = sign * (chunk.first_ms + ahead_ms)
        while waiting and waiting[0][0] < until_ms:
            yield _event(heappop(waiting), sign)
        for place, (timestamp_ms, message) in enumerate(json.loads(chunk.events)):
            heappush(waiting, (sign * timestamp_ms, sign * (chunk.id * EVENTS_MAX + place), chunk, message))
    while waiting:
        yield _event(heappop(waiting), sign)


def _event(waiting: tuple[int, int, StoredChunk, str], sign: int) -> LogEvent:
    timestamp_ms, number, chunk, message = waiting
    return LogEvent(LogPosition(sign * timestamp_ms, sign * number), chunk.stream, chunk.ingested_ms, message)
