"""What a mapping's on-failure destination is told of records that were given up (reference: event sources, 3).

Queues and topics get a record without the payload, buckets one with it.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from stoker.arn import Arn, split_arn
from stoker.clock import Clock, iso_timestamp
from stoker.event_sources.batches import event_of
from stoker.event_sources.calls import Called, back_off_s, target_of
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.services import SOURCE_ERRORS, Services, call_for
from stoker.event_sources.stopping import Stopping
from stoker.event_sources.streams.records import StreamRecord
from stoker.event_sources.streams.retries import Condition

log = logging.getLogger("stoker.event_sources")

TRIES_MAX = 5  # AWS does not say its own


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Records of one shard that the function does not get any more; `called` is its last failure, if it had one."""

    shard_id: str
    records: Sequence[StreamRecord]
    condition: Condition
    invocations: int
    called: Called | None


class FailureDestination:
    """Of one mapping; without a destination, records are given up in silence, but for the node's log."""

    def __init__(
        self, services: Services, mapping: EventSourceMapping, batch_member: str, clock: Clock, stopping: Stopping
    ) -> None:
        """`batch_member` is what the record calls the batch: `KinesisBatchInfo`."""
        self._services = services
        self._mapping = mapping
        self._batch_member = batch_member
        self._clock = clock
        self._stopping = stopping
        self._arn: str | None = mapping.settings["DestinationConfig"]["OnFailure"].get("Destination")

    async def tell(self, given_up: GivenUp) -> None:
        """Return when the destination has been told, or will not be. Nothing else of the shard is done until then."""
        count, shard_id, condition = len(given_up.records), given_up.shard_id, given_up.condition
        log.warning("%s: %d records of %s are given up (%s)", self._mapping.uuid, count, shard_id, condition)
        arn = split_arn(self._arn) if self._arn else None
        if arn is None:
            return
        for tries in range(1, TRIES_MAX + 1):
            try:
                await self._send(arn, given_up)
            except SOURCE_ERRORS as error:
                log.warning("%s is not told of it (try %d): %s", arn, tries, error)
                await self._stopping.pause(back_off_s(tries))
            else:
                return

    async def _send(self, arn: Arn, given_up: GivenUp) -> None:
        now_s = self._clock.now_s()
        record = failure_record(self._mapping, self._batch_member, given_up, now_s)
        if arn.service == "s3":
            record["payload"] = event_of(given_up.records).decode()
            await self._services.call(
                "s3",
                self._mapping.account_id,
                self._mapping.region,
                "PutObject",
                Bucket=arn.resource,
                Key=s3_key(self._mapping.uuid, given_up.shard_id, str(uuid.uuid4()), now_s),
                Body=msgspec.json.encode(record),
            )
            return
        text = msgspec.json.encode(record).decode()
        if arn.service == "sns":
            await call_for(self._services, "sns", arn, "Publish", TopicArn=str(arn), Message=text)
            return
        queue = {"QueueName": arn.resource, "QueueOwnerAWSAccountId": arn.account_id}
        answer = await call_for(self._services, "sqs", arn, "GetQueueUrl", **queue)
        await call_for(self._services, "sqs", arn, "SendMessage", QueueUrl=answer["QueueUrl"], MessageBody=text)


def failure_record(mapping: EventSourceMapping, batch_member: str, given_up: GivenUp, now_s: float) -> dict[str, Any]:
    """The record, in AWS's order, without a payload."""
    called, records = given_up.called, given_up.records
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": called.request_id if called is not None else str(uuid.uuid4()),
            "functionArn": target_of(mapping).arn,
            "condition": given_up.condition.value,
            "approximateInvokeCount": given_up.invocations,
        }
    }
    if called is not None and given_up.condition is Condition.RETRY_ATTEMPTS_EXHAUSTED:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": called.result.executed_version}
        if called.result.function_error is not None:
            context["functionError"] = called.result.function_error
        record["responseContext"] = context
    as_text = _TIMESTAMPS[batch_member]
    return record | {
        "version": "1.0",
        "timestamp": iso_timestamp(now_s),
        batch_member: {
            "shardId": given_up.shard_id,
            "startSequenceNumber": records[0].sequence_number,
            "endSequenceNumber": records[-1].sequence_number,
            "approximateArrivalOfFirstRecord": as_text(records[0].arrived_s),
            "approximateArrivalOfLastRecord": as_text(records[-1].arrived_s),
            "batchSize": len(records),
            "streamArn": mapping.source.arn,
        },
    }


def s3_key(mapping_uuid: str, shard_id: str, moment_uuid: str, now_s: float) -> str:
    """`aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>`."""
    second = iso_timestamp(now_s)[:19]
    day = second[:10].replace("-", "/")
    return f"aws/lambda/{mapping_uuid}/{shard_id}/{day}/{second.replace(':', '.')}-{moment_uuid}"


def _whole_second(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S}Z"


_TIMESTAMPS: Mapping[str, Any] = {"KinesisBatchInfo": iso_timestamp, "DDBStreamBatchInfo": _whole_second}
