"""Streams as this room sees them, whatever they are: shards of records in an order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Shard:
    """`parents` are what it continues. A closed one gets no more records."""

    id: str
    parents: tuple[str, ...] = ()
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record; `encoded` is its JSON as the function gets it, `document` what filters look at.

    `key` is what order is kept for; `arrived_s` is the stream's own time of its arrival.
    """

    sequence_number: str
    key: str
    arrived_s: float
    encoded: bytes
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer to one look into a shard. `next_iterator` is None at the end of a closed one."""

    records: Sequence[StreamRecord]
    next_iterator: str | None


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """`identity` tells a stream from a later one of the same name; records live for `retention_s`."""

    identity: str
    retention_s: float


class Start(StrEnum):
    """Where reading begins in a shard of which nothing has been read."""

    TRIM_HORIZON = "TRIM_HORIZON"
    LATEST = "LATEST"
    AT_TIMESTAMP = "AT_TIMESTAMP"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a mapping has come in one shard, of one stream.

    `since_s` is what AT_TIMESTAMP means, and when LATEST was; `sequence_number` is the last record that is done.
    """

    shard_id: str
    stream: str
    start: Start
    since_s: float
    sequence_number: str | None = None
    is_finished: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where to read on: after a record, or else at `start`."""

    start: Start
    since_s: float
    after: str | None = None


class Stream(Protocol):
    """One stream. All of it raises one of SOURCE_ERRORS when it is not there or cannot answer."""

    name: str
    """Its kind in records of failures: `KinesisBatchInfo`."""

    async def facts(self) -> StreamFacts:
        """What does not change while it is the same stream."""
        ...

    async def shards(self) -> list[Shard]:
        """All that there are, with those that were closed and can still be read."""
        ...

    async def iterator(self, shard_id: str, position: Position) -> str:
        """A way into a shard. Records before `position.since_s` may come along, where it asks for a time."""
        ...

    async def read(self, iterator: str, role: str, shard_id: str) -> Reading | None:
        """What comes next; None when the iterator is too old and another is needed.

        `role` is the ARN of the function's role, which records of some streams name.
        """
        ...
