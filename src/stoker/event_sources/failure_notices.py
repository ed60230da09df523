"""Tells a mapping's on-failure destination of records that were given up: queues and topics get a record without the
payload, buckets one with it (reference: event sources, 3).
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from stoker.arn import Arn, split_arn
from stoker.clock import Clock, iso_timestamp
from stoker.event_sources.calls import Called, back_off_s, target_of
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.services import SOURCE_ERRORS, Services, call_for
from stoker.event_sources.stopping import Stopping

log = logging.getLogger("stoker.event_sources")

TRIES_MAX = 5  # AWS does not say its own


class Condition(StrEnum):
    """Why records were given up, as the record of the failure says it."""

    RETRY_ATTEMPTS_EXHAUSTED = "RetryAttemptsExhausted"
    RECORD_AGE_EXCEEDED = "RecordAgeExceeded"


@dataclass(frozen=True, slots=True)
class Notice:
    """`record` has no payload; `place` is where in the source its records were, as a bucket's keys have it."""

    record: Mapping[str, Any]
    payload: str
    place: str


class FailureNotices:
    """Of one mapping; without a destination nothing is told."""

    def __init__(self, services: Services, mapping: EventSourceMapping, clock: Clock, stopping: Stopping) -> None:
        self._services = services
        self._mapping = mapping
        self._clock = clock
        self._stopping = stopping
        destinations = mapping.settings.get("DestinationConfig") or {}
        self._arn: str | None = (destinations.get("OnFailure") or {}).get("Destination")

    async def tell(self, notice: Notice) -> None:
        """Return when the destination has been told, or will not be."""
        arn = split_arn(self._arn) if self._arn else None
        if arn is None:
            return
        for tries in range(1, TRIES_MAX + 1):
            try:
                await self._send(arn, notice)
            except SOURCE_ERRORS as error:
                log.warning("%s is not told of it (try %d): %s", arn, tries, error)
                await self._stopping.pause(back_off_s(tries))
            else:
                return

    async def _send(self, arn: Arn, notice: Notice) -> None:
        if arn.service == "s3":
            await self._services.call(
                "s3",
                self._mapping.account_id,
                self._mapping.region,
                "PutObject",
                Bucket=arn.resource,
                Key=s3_key(self._mapping.uuid, notice.place, str(uuid.uuid4()), self._clock.now_s()),
                Body=msgspec.json.encode({**notice.record, "payload": notice.payload}),
            )
            return
        text = msgspec.json.encode(notice.record).decode()
        if arn.service == "sns":
            await call_for(self._services, "sns", arn, "Publish", TopicArn=str(arn), Message=text)
            return
        queue = {"QueueName": arn.resource, "QueueOwnerAWSAccountId": arn.account_id}
        answer = await call_for(self._services, "sqs", arn, "GetQueueUrl", **queue)
        await call_for(self._services, "sqs", arn, "SendMessage", QueueUrl=answer["QueueUrl"], MessageBody=text)


def failure_head(
    mapping: EventSourceMapping, condition: Condition, invocations: int, called: Called | None
) -> dict[str, Any]:
    """What each record begins with, in AWS's order; `called` is the last failure, if there was one."""
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": called.request_id if called is not None else str(uuid.uuid4()),
            "functionArn": target_of(mapping).arn,
            "condition": condition.value,
            "approximateInvokeCount": invocations,
        }
    }
    if called is not None and condition is Condition.RETRY_ATTEMPTS_EXHAUSTED:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": called.result.executed_version}
        if called.result.function_error is not None:
            context["functionError"] = called.result.function_error
        record["responseContext"] = context
    return record


def s3_key(mapping_uuid: str, place: str, moment_uuid: str, now_s: float) -> str:
    """`aws/lambda/<mapping>/<place>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>`."""
    second = iso_timestamp(now_s)[:19]
    day = second[:10].replace("-", "/")
    return f"aws/lambda/{mapping_uuid}/{place}/{day}/{second.replace(':', '.')}-{moment_uuid}"
