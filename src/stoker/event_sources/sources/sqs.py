"""Queues of Amazon SQS: receiving, acknowledging, and a message as a function gets it (reference: event sources, 2)."""

import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from stoker.arn import Arn
from stoker.event_sources.matching import Text
from stoker.event_sources.services import Services, call_for, error_code

log = logging.getLogger("stoker.event_sources")

RECEIVED_MAX = 10  # of one call, and of the other operations on batches
# In AWS's order.
_ATTRIBUTES = (
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "SentTimestamp",
    "SequenceNumber",
    "MessageGroupId",
    "SenderId",
    "MessageDeduplicationId",
    "ApproximateFirstReceiveTimestamp",
)
_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message that was received; `received_s` is the loop's time then, `document` what filters look at."""

    message_id: str
    receipt_handle: str
    trace_header: str
    encoded: bytes
    document: Mapping[str, Any]
    received_s: float


class SqsQueue:
    """One queue, by its ARN."""

    def __init__(self, services: Services, arn: Arn) -> None:
        self._services = services
        self._arn = arn
        self._url = ""

    async def open(self) -> None:
        """Find the queue. Raises ClientError when there is none."""
        name, account_id = self._arn.resource, self._arn.account_id
        answer = await self._call("GetQueueUrl", QueueName=name, QueueOwnerAWSAccountId=account_id)
        self._url = answer["QueueUrl"]

    async def visibility_timeout_s(self) -> int:
        """How long a message that was received stays hidden from others."""
        answer = await self._call("GetQueueAttributes", QueueUrl=self._url, AttributeNames=["VisibilityTimeout"])
        return int(answer["Attributes"]["VisibilityTimeout"])

    async def receive(self, messages_max: int, wait_s: int, now_s: float) -> list[QueueMessage]:
        """Up to ten messages as soon as there are any; none after `wait_s`."""
        answer = await self._services.call_patiently(
            "sqs",
            self._arn.account_id,
            self._arn.region,
            "ReceiveMessage",
            QueueUrl=self._url,
            MaxNumberOfMessages=min(messages_max, RECEIVED_MAX),
            WaitTimeSeconds=wait_s,
            AttributeNames=["All"],  # MessageSystemAttributeNames is not known to every server
            MessageAttributeNames=["All"],
        )
        return [message_of(message, self._arn, now_s) for message in answer.get("Messages") or ()]

    async def delete(self, messages: Sequence[QueueMessage]) -> None:
        """Take messages off the queue. One that cannot be deleted comes again, as on AWS."""
        for first in range(0, len(messages), RECEIVED_MAX):
            entries = _entries(messages[first : first + RECEIVED_MAX])
            answer = await self._call("DeleteMessageBatch", QueueUrl=self._url, Entries=entries)
            for failure in answer.get("Failed") or ():
                log.warning("a message of %s could not be deleted: %s", self._arn, failure.get("Message"))

    async def give_back(self, messages: Sequence[QueueMessage]) -> None:
        """Let others see at once what nobody has worked on."""
        for first in range(0, len(messages), RECEIVED_MAX):
            entries = [entry | {"VisibilityTimeout": 0} for entry in _entries(messages[first : first + RECEIVED_MAX])]
            await self._call("ChangeMessageVisibilityBatch", QueueUrl=self._url, Entries=entries)

    async def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        return await call_for(self._services, "sqs", self._arn, operation, **parameters)


def is_missing_queue(error: ClientError) -> bool:
    """Whether the queue is not there."""
    return error_code(error) in _MISSING


def message_of(message: Mapping[str, Any], arn: Arn, now_s: float) -> QueueMessage:
    """A message of ReceiveMessage's answer."""
    given = message.get("Attributes") or {}
    attributes = {name: given[name] for name in sorted(given, key=_place)}
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": attributes,
        "messageAttributes": {
            name: _attribute(value) for name, value in (message.get("MessageAttributes") or {}).items()
        },
        "md5OfMessageAttributes": message.get("MD5OfMessageAttributes"),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": str(arn),
        "awsRegion": arn.region,
    }
    return QueueMessage(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        trace_header=attributes.get("AWSTraceHeader", ""),
        encoded=msgspec.json.encode(record),
        document={**record, "body": Text(message["Body"])},
        received_s=now_s,
    )


def _place(attribute: str) -> int:
    return _ATTRIBUTES.index(attribute) if attribute in _ATTRIBUTES else len(_ATTRIBUTES)


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    kind: str = value["DataType"]
    if kind.startswith("Binary"):
        content = {"binaryValue": base64.b64encode(value.get("BinaryValue", b"")).decode()}
    else:
        content = {"stringValue": value.get("StringValue", "")}
    return {**content, "stringListValues": [], "binaryListValues": [], "dataType": kind}


def _entries(messages: Sequence[QueueMessage]) -> list[dict[str, Any]]:
    return [{"Id": str(number), "ReceiptHandle": message.receipt_handle} for number, message in enumerate(messages)]
