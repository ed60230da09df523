"""Where a service sends what a function could not be given: to a queue, with the reason."""

import logging
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from stoker.arn import split_arn
from stoker.errors import LambdaError
from stoker.neighbours.errors import NeighbourError
from stoker.neighbours.pushes.records import DeadLetter

log = logging.getLogger("stoker.pushes")

# Amazon EventBridge User Guide, "Using dead-letter queues to process undelivered events in EventBridge".
_REASONS = {"AccessDeniedException": "NO_PERMISSIONS", "ResourceNotFoundException": "NO_RESOURCE"}


class Queues(Protocol):
    """SQS, wherever it is."""

    async def call(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> dict[str, Any]:
        """Raises botocore's ClientError and BotoCoreError, and NeighbourError."""
        ...


class DeadLetters:
    """Sends them, or says in the log why not: nothing further is done about a letter that is lost."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    async def send(self, letter: DeadLetter, refusal: LambdaError) -> None:
        arn = split_arn(letter.queue_arn)
        if arn is None or arn.service != "sqs":
            log.error("an event is lost: %s is no queue for dead letters", letter.queue_arn)
            return
        where = ("sqs", arn.account_id, arn.region)
        attributes = dict(letter.attributes)
        if letter.says_why:
            attributes |= {
                "ERROR_CODE": _REASONS.get(refusal.code, "SDK_CLIENT_ERROR"),
                "ERROR_MESSAGE": refusal.message or refusal.code,
                "RETRY_ATTEMPTS": "0",
            }
        try:
            queue = await self._queues.call(
                *where, "GetQueueUrl", QueueName=arn.resource, QueueOwnerAWSAccountId=arn.account_id
            )
            await self._queues.call(
                *where,
                "SendMessage",
                QueueUrl=queue["QueueUrl"],
                MessageBody=letter.body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
                },
            )
        except (BotoCoreError, ClientError, NeighbourError) as error:
            log.error("an event is lost: the queue %s did not take it: %s", letter.queue_arn, error)
