"""A message as a receiver gets it: the attributes that were asked for, and the MD5s over what is given.

Source: Amazon SQS API Reference, ReceiveMessage.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stoker.queues import errors
from stoker.queues.contents import TRACE_HEADER, details_of, md5_of, md5_of_body
from stoker.queues.receiving import Received
from stoker.queues.records import Message

ALL = "All"
# 20 digits, as AWS's sequence numbers have.
_SEQUENCE_START = 10**19


def sequence_number(number: int) -> str:
    """What a FIFO queue says of a message's place."""
    return str(_SEQUENCE_START + number)


_SYSTEM: Mapping[str, Callable[[Message], str | None]] = {
    "SenderId": lambda message: message.sender_id,
    "SentTimestamp": lambda message: str(message.sent_ms),
    "ApproximateReceiveCount": lambda message: str(message.receives),
    "ApproximateFirstReceiveTimestamp": lambda message: str(message.first_received_ms),
    "SequenceNumber": lambda message: sequence_number(message.number) if message.deduplication_id else None,
    "MessageDeduplicationId": lambda message: message.deduplication_id,
    "MessageGroupId": lambda message: message.group_id,
    "DeadLetterQueueSourceArn": lambda message: message.source_arn,
    TRACE_HEADER: lambda message: details_of(message.details).system.get(TRACE_HEADER) if message.details else None,
}


def checked_system_names(members: Mapping[str, Any]) -> Sequence[str]:
    """The names of system attributes that are wanted, from where older and newer clients put them.

    Raises QueueErrors.
    """
    wanted = [*(members.get("AttributeNames") or ()), *(members.get("MessageSystemAttributeNames") or ())]
    if not wanted:
        return ()
    for name in wanted:
        if name != ALL and name not in _SYSTEM:
            raise errors.unknown_attribute(str(name))
    return tuple(_SYSTEM) if ALL in wanted else wanted


def message_members(received: Received, system_names: Sequence[str], attribute_names: Sequence[str]) -> dict[str, Any]:
    """A member of `Messages`."""
    message = received.message
    members: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": received.handle,
        "MD5OfBody": md5_of_body(message.body),
        "Body": message.body,
    }
    if system_names:
        told = ((name, _SYSTEM[name](message)) for name in system_names)
        members["Attributes"] = {name: value for name, value in told if value is not None}
    if attribute_names and message.details:
        given = {
            name: value
            for name, value in details_of(message.details).attributes.items()
            if _is_wanted(name, attribute_names)
        }
        if given:
            members["MessageAttributes"] = given
            members["MD5OfMessageAttributes"] = md5_of(given)
    return members


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    return any(
        pattern in (ALL, ".*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-2])) for pattern in wanted
    )
