"""Items of REST APIs and the use of usage plans in the database: the only place where a row becomes an item."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from stoker.database.engine import Database
from stoker.rest_apis.tables import rest_api_items, rest_api_usage

_I = rest_api_items.c
_U = rest_api_usage.c
_KEY = (_I.account_id, _I.region, _I.kind, _I.parent_id, _I.id)
_USE_KEY = (_U.account_id, _U.region, _U.plan_id, _U.key_id, _U.day)


class ItemKey(NamedTuple):
    """`parent_id` is "" for what belongs to nothing but an account."""

    account_id: str
    region: str
    kind: str
    parent_id: str
    id: str


class UseKey(NamedTuple):
    """What one API key used of one plan on one day of UTC (`2026-01-31`)."""

    account_id: str
    region: str
    plan_id: str
    key_id: str
    day: str


class ItemStore:
    """Every change is one transaction, and on disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def items(self) -> dict[ItemKey, str]:
        """All of them, documents as JSON."""
        return await self._database.read(
            lambda connection: {
                ItemKey(row.account_id, row.region, row.kind, row.parent_id, row.id): row.document
                for row in connection.execute(select(rest_api_items).order_by(*_KEY))
            }
        )

    async def change(self, put: Mapping[ItemKey, str], removed: Collection[ItemKey]) -> None:
        await self._database.write(_change, put, removed)

    async def uses(self) -> dict[UseKey, int]:
        return await self._database.read(
            lambda connection: {
                UseKey(row.account_id, row.region, row.plan_id, row.key_id, row.day): row.used
                for row in connection.execute(select(rest_api_usage))
            }
        )

    async def keep_uses(self, uses: Mapping[UseKey, int]) -> None:
        await self._database.write(_keep_uses, uses)


def _change(connection: Connection, put: Mapping[ItemKey, str], removed: Collection[ItemKey]) -> None:
    for key in removed:
        connection.execute(delete(rest_api_items).where(_is(_KEY, key)))
    for key, document in put.items():
        if connection.execute(update(rest_api_items).where(_is(_KEY, key)).values(document=document)).rowcount == 0:
            connection.execute(insert(rest_api_items).values(**key._asdict(), document=document))


def _keep_uses(connection: Connection, uses: Mapping[UseKey, int]) -> None:
    for key, used in uses.items():
        changed = update(rest_api_usage).where(_is(_USE_KEY, key)).values(used=used)
        if connection.execute(changed).rowcount == 0:
            connection.execute(insert(rest_api_usage).values(**key._asdict(), used=used))


def _is(columns: tuple[Any, ...], key: tuple[str, ...]) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(columns, key, strict=True)))
