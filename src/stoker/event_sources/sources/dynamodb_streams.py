"""Streams of DynamoDB tables: their shards, and a record as a function gets it (reference: event sources, 3)."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from stoker.arn import Arn
from stoker.event_sources.services import Services, call_for, error_code
from stoker.event_sources.streams.records import Position, Reading, Shard, Start, StreamFacts, StreamRecord

READ_RECORDS_MAX = 1_000
RETENTION_S = 24 * 3600.0


class DynamoDbStream:
    """One stream, by the ARN of a mapping's source."""

    name = "DDBStreamBatchInfo"

    def __init__(self, services: Services, source_arn: str, arn: Arn) -> None:
        self._services = services
        self._source_arn = source_arn
        self._arn = arn
        self._server_arn = source_arn

    async def facts(self) -> StreamFacts:
        """Raises ClientError when there is no such stream."""
        try:
            description = (await self._describe())["StreamDescription"]
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            self._server_arn = await self._arn_of_label()
            description = (await self._describe())["StreamDescription"]
        created = description.get("CreationRequestDateTime")
        return StreamFacts(f"{created.timestamp():.3f}" if created else description["StreamLabel"], RETENTION_S)

    async def shards(self) -> list[Shard]:
        """From every page."""
        shards: list[Shard] = []
        asked: dict[str, Any] = {}
        while True:
            description = (await self._describe(**asked))["StreamDescription"]
            shards.extend(_shard(shard) for shard in description.get("Shards") or ())
            if not (last := description.get("LastEvaluatedShardId")):
                return shards
            asked = {"ExclusiveStartShardId": last}

    async def iterator(self, shard_id: str, position: Position) -> str:
        """A record after which to read may be gone already, and then the oldest that is left comes next."""
        asked = {"StreamArn": self._server_arn, "ShardId": shard_id}
        kind = position.start if position.start is Start.LATEST else Start.TRIM_HORIZON
        if position.after is not None:
            try:
                return await self._iterator(
                    **asked, ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=position.after
                )
            except ClientError as error:
                if error_code(error) != "TrimmedDataAccessException":
                    raise
                kind = Start.TRIM_HORIZON
        return await self._iterator(**asked, ShardIteratorType=kind.value)

    async def read(self, iterator: str, role: str, shard_id: str) -> Reading | None:
        try:
            answer = await self._call("GetRecords", ShardIterator=iterator, Limit=READ_RECORDS_MAX)
        except ClientError as error:
            if error_code(error) in ("ExpiredIteratorException", "TrimmedDataAccessException"):
                return None
            raise
        records = [record_of(record, self._source_arn, self._arn) for record in answer.get("Records") or ()]
        return Reading(records, answer.get("NextShardIterator"))

    async def _iterator(self, **parameters: Any) -> str:
        iterator: str = (await self._call("GetShardIterator", **parameters))["ShardIterator"]
        return iterator

    async def _describe(self, **parameters: Any) -> Mapping[str, Any]:
        return await self._call("DescribeStream", StreamArn=self._server_arn, **parameters)

    async def _arn_of_label(self) -> str:
        """What the server calls the stream, by its table and label.

        DynamoDB local has a region of its own in its ARNs, which is none of AWS's, so that no mapping can name it.
        """
        _, _, table_and_label = self._arn.resource.partition("/")
        table, _, label = table_and_label.partition("/stream/")
        for stream in (await self._call("ListStreams", TableName=table)).get("Streams") or ():
            if stream["StreamLabel"] == label:
                return str(stream["StreamArn"])
        return self._source_arn

    async def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        return await call_for(self._services, "dynamodbstreams", self._arn, operation, **parameters)


def record_of(record: Mapping[str, Any], source_arn: str, arn: Arn) -> StreamRecord:
    """A record of GetRecords' answer."""
    change = record["dynamodb"]
    arrived_s = change["ApproximateCreationDateTime"].timestamp()
    dynamodb: dict[str, Any] = {"ApproximateCreationDateTime": int(arrived_s)}
    for name in ("Keys", "NewImage", "OldImage"):
        if name in change:
            dynamodb[name] = _with_text(change[name])
    dynamodb |= {name: change[name] for name in ("SequenceNumber", "SizeBytes", "StreamViewType") if name in change}
    event = {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": arn.region,
        "dynamodb": dynamodb,
        "eventSourceARN": source_arn,
    }
    if identity := record.get("userIdentity"):
        event["userIdentity"] = {"type": identity.get("Type"), "principalId": identity.get("PrincipalId")}
    return StreamRecord(
        sequence_number=change["SequenceNumber"],
        key=msgspec.json.encode(dynamodb.get("Keys"), order="sorted").decode(),
        arrived_s=arrived_s,
        encoded=msgspec.json.encode(event),
        document=event,
    )


def _with_text(value: Any) -> Any:
    """Attribute values with their bytes in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: _with_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_text(inner) for inner in value]
    return value


def _shard(shard: Mapping[str, Any]) -> Shard:
    parent = shard.get("ParentShardId")
    is_closed = "EndingSequenceNumber" in (shard.get("SequenceNumberRange") or {})
    return Shard(shard["ShardId"], (parent,) if parent else (), is_closed)
