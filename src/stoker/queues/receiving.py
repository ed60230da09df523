"""What receivers ask of a queue, and what they get."""

from dataclasses import dataclass
from typing import NamedTuple

from stoker.lambda_model.call import Client
from stoker.queues.records import Message


class Received(NamedTuple):
    """A message that was handed out, and the handle of this receiving."""

    message: Message
    handle: str


class Counts(NamedTuple):
    """How many messages can be seen, are in flight, and wait for their delay to end."""

    visible: int
    in_flight: int
    delayed: int


@dataclass(frozen=True, slots=True)
class Receiving:
    """What a receiver wants. `attempt_id` names the attempt, so that a second one gets the same (FIFO)."""

    count: int
    visibility_ms: int
    wait_s: float
    client: Client | None = None
    attempt_id: str | None = None
