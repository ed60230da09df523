"""What the other rooms may hold of the logs."""

from dataclasses import dataclass
from typing import NamedTuple


class LogGroupName(NamedTuple):
    """A log group, by where it is. A named tuple, because it is looked up for every line."""

    account_id: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """Without the `:*` that stands for its streams."""
        return f"arn:aws:logs:{self.region}:{self.account_id}:log-group:{self.name}"


@dataclass(frozen=True, slots=True)
class LogGroup:
    """`retention_days` is None when events never expire."""

    group: LogGroupName
    created_ms: int
    retention_days: int | None


@dataclass(frozen=True, slots=True)
class LogStream:
    """The three times are None until the first event."""

    group: LogGroupName
    name: str
    created_ms: int
    first_event_ms: int | None
    last_event_ms: int | None
    last_ingested_ms: int | None


class LogLine(NamedTuple):
    """An event on its way to the database. A named tuple, because three of them are made on every invocation."""

    group: LogGroupName
    stream: str
    timestamp_ms: int
    message: str


@dataclass(frozen=True, slots=True, order=True)
class LogPosition:
    """A place in the order in which events are read: by time, and within a millisecond by arrival."""

    timestamp_ms: int
    id: int


@dataclass(frozen=True, slots=True)
class LogEvent:
    """An event as it was stored."""

    position: LogPosition
    stream: str
    ingested_ms: int
    message: str
