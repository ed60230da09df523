"""From what a sender gives to the message that is kept: the rules for standard queues and for FIFO queues.

Source: Amazon SQS API Reference, SendMessage.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from typing import Any

from stoker.queues import errors
from stoker.queues.contents import Contents, contents_of
from stoker.queues.records import Message, Queue

DELAY_S_MAX = 900
_ID = re.compile(r"[a-zA-Z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


def new_message_id() -> str:
    """A random UUID (version 4), in a third of the time that the standard library takes for one."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def message_to_send(queue: Queue, members: Mapping[str, Any], sender_id: str, now_ms: int) -> tuple[Message, Contents]:
    """The message of SendMessage's members, or of an entry of a batch; it has no number yet. Raises QueueErrors."""
    contents = contents_of(members)
    bytes_max = queue.number("MaximumMessageSize")
    if contents.size_bytes > bytes_max:
        raise errors.invalid_value(
            f"One or more parameters are invalid. Reason: Message must be shorter than {bytes_max} bytes."
        )
    delay_s = _delay_s(queue, members.get("DelaySeconds"))
    message = Message(
        number=0,
        message_id=new_message_id(),
        sent_ms=now_ms,
        visible_ms=now_ms + delay_s * 1000,
        sender_id=sender_id,
        group_id=_group_id(queue, members.get("MessageGroupId")),
        deduplication_id=_deduplication_id(queue, members.get("MessageDeduplicationId"), contents),
        receives=0,
        receives_before=0,
        first_received_ms=0,
        source_arn=None,
        details=contents.details,
        body=contents.body,
    )
    return message, contents


def deduplication_scope(queue: Queue, message: Message) -> str | None:
    """Among which messages one of the same deduplication id is looked for; None in a standard queue."""
    if not queue.is_fifo:
        return None
    if queue.attributes.get("DeduplicationScope") == "messageGroup":
        return message.group_id
    return ""


def check_id(value: str, parameter: str) -> str:
    """Raises QueueErrors."""
    if not _ID.fullmatch(value):
        raise errors.invalid(
            value[:256],
            parameter,
            f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        )
    return value


def _delay_s(queue: Queue, given: int | None) -> int:
    if given is None:
        return queue.number("DelaySeconds")
    if not 0 <= given <= DELAY_S_MAX:
        raise errors.invalid(given, "DelaySeconds", f"DelaySeconds must be >= 0 and <= {DELAY_S_MAX}.")
    if queue.is_fifo and given:
        raise _not_for_this_type(given, "DelaySeconds")
    return queue.number("DelaySeconds") if queue.is_fifo else given


def _group_id(queue: Queue, given: str | None) -> str | None:
    """A standard queue takes one, too: it names a tenant (fair queues)."""
    if given is None:
        if queue.is_fifo:
            raise errors.missing("MessageGroupId")
        return None
    return check_id(given, "MessageGroupId")


def _deduplication_id(queue: Queue, given: str | None, contents: Contents) -> str | None:
    if not queue.is_fifo:
        if given is not None:
            raise _not_for_this_type(given, "MessageDeduplicationId")
        return None
    if given is not None:
        return check_id(given, "MessageDeduplicationId")
    if queue.attributes.get("ContentBasedDeduplication") != "true":
        raise errors.invalid_value(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
            "explicitly"
        )
    return hashlib.sha256(contents.body.encode()).hexdigest()


def _not_for_this_type(value: object, parameter: str) -> errors.QueueError:
    return errors.invalid(value, parameter, "The request include parameter that is not valid for this queue type")
