"""A record of a topic, as it is kept on its way to a function and as the function gets it.

Source: reference, event sources, 4, and AWS Lambda Developer Guide, "Using Lambda with self-managed Apache Kafka".
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from stoker.event_sources.matching import Text
from stoker.event_sources.records import EventSource, SourceKind

Headers = Sequence[tuple[str, bytes | None]]

_EVENT_SOURCES: Mapping[SourceKind, str] = {
    SourceKind.MSK: "aws:kafka",
    SourceKind.SELF_MANAGED_KAFKA: "SelfManagedKafka",
}


class Partition(NamedTuple):
    """One partition of one topic. Records of one are in order, those of several are not."""

    topic: str
    number: int

    def __str__(self) -> str:
        """As events call it: `orders-0`."""
        return f"{self.topic}-{self.number}"


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """`encoded` is its JSON in the function's event, `document` what filters look at."""

    partition: Partition
    offset: int
    timestamp_ms: int
    encoded: bytes
    document: Mapping[str, Any]


def record_of(
    partition: Partition,
    offset: int,
    timestamp: tuple[str, int],
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
) -> KafkaRecord:
    """A record as a broker has it; `timestamp` is its type by Kafka's name, and milliseconds since the epoch."""
    timestamp_type, timestamp_ms = timestamp
    members: dict[str, Any] = {
        "topic": partition.topic,
        "partition": partition.number,
        "offset": offset,
        "timestamp": timestamp_ms,
        "timestampType": timestamp_type,
    }
    document = dict(members)
    for name, data in (("key", key), ("value", value)):
        if data is not None:
            members[name] = base64.b64encode(data).decode()
            document[name] = Text(data.decode(errors="replace"))
    members["headers"] = document["headers"] = [{name: list(data or b"")} for name, data in headers]
    return KafkaRecord(partition, offset, timestamp_ms, msgspec.json.encode(members), document)


def event_head(source: EventSource, bootstrap_servers: Sequence[str]) -> bytes:
    """What each event of a mapping begins with, up to its records."""
    members: dict[str, Any] = {"eventSource": _EVENT_SOURCES[source.kind]}
    if source.arn is not None:
        members["eventSourceArn"] = source.arn
    members["bootstrapServers"] = ",".join(bootstrap_servers)
    return msgspec.json.encode(members)[:-1] + b',"records":{'


def event_of(head: bytes, records: Sequence[KafkaRecord]) -> bytes:
    """The function's event: records by their partitions, each partition's in order."""
    by_partition: dict[Partition, list[bytes]] = {}
    for record in records:
        by_partition.setdefault(record.partition, []).append(record.encoded)
    groups = [b'"%s":[%s]' % (str(name).encode(), b",".join(encoded)) for name, encoded in by_partition.items()]
    return head + b",".join(groups) + b"}}"
