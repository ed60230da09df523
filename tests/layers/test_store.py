"""The same on both databases."""

from dataclasses import replace

import pytest

from stoker.code.records import CodePackage
from stoker.database.engine import Database
from stoker.errors import ResourceNotFoundException
from stoker.layers.records import LayerPolicy, LayerStatement, LayerVersion
from stoker.layers.store import LayerStore
from tests.database.conftest import postgresql, url

__all__ = ["postgresql", "url"]

KEY = ("000000000000", "eu-west-1", "l")


def version(number: int, **changes: object) -> LayerVersion:
    code = CodePackage(f"{number:064x}", 4_000_000_000)
    plain = LayerVersion(*KEY, number, code, "", None, None, None, "2026-01-01T00:00:00.000+0000")
    return replace(plain, **changes) if changes else plain


FULL = {
    "description": "d" * 256,
    "license_info": "MIT",
    "compatible_runtimes": ("python3.12", "nodejs22.x"),
    "compatible_architectures": (),
    "policy": LayerPolicy("r", (LayerStatement("s", "*", "o-0123456789"), LayerStatement("t", "1" * 12, None))),
}


async def test_versions_are_read_as_they_were_written(url: str) -> None:
    async with Database(url) as database:
        store = LayerStore(database)
        plain = await store.publish(KEY, version)
        full = await store.publish(KEY, lambda number: version(number, **FULL))
    async with Database(url) as database:
        store = LayerStore(database)
        assert await store.find(KEY, 1) == plain == version(1)
        assert await store.versions(KEY) == [full, plain]
        assert await store.code_bytes(*KEY[:2]) == 8_000_000_000
        assert await store.packages() == {plain.code.sha256, full.code.sha256}


async def test_numbers_outlive_their_versions(url: str) -> None:
    async with Database(url) as database:
        store = LayerStore(database)
        await store.publish(KEY, version)
        assert await store.change(KEY, 1, lambda _: None) is None
        assert await store.versions(KEY) == []
        assert (await store.publish(KEY, version)).version == 2


async def test_a_refused_change_changes_nothing(url: str) -> None:
    def refuse(_: object) -> None:
        raise ResourceNotFoundException("no")

    async with Database(url) as database:
        store = LayerStore(database)
        published = await store.publish(KEY, version)
        with pytest.raises(ResourceNotFoundException):
            await store.change(KEY, 1, refuse)
        assert await store.find(KEY, 1) == published
        with_policy = replace(published, policy=FULL["policy"])
        assert await store.change(KEY, 1, lambda _: with_policy) == with_policy
        assert await store.find(KEY, 1) == with_policy
        assert await store.change(KEY, 1, lambda _: published) == published
        assert await store.find(KEY, 1) == published


async def test_accounts_are_listed_apart_by_name_and_newest_first(url: str) -> None:
    async with Database(url) as database:
        store = LayerStore(database)
        for name in ("b", "a", "b"):
            await store.publish((*KEY[:2], name), lambda number, name=name: version(number, name=name))
        await store.publish(("1" * 12, *KEY[1:]), lambda number: version(number, account_id="1" * 12))
        listed = await store.versions_of_account(*KEY[:2])
        assert [(one.name, one.version) for one in listed] == [("a", 1), ("b", 2), ("b", 1)]
