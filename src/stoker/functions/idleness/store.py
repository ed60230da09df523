"""When versions were last in use, in the database: to the hour, and only of those that can become inactive."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select

from stoker.database.engine import Database
from stoker.functions.idleness.tables import version_uses

VersionKey = tuple[str, str, str, str]
"""Account, region, name and version."""

_KEY = ("account_id", "region", "name", "version")


class UseStore:
    """One row for each version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(
        self, used: Collection[VersionKey], known: Collection[VersionKey], now_s: float
    ) -> dict[VersionKey, float]:
        """When each of `known` was used last; those of `used`, and those never heard of before, are used now.

        Every other version is forgotten.
        """
        return await self._database.write(_note, set(used), set(known), now_s)


def _note(
    connection: Connection, used: set[VersionKey], known: set[VersionKey], now_s: float
) -> dict[VersionKey, float]:
    rows = connection.execute(select(version_uses)).all()
    before = {(row.account_id, row.region, row.name, row.version): row.used_at_s for row in rows}
    after = {key: now_s if key in used else before.get(key, now_s) for key in known}
    for key in before:
        if before[key] != after.get(key):
            connection.execute(delete(version_uses).where(_is_of(key)))
    new = [{**dict(zip(_KEY, key, strict=True)), "used_at_s": at} for key, at in after.items() if before.get(key) != at]
    if new:
        connection.execute(insert(version_uses), new)
    return after


def _is_of(key: VersionKey) -> ColumnElement[bool]:
    return and_(*(version_uses.c[name] == value for name, value in zip(_KEY, key, strict=True)))
