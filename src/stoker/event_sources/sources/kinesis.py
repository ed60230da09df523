"""Streams of Amazon Kinesis: their shards, and a record as a function gets it (reference: event sources, 3).

A consumer of enhanced fan-out is read as the stream that it belongs to, by shared throughput.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from stoker.arn import Arn
from stoker.event_sources.matching import Text
from stoker.event_sources.services import Services, call_for, error_code
from stoker.event_sources.streams.records import Position, Reading, Shard, Start, StreamFacts, StreamRecord

READ_RECORDS_MAX = 1_000  # of up to 10 MB in all
_HOUR_S = 3600.0


class KinesisStream:
    """One stream, by the ARN of a mapping's source."""

    name = "KinesisBatchInfo"

    def __init__(self, services: Services, source_arn: str, arn: Arn) -> None:
        self._services = services
        self._source_arn = source_arn
        self._arn = arn
        # arn:…:stream/NAME/consumer/CONSUMER:1700000000
        self._stream_arn = source_arn.partition("/consumer/")[0]
        # AWS takes either or both; servers that are older than the ARN in requests look at the name alone.
        self._stream = {"StreamARN": self._stream_arn, "StreamName": self._stream_arn.partition("/")[2]}

    async def facts(self) -> StreamFacts:
        """Raises ClientError when there is no such stream."""
        answer = await self._call("DescribeStreamSummary", **self._stream)
        summary = answer["StreamDescriptionSummary"]
        created_s = summary["StreamCreationTimestamp"].timestamp()
        return StreamFacts(f"{created_s:.3f}", summary["RetentionPeriodHours"] * _HOUR_S)

    async def shards(self) -> list[Shard]:
        """From every page."""
        shards: list[Shard] = []
        asked: dict[str, Any] = dict(self._stream)
        while asked:
            answer = await self._call("ListShards", **asked)
            shards.extend(_shard(shard) for shard in answer["Shards"])
            asked = {"NextToken": token} if (token := answer.get("NextToken")) else {}
        return shards

    async def iterator(self, shard_id: str, position: Position) -> str:
        asked: dict[str, Any] = self._stream | {"ShardId": shard_id}
        if position.after is not None:
            asked |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": position.after}
        else:
            asked["ShardIteratorType"] = position.start.value
        if asked["ShardIteratorType"] == Start.AT_TIMESTAMP:
            asked["Timestamp"] = datetime.fromtimestamp(position.since_s, UTC)
        iterator: str = (await self._call("GetShardIterator", **asked))["ShardIterator"]
        return iterator

    async def read(self, iterator: str, role: str, shard_id: str) -> Reading | None:
        asked = {"StreamARN": self._stream_arn, "ShardIterator": iterator, "Limit": READ_RECORDS_MAX}
        try:
            answer = await self._call("GetRecords", **asked)
        except ClientError as error:
            if error_code(error) == "ExpiredIteratorException":
                return None
            raise
        records = [record_of(record, shard_id, role, self._source_arn, self._arn) for record in answer["Records"]]
        return Reading(records, answer.get("NextShardIterator"))

    async def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        return await call_for(self._services, "kinesis", self._arn, operation, **parameters)


def record_of(record: Mapping[str, Any], shard_id: str, role: str, source_arn: str, arn: Arn) -> StreamRecord:
    """A record of GetRecords' answer."""
    data: bytes = record["Data"]
    number: str = record["SequenceNumber"]
    arrived_s = record["ApproximateArrivalTimestamp"].timestamp()
    kinesis = {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": record["PartitionKey"],
        "sequenceNumber": number,
        "data": base64.b64encode(data).decode(),
        "approximateArrivalTimestamp": round(arrived_s, 3),
    }
    event = {
        "kinesis": kinesis,
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role,
        "awsRegion": arn.region,
        "eventSourceARN": source_arn,
    }
    return StreamRecord(
        sequence_number=number,
        key=record["PartitionKey"],
        arrived_s=arrived_s,
        encoded=msgspec.json.encode(event),
        # Filters find the stream's own members beside the data (reference: event sources, 6).
        document={**event, **kinesis, "data": Text(data.decode(errors="replace"))},
    )


def _shard(shard: Mapping[str, Any]) -> Shard:
    parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
    is_closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
    return Shard(shard["ShardId"], tuple(parent for parent in parents if parent), is_closed)
