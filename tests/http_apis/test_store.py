"""What is saved is what is loaded, on both databases."""

from collections.abc import AsyncIterator

import pytest

from stoker.database.engine import Database
from stoker.gateways.domain_names.records import ApiMapping, DomainName, DomainNameKey
from stoker.gateways.domain_names.store import DomainNameStore
from stoker.http_apis.records import Api, ApiKey
from stoker.http_apis.store import ApiStore
from tests.database.conftest import postgresql, url

__all__ = ["postgresql", "url"]

KEY = ApiKey("000000000000", "us-east-1", "abc")


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with Database(url) as database:
        yield database


async def test_an_api_is_what_was_saved_of_it_and_its_parts(database: Database) -> None:
    store = ApiStore(database)
    first = Api(KEY, {"Name": "é"}).with_part("route", "r1", {"a": 1}).with_part("stage", "$default", {"b": [2]})
    other = Api(KEY._replace(api_id="other"), {"Name": "other"}).with_part("route", "r1", {"c": 3})
    for api in (first, other):
        await store.save(None, api)
    assert {api.key: api for api in await store.load()} == {first.key: first, other.key: other}
    changed = first.with_members({"Name": "two"}).with_part("route", "r1", {"a": 2}).with_part("route", "r2", {})
    changed = changed.without_part("stage", "$default")
    await store.save(first, changed)
    (loaded,) = [api for api in await store.load() if api.key == KEY]
    assert (loaded.document, loaded.all("route"), loaded.all("stage")) == (
        {"Name": "two"},
        {"r1": {"a": 2}, "r2": {}},
        {},
    )
    await store.save(changed, None)
    assert await store.load() == [other]
    # Nothing of it is left for an API of the same id.
    await store.save(None, Api(KEY, {"Name": "new"}))
    assert [api.parts for api in await store.load() if api.key == KEY] == [{}]


async def test_a_domain_name_is_what_was_saved_of_it(database: Database) -> None:
    store = DomainNameStore(database)
    key = DomainNameKey("000000000000", "us-east-1", "*.example.com")
    name = DomainName(key, {"Tags": {"a": "b"}}, {"m": ApiMapping("abc", "$default", "v1")})
    await store.save(key.name, DomainName(key, {}))
    await store.save(key.name, name)
    assert await store.load() == [name]
    await store.save(key.name, None)
    assert await store.load() == []
