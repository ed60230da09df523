"""The same on both databases."""

from dataclasses import replace

import pytest

from stoker.database.engine import Database
from stoker.errors import ResourceConflictException
from stoker.event_sources.change import check_no_duplicate
from stoker.event_sources.records import EventSource, EventSourceMapping, MappingState, SourceKind
from stoker.event_sources.store import MappingStore
from tests.database.conftest import postgresql, url

__all__ = ["postgresql", "url"]

PLACE = ("000000000000", "eu-west-1")
MAPPING = EventSourceMapping(
    uuid="00000000-0000-0000-0000-000000000001",
    account_id=PLACE[0],
    region=PLACE[1],
    function_arn="arn:aws:lambda:eu-west-1:000000000000:function:f:live",
    source=EventSource(SourceKind.SELF_MANAGED_KAFKA, None, ("b1:9092", "b2:9092"), ("t",)),
    settings={"BatchSize": 100, "StartingPositionTimestamp": 1.5, "FilterCriteria": {"Filters": []}},
    is_enabled=False,
    state=MappingState.CREATING,
    state_transition_reason="User action",
    last_processing_result=None,
    last_modified_s=1_700_000_000.123456,
    tags={"clé": "välue 🔥"},
)


async def test_a_mapping_is_read_as_it_was_written(url: str) -> None:
    async with Database(url) as database:
        await MappingStore(database).add(MAPPING, lambda _: None)
    async with Database(url) as database:
        store = MappingStore(database)
        assert await store.find(MAPPING.uuid) == MAPPING
        assert await store.mappings_of(*PLACE) == await store.unsettled() == [MAPPING]
        settled = replace(MAPPING, state=MappingState.DISABLED, last_processing_result="OK", is_enabled=True)
        assert await store.change(MAPPING.uuid, lambda _: settled) == settled
        assert await store.find(MAPPING.uuid) == settled
        assert await store.unsettled() == []
        await store.change(MAPPING.uuid, lambda _: None)
        assert await store.mappings_of(*PLACE) == []


async def test_a_refused_mapping_is_not_written(url: str) -> None:
    other = replace(MAPPING, uuid="00000000-0000-0000-0000-000000000002")
    async with Database(url) as database:
        store = MappingStore(database)
        await store.add(MAPPING, lambda _: None)
        with pytest.raises(ResourceConflictException):
            await store.add(other, lambda others: check_no_duplicate(other, others))
        assert await store.mappings_of(*PLACE) == [MAPPING]
