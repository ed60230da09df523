"""The attributes of queues: which there are, what they may be, what they are when nobody set them.

Sources: Amazon SQS API Reference, CreateQueue, SetQueueAttributes and GetQueueAttributes.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping

from stoker.queues import errors
from stoker.queues.records import NUMBERS, Queue
from stoker.queues.redrive_policy import check_redrive_allow_policy, read_redrive_policy

NAME_LENGTH_MAX = 80
TEXT_LENGTH_MAX = 65_536  # of a policy; AWS states no number
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_RANGES: Mapping[str, range] = {
    "DelaySeconds": range(901),
    "KmsDataKeyReusePeriodSeconds": range(60, 86_401),
    "MaximumMessageSize": range(1_024, 1_048_577),
    "MessageRetentionPeriod": range(60, 1_209_601),
    "ReceiveMessageWaitTimeSeconds": range(21),
    "VisibilityTimeout": range(43_201),
}
_BOOLEANS = frozenset({"ContentBasedDeduplication", "FifoQueue", "SqsManagedSseEnabled"})
_CHOICES: Mapping[str, Collection[str]] = {
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_ONLY_FIFO = frozenset({"ContentBasedDeduplication", "DeduplicationScope", "FifoQueue", "FifoThroughputLimit"})
_TEXTS = frozenset({"KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy"})
_SETTABLE = frozenset({*_RANGES, *_BOOLEANS, *_CHOICES, *_TEXTS})
COUNTED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_TOLD = ("QueueArn", "CreatedTimestamp", "LastModifiedTimestamp")
ALL = "All"


def check_name(name: str, attributes: Mapping[str, str]) -> None:
    """Raises QueueErrors. A FIFO queue says so twice: by its name's end and by an attribute."""
    is_fifo = attributes.get("FifoQueue") == "true"
    stem = name.removesuffix(".fifo") if is_fifo else name
    if not _NAME.fullmatch(stem) or len(name) > NAME_LENGTH_MAX or (is_fifo and stem == name):
        if is_fifo:
            raise errors.invalid_value(
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end "
                f"with .fifo suffix and be 1 to {NAME_LENGTH_MAX} in length."
            )
        raise errors.invalid_value(
            f"Can only include alphanumeric characters, hyphens, or underscores. 1 to {NAME_LENGTH_MAX} in length"
        )


def checked(given: Mapping[str, str], *, is_fifo: bool) -> dict[str, str]:
    """Attributes as they are kept. Raises QueueErrors for those that there are not, and for values that cannot be."""
    for name, value in given.items():
        if name not in _SETTABLE or (name in _ONLY_FIFO and not is_fifo):
            raise errors.unknown_attribute(name)
        if name in _RANGES and (not value.isascii() or not value.isdecimal() or int(value) not in _RANGES[name]):
            raise errors.invalid_attribute(name)
        if name in _BOOLEANS and value.lower() not in ("true", "false"):
            raise errors.invalid_attribute(name)
        if name in _CHOICES and value not in _CHOICES[name]:
            raise errors.invalid_attribute(name)
        if len(value) > TEXT_LENGTH_MAX:
            raise errors.invalid_attribute(name)
        if value and name in _CHECKS:
            _CHECKS[name](value)
    if is_fifo and given.get("FifoQueue", "true").lower() != "true":
        raise errors.invalid_attribute("FifoQueue", "Reason: Modifying queue type is not supported.")
    return {name: value.lower() if name in _BOOLEANS else value for name, value in given.items()}


def _check_policy(text: str) -> None:
    try:
        is_object = isinstance(json.loads(text), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise errors.invalid_attribute("Policy")


_CHECKS: Mapping[str, Callable[[str], object]] = {
    "Policy": _check_policy,
    "RedrivePolicy": read_redrive_policy,
    "RedriveAllowPolicy": check_redrive_allow_policy,
}


def check_together(attributes: Mapping[str, str]) -> None:
    """Raises QueueErrors for values that exclude each other."""
    is_per_group = attributes.get("FifoThroughputLimit") == "perMessageGroupId"
    if is_per_group and attributes.get("DeduplicationScope") != "messageGroup":
        raise errors.invalid_attribute(
            "FifoThroughputLimit", "Reason: perMessageGroupId needs the DeduplicationScope messageGroup."
        )
    if attributes.get("KmsMasterKeyId") and attributes.get("SqsManagedSseEnabled") == "true":
        raise errors.invalid_attribute("SqsManagedSseEnabled", "Reason: a queue has one kind of encryption.")


def changed(present: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """`present` with what was given; an empty text takes a policy or a key away."""
    both = {**present, **given}
    if given.get("KmsMasterKeyId") and "SqsManagedSseEnabled" not in given:
        both["SqsManagedSseEnabled"] = "false"
    if given.get("SqsManagedSseEnabled") == "true" and "KmsMasterKeyId" not in given:
        both.pop("KmsMasterKeyId", None)
    return {name: value for name, value in both.items() if value or name not in _TEXTS}


def different(queue: Queue, given: Mapping[str, str]) -> str | None:
    """The first of the given attributes that the queue has otherwise."""
    present = settings(queue)
    return next((name for name, value in given.items() if present.get(name, "") != value), None)


def settings(queue: Queue) -> dict[str, str]:
    """What can be set, set or not, as GetQueueAttributes tells it."""
    told = {name: str(default) for name, default in NUMBERS.items()}
    if queue.is_fifo:
        told |= {
            "FifoQueue": "true",
            "ContentBasedDeduplication": "false",
            "DeduplicationScope": "queue",
            "FifoThroughputLimit": "perQueue",
        }
    if "KmsMasterKeyId" in queue.attributes:
        told["KmsDataKeyReusePeriodSeconds"] = "300"
    return {**told, "SqsManagedSseEnabled": "true", **queue.attributes}


def told(queue: Queue, wanted: Collection[str], counts: Mapping[str, str]) -> dict[str, str]:
    """The wanted attributes; `counts` are those of COUNTED. Raises QueueErrors for names that there are not."""
    known = {
        **settings(queue),
        **counts,
        "QueueArn": queue.arn,
        "CreatedTimestamp": str(queue.created_s),
        "LastModifiedTimestamp": str(queue.modified_s),
    }
    for name in wanted:
        if name != ALL and name not in _SETTABLE and name not in COUNTED and name not in _TOLD:
            raise errors.unknown_attribute(name)
    return known if ALL in wanted else {name: known[name] for name in wanted if name in known}
