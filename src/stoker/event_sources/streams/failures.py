"""What a mapping's on-failure destination is told of a shard's records (reference: event sources, 3)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stoker.clock import Clock, iso_timestamp
from stoker.event_sources.batches import event_of
from stoker.event_sources.calls import Called
from stoker.event_sources.failure_notices import Condition, FailureNotices, Notice, failure_head
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.services import Services
from stoker.event_sources.stopping import Stopping
from stoker.event_sources.streams.records import StreamRecord

log = logging.getLogger("stoker.event_sources")


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
        self._mapping = mapping
        self._batch_member = batch_member
        self._clock = clock
        self._notices = FailureNotices(services, mapping, clock, stopping)

    async def tell(self, given_up: GivenUp) -> None:
        """Return when the destination has been told, or will not be. Nothing else of the shard is done until then."""
        count, shard_id, condition = len(given_up.records), given_up.shard_id, given_up.condition
        log.warning("%s: %d records of %s are given up (%s)", self._mapping.uuid, count, shard_id, condition)
        record = failure_record(self._mapping, self._batch_member, given_up, self._clock.now_s())
        await self._notices.tell(Notice(record, event_of(given_up.records).decode(), shard_id))


def failure_record(mapping: EventSourceMapping, batch_member: str, given_up: GivenUp, now_s: float) -> dict[str, Any]:
    """The record, in AWS's order, without a payload."""
    records = given_up.records
    record = failure_head(mapping, given_up.condition, given_up.invocations, given_up.called)
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


def _whole_second(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S}Z"


_TIMESTAMPS: Mapping[str, Any] = {"KinesisBatchInfo": iso_timestamp, "DDBStreamBatchInfo": _whole_second}
