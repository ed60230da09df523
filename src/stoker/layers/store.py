"""Layers in the database: the only place where a row becomes a record."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, delete, func, insert, select, update
from sqlalchemy.sql import ColumnElement

from stoker.code.records import CodePackage
from stoker.database.engine import Database
from stoker.layers.records import LayerKey, LayerPolicy, LayerStatement, LayerVersion
from stoker.layers.tables import layer_versions, layers

Verb = Callable[[LayerVersion | None], LayerVersion | None]
"""Works out a change of one version; it may raise any LambdaError, and then nothing changes."""


class LayerStore:
    """Every change is one transaction, and on disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(self, key: LayerKey, make: Callable[[int], LayerVersion]) -> LayerVersion:
        """Write down what `make` makes of the layer's next number."""
        return await self._database.write(_publish, key, make)

    async def find(self, key: LayerKey, version: int) -> LayerVersion | None:
        return await self._database.read(_find, key, version)

    async def change(self, key: LayerKey, version: int, verb: Verb) -> LayerVersion | None:
        """Apply `verb` to one version (None: there is none) and write down its answer (None: delete it)."""
        return await self._database.write(_change, key, version, verb)

    async def versions(self, key: LayerKey) -> list[LayerVersion]:
        """Of one layer, newest first."""
        return await self._database.read(_select, _is_of(layer_versions, key))

    async def versions_of_account(self, account_id: str, region: str) -> list[LayerVersion]:
        """Of all layers, by name, newest first."""
        return await self._database.read(_select, _is_in(account_id, region))

    async def code_bytes(self, account_id: str, region: str) -> int:
        """Bytes of all layer versions, zipped."""
        return await self._database.read(_code_bytes, account_id, region)

    async def packages(self) -> set[str]:
        """The digests of every layer version of the node."""
        return await self._database.read(_packages)


def _publish(connection: Connection, key: LayerKey, make: Callable[[int], LayerVersion]) -> LayerVersion:
    account_id, region, name = key
    number = connection.execute(select(layers.c.next_version).where(_is_of(layers, key))).scalar()
    if number is None:
        number = 1
        row = {"account_id": account_id, "region": region, "name": name, "next_version": 2}
        connection.execute(insert(layers).values(row))
    else:
        connection.execute(update(layers).where(_is_of(layers, key)).values(next_version=number + 1))
    version = make(number)
    connection.execute(insert(layer_versions).values(_row(version)))
    return version


def _find(connection: Connection, key: LayerKey, version: int) -> LayerVersion | None:
    row = connection.execute(select(layer_versions).where(_is_version(key, version))).first()
    return None if row is None else _record(row)


def _change(connection: Connection, key: LayerKey, version: int, verb: Verb) -> LayerVersion | None:
    before = _find(connection, key, version)
    after = verb(before)
    if after is None:
        connection.execute(delete(layer_versions).where(_is_version(key, version)))
    elif after != before:
        connection.execute(update(layer_versions).where(_is_version(key, version)).values(_row(after)))
    return after


def _select(connection: Connection, condition: ColumnElement[bool]) -> list[LayerVersion]:
    columns = layer_versions.c
    rows = connection.execute(select(layer_versions).where(condition).order_by(columns.name, columns.version.desc()))
    return [_record(row) for row in rows]


def _code_bytes(connection: Connection, account_id: str, region: str) -> int:
    total = select(func.sum(layer_versions.c.code_size_bytes)).where(_is_in(account_id, region))
    return int(connection.execute(total).scalar() or 0)


def _packages(connection: Connection) -> set[str]:
    return set(connection.execute(select(layer_versions.c.code_sha256).distinct()).scalars())


def _is_in(account_id: str, region: str) -> ColumnElement[bool]:
    return and_(layer_versions.c.account_id == account_id, layer_versions.c.region == region)


def _is_of(table: Table, key: LayerKey) -> ColumnElement[bool]:
    account_id, region, name = key
    return and_(table.c.account_id == account_id, table.c.region == region, table.c.name == name)


def _is_version(key: LayerKey, version: int) -> ColumnElement[bool]:
    return and_(_is_of(layer_versions, key), layer_versions.c.version == version)


def _row(version: LayerVersion) -> dict[str, Any]:
    policy = version.policy
    return {
        "account_id": version.account_id,
        "region": version.region,
        "name": version.name,
        "version": version.version,
        "code_sha256": version.code.sha256,
        "code_size_bytes": version.code.size_bytes,
        "description": version.description,
        "license_info": version.license_info,
        "compatible_runtimes": _list(version.compatible_runtimes),
        "compatible_architectures": _list(version.compatible_architectures),
        "created_date": version.created_date,
        "policy_revision_id": policy.revision_id if policy else None,
        "policy_statements": [
            {"sid": statement.sid, "principal": statement.principal, "organization_id": statement.organization_id}
            for statement in policy.statements
        ]
        if policy
        else None,
    }


def _record(row: Row[Any]) -> LayerVersion:
    return LayerVersion(
        account_id=row.account_id,
        region=row.region,
        name=row.name,
        version=row.version,
        code=CodePackage(row.code_sha256, row.code_size_bytes),
        description=row.description,
        license_info=row.license_info,
        compatible_runtimes=_tuple(row.compatible_runtimes),
        compatible_architectures=_tuple(row.compatible_architectures),
        created_date=row.created_date,
        policy=_policy(row),
    )


def _policy(row: Row[Any]) -> LayerPolicy | None:
    if row.policy_revision_id is None:
        return None
    return LayerPolicy(
        row.policy_revision_id, tuple(LayerStatement(**statement) for statement in row.policy_statements)
    )


def _list(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
