"""What a mapping's on-failure destination is told of records of a topic that were given up.

Source: AWS Lambda Developer Guide, "Capturing discarded batches for Amazon MSK and self-managed Apache Kafka event
sources"; its members are in this order.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stoker.clock import Clock, iso_timestamp
from stoker.event_sources.calls import Called
from stoker.event_sources.failure_notices import Condition, FailureNotices, Notice, failure_head
from stoker.event_sources.kafka.records import KafkaRecord
from stoker.event_sources.records import EventSourceMapping

log = logging.getLogger("stoker.event_sources")


@dataclass(frozen=True, slots=True)
class GivenUpBatch:
    """Records that the function does not get any more; `called` is its last failure, if it had one."""

    records: Sequence[KafkaRecord]
    event: bytes
    bootstrap_servers: Sequence[str]
    condition: Condition
    invocations: int
    called: Called | None


class KafkaFailures:
    """Of one mapping."""

    def __init__(self, mapping: EventSourceMapping, notices: FailureNotices, clock: Clock) -> None:
        self._mapping = mapping
        self._notices = notices
        self._clock = clock

    async def tell(self, given_up: GivenUpBatch) -> None:
        """Return when the destination has been told, or will not be. The partitions wait for it."""
        log.warning("%s: %d records are given up (%s)", self._mapping.uuid, len(given_up.records), given_up.condition)
        record = batch_record(self._mapping, given_up, self._clock.now_s())
        await self._notices.tell(Notice(record, given_up.event.decode(), given_up.records[0].partition.topic))


def batch_record(mapping: EventSourceMapping, given_up: GivenUpBatch, now_s: float) -> dict[str, Any]:
    """The record, without a payload."""
    info: dict[str, Any] = {"batchSize": len(given_up.records)}
    if mapping.source.arn is not None:
        info["eventSourceArn"] = mapping.source.arn
    info["bootstrapServers"] = ",".join(given_up.bootstrap_servers)
    info["payloadSize"] = len(given_up.event)
    info["recordsInfo"] = _records_info(given_up.records)
    head = failure_head(mapping, given_up.condition, given_up.invocations, given_up.called)
    return head | {"version": "1.0", "timestamp": iso_timestamp(now_s), "KafkaBatchInfo": info}


def _records_info(records: Sequence[KafkaRecord]) -> dict[str, Any]:
    """By partition: its first and last offset, as texts, and when these records were made."""
    info: dict[str, dict[str, str]] = {}
    for record in records:
        moment = iso_timestamp(record.timestamp_ms / 1000)
        first = {"firstRecordOffset": str(record.offset), "firstRecordTimestamp": moment}
        known = info.setdefault(str(record.partition), first)
        known |= {"lastRecordOffset": str(record.offset), "lastRecordTimestamp": moment}
    return info
