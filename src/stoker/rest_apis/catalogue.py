"""All that is configured of REST APIs, in memory, so that no request waits for the database; each change is on disk
before it is here.

One change happens at a time, and all of it or none: `changing` collects what is put and removed, and commits at its
end.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from stoker.rest_apis.records import (
    Account,
    ApiKey,
    Definition,
    Deployment,
    Place,
    PlanKey,
    Record,
    Stage,
    UsagePlan,
)
from stoker.rest_apis.store import ItemKey, ItemStore

T = TypeVar("T", bound=Record)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of item: what it is called in the database, and what it is here."""

    name: str
    record: type[T]


ACCOUNTS = Kind("account", Account)
APIS = Kind("api", Definition)
DEPLOYMENTS = Kind("deployment", Deployment)
STAGES = Kind("stage", Stage)
KEYS = Kind("key", ApiKey)
PLANS = Kind("plan", UsagePlan)
PLAN_KEYS = Kind("plan_key", PlanKey)
_KINDS: dict[str, Kind[Record]] = {
    kind.name: kind  # type: ignore[misc]  # a mapping's values cannot each have a type of their own
    for kind in (ACCOUNTS, APIS, DEPLOYMENTS, STAGES, KEYS, PLANS, PLAN_KEYS)
}


class Items:
    """Items by kind, place, parent and id, in the order in which they came."""

    def __init__(self) -> None:
        self._shelves: dict[tuple[str, Place, str], dict[str, Record]] = {}

    def find(self, kind: Kind[T], place: Place, item_id: str, parent_id: str = "") -> T | None:
        found = self._shelves.get((kind.name, place, parent_id), {}).get(item_id)
        assert found is None or isinstance(found, kind.record)
        return found

    def all(self, kind: Kind[T], place: Place, parent_id: str = "") -> dict[str, T]:
        """By id. The caller may change what it gets: it is a copy."""
        return dict(self._shelves.get((kind.name, place, parent_id), {}))  # type: ignore[arg-type]  # by its kind

    def everywhere(self, kind: Kind[T]) -> Iterator[tuple[Place, str, T]]:
        """Place, id and item, whosever they are."""
        for (name, place, _), shelf in self._shelves.items():
            if name == kind.name:
                yield from ((place, item_id, item) for item_id, item in shelf.items())  # type: ignore[misc]

    def put(self, key: ItemKey, record: Record) -> None:
        place = Place(key.account_id, key.region)
        self._shelves.setdefault((key.kind, place, key.parent_id), {})[key.id] = record

    def remove(self, key: ItemKey) -> None:
        shelf_key = (key.kind, Place(key.account_id, key.region), key.parent_id)
        shelf = self._shelves[shelf_key]
        del shelf[key.id]
        if not shelf:
            del self._shelves[shelf_key]


class Change:
    """What becomes of items. Nothing of it is seen before it is committed."""

    def __init__(self, items: Items) -> None:
        self.items = items
        self.put_items: dict[ItemKey, Record] = {}
        self.removed: list[ItemKey] = []

    def put(self, kind: Kind[T], place: Place, item_id: str, record: T, parent_id: str = "") -> None:
        self.put_items[ItemKey(*place, kind.name, parent_id, item_id)] = record

    def remove(self, kind: Kind[T], place: Place, item_id: str, parent_id: str = "") -> None:
        """Of what exists."""
        self.removed.append(ItemKey(*place, kind.name, parent_id, item_id))


class Catalogue:
    """The items, and the only way to change them."""

    def __init__(self, store: ItemStore) -> None:
        self._store = store
        self._turn = asyncio.Lock()
        self.items = Items()
        # Counts changes, for those who keep something that they made of items.
        self.version = 0

    async def load(self) -> None:
        for key, document in (await self._store.items()).items():
            self.items.put(key, msgspec.json.decode(document, type=_KINDS[key.kind].record))

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[Change]:
        """Commits at the end of the block, unless it raises."""
        async with self._turn:
            change = Change(self.items)
            yield change
            if not change.put_items and not change.removed:
                return
            documents = {key: msgspec.json.encode(record).decode() for key, record in change.put_items.items()}
            await self._store.change(documents, change.removed)
            for key in change.removed:
                self.items.remove(key)
            for key, record in change.put_items.items():
                self.items.put(key, record)
            self.version += 1
