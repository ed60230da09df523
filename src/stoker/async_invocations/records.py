"""What waits in the durable queue, and the changes that are made to it."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from stoker.database.engine import Written
from stoker.functions.records import LATEST, FunctionTarget


@dataclass(frozen=True, slots=True)
class Event:
    """An accepted asynchronous invocation. It keeps its `request_id` through all attempts.

    `trace_id` is `Root=…;Parent=…;Sampled=…`, with the lineage that the caller sent.
    """

    target: FunctionTarget
    request_id: str
    trace_id: str
    payload: bytes
    accepted_s: float

    @property
    def lane(self) -> str:
        """What it queues for: its function, by its unqualified ARN."""
        return self.target.function_arn

    @property
    def due_s(self) -> float:
        """When it may run for the first time."""
        return self.accepted_s

    @property
    def qualifier(self) -> str:
        """`$LATEST` when the caller named none."""
        return self.target.qualifier or LATEST


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an event, on its way to one destination (an ARN).

    `body` is the record of the invocation, or for a dead letter the event itself; `function_arn` is qualified.
    `error_code` and `error_message` are what a dead letter says of the last attempt.
    """

    destination: str
    kind: Literal["record", "dead letter"]
    function_arn: str
    request_id: str
    trace_id: str
    is_success: bool
    body: bytes
    ended_s: float
    error_code: int = 0
    error_message: str = ""

    @property
    def lane(self) -> str:
        """What it queues for: its destination."""
        return self.destination

    @property
    def due_s(self) -> float:
        """When it may be sent for the first time."""
        return self.ended_s


Item = TypeVar("Item", bound=Event | Delivery)


@dataclass(frozen=True, slots=True)
class Queued(Generic[Item]):
    """An item with its place in the queue.

    `tries` counts the runs of an event, or the times that its destination would not take a delivery; `refusals` the
    times that it came back because there was no room, or nobody there.
    """

    id: int
    item: Item
    tries: int
    refusals: int


@dataclass(frozen=True, slots=True)
class Postponement:
    """An item's new place in the queue."""

    id: int
    due_s: float
    tries: int
    refusals: int


@dataclass(frozen=True, slots=True)
class Change:
    """What is written together: all of it or nothing. `also` is what others write with it."""

    events: tuple[Event, ...] = ()
    ended_events: tuple[int, ...] = ()
    postponed_events: tuple[Postponement, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    ended_deliveries: tuple[int, ...] = ()
    postponed_deliveries: tuple[Postponement, ...] = ()
    also: tuple[Written, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Of what it brings; what it takes away costs next to nothing."""
        return sum(len(event.payload) for event in self.events) + sum(len(item.body) for item in self.deliveries)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of a function waits: how many events, and since when the first (epoch; None if there is none).

    `again` are those of them that were tried or refused before, and the first of these is due at `again_due_s` (epoch).
    """

    events: int
    oldest_accepted_s: float | None
    again: int
    again_due_s: float | None


@dataclass(frozen=True, slots=True)
class Told:
    """What became, since the node started, of the events of a function whose end somebody was to be told of, or nobody.

    `dropped` are events that failed for good and had no one to be told.
    """

    dropped: int = 0
    delivered: int = 0
    delivery_failures: int = 0


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """One function's queue: what waits, how many run, and what became of others. Times are None when nothing waits."""

    waiting: int
    oldest_age_s: float | None
    again: int
    again_in_s: float | None
    in_flight: int
    told: Told
