"""RedrivePolicy and RedriveAllowPolicy: where messages go that were received too often, and who may send them there.

Source: Amazon SQS API Reference, SetQueueAttributes; Developer Guide, "Using dead-letter queues in Amazon SQS".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from stoker.queues import errors
from stoker.queues.records import Queue

RECEIVES_DEFAULT = 10
RECEIVES_MAX = 1_000
SOURCES_MAX = 10
_PERMISSIONS = ("allowAll", "denyAll", "byQueue")


@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    """A message that was received `receives_max` times is not received again, but moved to `target_arn`."""

    target_arn: str
    receives_max: int


def redrive_policy_of(queue: Queue) -> RedrivePolicy | None:
    """None for a queue that keeps its messages."""
    text = queue.attributes.get("RedrivePolicy")
    return None if not text else read_redrive_policy(text)


@lru_cache(maxsize=1024)
def read_redrive_policy(text: str) -> RedrivePolicy:
    """Raises QueueErrors."""
    members = _object(text, "RedrivePolicy")
    target = members.get("deadLetterTargetArn")
    if not isinstance(target, str) or not target:
        raise _invalid(text, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
    if "maxReceiveCount" not in members:
        raise _invalid(text, "Redrive policy does not contain mandatory attribute: maxReceiveCount.")
    stated = members["maxReceiveCount"]
    try:
        # Older clients and templates write it as a text.
        receives_max = int(stated) if not isinstance(stated, bool | float) else 0
    except (TypeError, ValueError):
        receives_max = 0
    if not 1 <= receives_max <= RECEIVES_MAX:
        raise _invalid(
            text,
            f"Invalid value for maxReceiveCount: {stated}, valid values are from 1 to {RECEIVES_MAX} both inclusive.",
        )
    return RedrivePolicy(target, receives_max)


def check_redrive_policy(text: str, source: Queue, target: Queue | None) -> None:
    """Whether `source` may have that policy; `target` is the queue that it names, None when there is none.

    Raises QueueErrors.
    """
    if target is None or (target.account_id, target.region) != (source.account_id, source.region):
        raise _invalid(text, "Dead letter target does not exist.")
    if target.is_fifo != source.is_fifo:
        raise _invalid(text, "Dead-letter queue must be same type of queue as the source.")
    if target.key == source.key:
        raise _invalid(text, "Dead letter target queue cannot be the source queue itself.")
    if not allows_source(target, source.arn):
        raise _invalid(text, "Queue does not have permissions to redrive to the dead letter queue.")


def check_redrive_allow_policy(text: str) -> None:
    """Raises QueueErrors."""
    members = _object(text, "RedriveAllowPolicy")
    permission, sources = members.get("redrivePermission"), members.get("sourceQueueArns")
    if permission not in _PERMISSIONS:
        raise errors.invalid(text, "RedriveAllowPolicy", "Invalid value for redrivePermission.")
    if permission == "byQueue":
        if not isinstance(sources, list) or not sources or not all(isinstance(arn, str) for arn in sources):
            raise errors.invalid(text, "RedriveAllowPolicy", "sourceQueueArns is required for byQueue.")
        if len(sources) > SOURCES_MAX:
            raise errors.invalid(text, "RedriveAllowPolicy", f"At most {SOURCES_MAX} sourceQueueArns are allowed.")
    elif sources is not None:
        raise errors.invalid(text, "RedriveAllowPolicy", "sourceQueueArns is only allowed for byQueue.")


def allows_source(target: Queue, source_arn: str) -> bool:
    """Whether `target` takes the messages of that queue."""
    text = target.attributes.get("RedriveAllowPolicy")
    if not text:
        return True
    members = _object(text, "RedriveAllowPolicy")
    permission = members.get("redrivePermission")
    return permission == "allowAll" or (permission == "byQueue" and source_arn in members.get("sourceQueueArns", ()))


def _object(text: str, attribute: str) -> Mapping[str, Any]:
    try:
        members = json.loads(text)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise errors.invalid(text, attribute, "The value is not a JSON object.")
    return members


def _invalid(text: str, reason: str) -> errors.QueueError:
    return errors.invalid(text, "RedrivePolicy", reason)
