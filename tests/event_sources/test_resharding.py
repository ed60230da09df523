"""A stream whose shards are split while it is read. Reference: event sources, 3.

moto's own resharding moves records between shards, which AWS does not: the server here is taught better.
"""

import base64
import copy
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from moto.kinesis.models import KinesisBackend, Stream

from tests.conftest import Node, NodeProcess
from tests.event_sources.polling import (
    OWNER,
    client_of,
    deploy_witness,
    map_elsewhere,
    settings_for,
    wait,
    witnessed,
)

KEYS = "abcdef"


@pytest.fixture
def resharding(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server, whose records stay where they are, whose closed shards end, and whose open ones take what is new."""
    shard_for_key, split, get_records = Stream.get_shard_for_key, Stream.split_shard, KinesisBackend.get_records

    def open_shard_for_key(self: Any, *arguments: Any) -> Any:
        opened = copy.copy(self)
        opened.shards = {name: shard for name, shard in self.shards.items() if shard.is_open}
        return shard_for_key(opened, *arguments)

    def split_in_place(self: Any, shard_id: str, *arguments: Any) -> None:
        parent = self.shards[shard_id]
        kept, parent.records = parent.records, OrderedDict()
        split(self, shard_id, *arguments)
        parent.records = kept

    def records_to_the_end(self: Any, stream_arn: str, shard_iterator: str, limit: int) -> Any:
        following, records, behind_ms = get_records(self, stream_arn, shard_iterator, limit)
        name, shard_id, _ = base64.decodebytes(following.encode()).decode().split(":")
        is_open = self.describe_stream(stream_arn=stream_arn, stream_name=name).get_shard(shard_id).is_open
        return following if is_open or records else None, records, behind_ms

    monkeypatch.setattr(Stream, "get_shard_for_key", open_shard_for_key)
    monkeypatch.setattr(Stream, "split_shard", split_in_place)
    monkeypatch.setattr(KinesisBackend, "get_records", records_to_the_end)
    return elsewhere


def test_children_are_read_after_their_parents_and_nothing_twice(
    start_node: Callable[..., tuple[NodeProcess, Node]], resharding: str, tmp_path: Path
) -> None:
    kinesis, witness = client_of("kinesis", resharding), tmp_path / "witness"
    kinesis.create_stream(StreamName="split", ShardCount=1)
    _, node = start_node(**settings_for(resharding))
    deploy_witness(node, witness)
    arn = f"arn:aws:kinesis:us-east-1:{OWNER}:stream/split"
    sent = []

    def put(generation: int) -> None:
        for number in range(10):
            for key in KEYS:
                text = f"{key}-{generation}-{number}"
                kinesis.put_record(StreamName="split", PartitionKey=key, Data=text.encode())
                sent.append(text)

    put(0)
    map_elsewhere(node, arn, StartingPosition="TRIM_HORIZON", BatchSize=5)
    middle = str(2**127)
    kinesis.split_shard(StreamName="split", ShardToSplit="shardId-000000000000", NewStartingHashKey=middle)
    put(1)
    wait(lambda: set(sent) <= set(witnessed(witness)), "all records")
    seen = witnessed(witness)
    assert sorted(seen) == sorted(sent)
    for key in KEYS:
        assert [text for text in seen if text[0] == key] == [text for text in sent if text[0] == key]
    shards = kinesis.list_shards(StreamName="split")["Shards"]
    assert [shard.get("ParentShardId") for shard in shards] == [None, *["shardId-000000000000"] * 2]
