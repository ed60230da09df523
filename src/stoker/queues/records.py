"""Queues and their messages as others may hold them. Times are epoch milliseconds where the name says so."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

QueueKey = tuple[str, str, str]
"""Account, region and name."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue and what is configured for it.

    `content_id` names what is in it: a purge gives it another one. `attributes` has only what was set, as texts, by
    AWS's names.
    """

    account_id: str
    region: str
    name: str
    content_id: int
    created_s: int
    modified_s: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> QueueKey:
        return self.account_id, self.region, self.name

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{self.region}:{self.account_id}:{self.name}"

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(".fifo")

    def number(self, attribute: str) -> int:
        """The value of an attribute that is a number, set or not."""
        text = self.attributes.get(attribute)
        return NUMBERS[attribute] if text is None else int(text)


NUMBERS: Mapping[str, int] = {
    "DelaySeconds": 0,
    "MaximumMessageSize": 1_048_576,
    "MessageRetentionPeriod": 345_600,
    "ReceiveMessageWaitTimeSeconds": 0,
    "VisibilityTimeout": 30,
}
"""Attributes that are numbers, and what they are when they are not set (SetQueueAttributes)."""


class Message(NamedTuple):
    """A message as it is stored, in the order of its table's columns.

    `number` is its place in the order; `message_id` is what its sender was told. `receives` counts over all queues that
    it has been in, `receives_before` those of the queues before this one. `source_arn` is the queue it fell out of, for
    one in a dead-letter queue. `details` are its attributes as JSON, empty if it has none.
    """

    number: int
    message_id: str
    sent_ms: int
    visible_ms: int
    sender_id: str
    group_id: str | None
    deduplication_id: str | None
    receives: int
    receives_before: int
    first_received_ms: int
    source_arn: str | None
    details: str
    body: str


class Sending(NamedTuple):
    """A message to be written. `deduplication_scope` is None where nothing is looked for that was the same."""

    content_id: int
    is_fifo: bool
    message: Message
    deduplication_scope: str | None = None


class Reception(NamedTuple):
    """That a message was received, or its visibility changed: what is to be kept of it."""

    number: int
    is_fifo: bool
    visible_ms: int
    receives: int
    first_received_ms: int


class Sent(NamedTuple):
    """What became of a message that was sent: itself, or the one that had been sent before in its place."""

    message_id: str
    number: int
    is_new: bool


class Change(NamedTuple):
    """What is written together: all of it or nothing. `deleted` are numbers of messages.

    `done` is called with what became of the messages sent, as soon as all is on disk and in the order of the disk,
    whether or not anybody still waits for it.
    """

    sent: tuple[Sending, ...] = ()
    deleted: tuple[int, ...] = ()
    received: tuple[Reception, ...] = ()
    done: Callable[[Sequence[Sent]], None] | None = None

    @property
    def size_bytes(self) -> int:
        return sum(len(sending.message.body) for sending in self.sent)


@dataclass(frozen=True, slots=True)
class MoveTask:
    """Messages of a dead-letter queue on their way back, or to another queue.

    `destination_arn` is None for each message's own source; `rate_per_s` None for as fast as it goes.
    """

    handle: str
    source_arn: str
    destination_arn: str | None
    rate_per_s: int | None
    status: str
    moved: int
    to_move: int
    started_ms: int
    failure: str | None = None
