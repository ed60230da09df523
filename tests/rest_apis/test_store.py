"""Items and uses on both databases, and a change that happens whole or not at all."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date

import pytest
from msgspec.structs import replace

from stoker.database.engine import Database
from stoker.rest_apis.catalogue import KEYS, STAGES, Catalogue
from stoker.rest_apis.records import ApiKey, Place, Quota, Stage, UsagePlan
from stoker.rest_apis.store import ItemStore
from stoker.rest_apis.usage import Usage
from stoker.supervision import Background
from tests.database.conftest import postgresql, url

__all__ = ["postgresql", "url"]

PLACE = Place("000000000000", "eu-west-1")
KEY = ApiKey(id="k1", value="v" * 20, created_date=1.5, last_updated_date=1.5, name="é")
STAGE = Stage(stage_name="prod", deployment_id="d", created_date=1.0, last_updated_date=1.0, variables={"a": "1"})


@pytest.fixture
async def store(url: str) -> AsyncIterator[ItemStore]:
    async with Database(url) as database:
        yield ItemStore(database)


async def loaded(store: ItemStore) -> Catalogue:
    catalogue = Catalogue(store)
    await catalogue.load()
    return catalogue


async def test_what_is_put_is_there_after_a_restart(store: ItemStore) -> None:
    catalogue = await loaded(store)
    async with catalogue.changing() as change:
        change.put(KEYS, PLACE, "k1", KEY)
        change.put(STAGES, PLACE, "prod", STAGE, "api")
        assert catalogue.items.find(KEYS, PLACE, "k1") is None
    async with catalogue.changing() as change:
        change.put(KEYS, PLACE, "k1", replace(KEY, name="other"))
    again = await loaded(store)
    assert again.items.all(KEYS, PLACE) == {"k1": replace(KEY, name="other")}
    assert again.items.find(STAGES, PLACE, "prod", "api") == STAGE
    assert again.items.find(STAGES, PLACE, "prod", "other") is None
    assert list(again.items.everywhere(KEYS)) == [(PLACE, "k1", replace(KEY, name="other"))]
    async with again.changing() as change:
        change.remove(KEYS, PLACE, "k1")
    assert (await loaded(store)).items.all(KEYS, PLACE) == {}


async def test_a_change_that_fails_changes_nothing(store: ItemStore) -> None:
    catalogue = await loaded(store)

    async def fail() -> None:
        async with catalogue.changing() as change:
            change.put(KEYS, PLACE, "k1", KEY)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert catalogue.items.find(KEYS, PLACE, "k1") is None
    assert await store.items() == {}


async def test_changes_happen_one_after_the_other(store: ItemStore) -> None:
    catalogue = await loaded(store)
    async with catalogue.changing() as change:
        change.put(KEYS, PLACE, "k1", replace(KEY, name=""))

    async def append(letter: str) -> None:
        async with catalogue.changing() as change:
            key = change.items.find(KEYS, PLACE, "k1")
            assert key is not None
            await asyncio.sleep(0)
            change.put(KEYS, PLACE, "k1", replace(key, name=f"{key.name}{letter}"))

    await asyncio.gather(*(append(letter) for letter in "abcde"))
    key = catalogue.items.find(KEYS, PLACE, "k1")
    assert key is not None
    assert sorted(key.name or "") == list("abcde")


class _Clock:
    def now_s(self) -> float:
        return 1_772_625_600.0  # 2026-03-04, a Wednesday


async def test_what_was_used_is_counted_kept_and_bounded(store: ItemStore) -> None:
    plan = UsagePlan(id="p", name="p", quota=Quota(limit=2, period="WEEK"))
    async with Background() as background:
        usage = Usage(store, _Clock(), background)
        await usage.load()
        assert [usage.take(PLACE, plan, "k1") for _ in range(3)] == [True, True, False]
        assert usage.take(PLACE, plan, "k2")
        await usage.write()
        again = Usage(store, _Clock(), background)
        await again.load()
        assert not again.take(PLACE, plan, "k1")
        assert again.keys_of(PLACE, "p") == ["k1", "k2"]
        days = again.of(PLACE, plan, "k1", date(2026, 3, 3), date(2026, 3, 5))
    assert days == [[0, 2], [2, 0], [0, 0]]
