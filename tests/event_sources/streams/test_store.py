"""Checkpoints: the same on both databases."""

from dataclasses import replace

from stoker.database.engine import Database
from stoker.event_sources.store import MappingStore
from stoker.event_sources.streams.records import Checkpoint, Start
from stoker.event_sources.streams.store import CheckpointStore
from tests.database.conftest import postgresql, url
from tests.event_sources.test_store import MAPPING

__all__ = ["postgresql", "url"]

FIRST = Checkpoint("shard-1", "1700000000.000", Start.LATEST, 1_700_000_000.123456)
SECOND = Checkpoint("shard-2", "1700000000.000", Start.TRIM_HORIZON, 1.0, "4954" * 14, True)


async def test_checkpoints_are_read_as_they_were_written_and_replace_those_of_their_shard(url: str) -> None:
    async with Database(url) as database:
        store = CheckpointStore(database)
        await MappingStore(database).add(MAPPING, lambda _: None)
        await store.write(MAPPING.uuid, [FIRST, SECOND])
        assert await store.checkpoints(MAPPING.uuid) == [FIRST, SECOND]
        moved = replace(FIRST, sequence_number="7")
        await store.write(MAPPING.uuid, [moved])
    async with Database(url) as database:
        store = CheckpointStore(database)
        assert await store.checkpoints(MAPPING.uuid) == [moved, SECOND]
        await store.begin(MAPPING.uuid, [FIRST])
        assert await store.checkpoints(MAPPING.uuid) == [FIRST]


async def test_checkpoints_go_with_their_mapping_and_do_not_come_back(url: str) -> None:
    async with Database(url) as database:
        store, mappings = CheckpointStore(database), MappingStore(database)
        await mappings.add(MAPPING, lambda _: None)
        await store.write(MAPPING.uuid, [FIRST])
        await mappings.change(MAPPING.uuid, lambda _: None)
        assert await store.checkpoints(MAPPING.uuid) == []
        await store.write(MAPPING.uuid, [FIRST])
        assert await store.checkpoints(MAPPING.uuid) == []
