"""APIs and their parts in the database: the only place where a row becomes a record."""

import json
from typing import Any, cast

from sqlalchemy import Connection, and_, delete, insert, select

from stoker.database.engine import Database
from stoker.http_apis.records import KINDS, Api, ApiKey, Document, Kind
from stoker.http_apis.tables import http_api_parts, http_apis

_A = http_apis.c
_P = http_api_parts.c


class ApiStore:
    """Every change is one transaction, and on disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[Api]:
        """Every API."""
        return await self._database.read(_load)

    async def save(self, before: Api | None, after: Api | None) -> None:
        """What has become of an API (None: there was, or shall be, none): only what differs is written."""
        await self._database.write(_save, before, after)


def _load(connection: Connection) -> list[Api]:
    parts: dict[str, dict[Kind, dict[str, Document]]] = {}
    for row in connection.execute(select(http_api_parts)):
        of_api = parts.setdefault(row.api_id, {})
        of_api.setdefault(cast(Kind, row.kind), {})[row.part_id] = json.loads(row.document)
    return [
        Api(ApiKey(row.account_id, row.region, row.api_id), json.loads(row.document), parts.get(row.api_id, {}))
        for row in connection.execute(select(http_apis))
    ]


def _save(connection: Connection, before: Api | None, after: Api | None) -> None:
    key = (after or before or _nobody()).key
    if before is None or after is None or before.document != after.document:
        connection.execute(delete(http_apis).where(_A.api_id == key.api_id))
        if after is not None:
            connection.execute(insert(http_apis).values(**key._asdict(), document=_text(after.document)))
    for kind in KINDS:
        _save_parts(connection, key.api_id, kind, _of(before, kind), _of(after, kind))


def _save_parts(
    connection: Connection, api_id: str, kind: Kind, before: dict[str, Document], after: dict[str, Document]
) -> None:
    changed = [part_id for part_id, document in after.items() if before.get(part_id) != document]
    for part_id in {*changed, *before} - {known for known in before if after.get(known) == before[known]}:
        connection.execute(
            delete(http_api_parts).where(and_(_P.api_id == api_id, _P.kind == kind, _P.part_id == part_id))
        )
    rows: list[dict[str, Any]] = [
        {"api_id": api_id, "kind": kind, "part_id": part_id, "document": _text(after[part_id])} for part_id in changed
    ]
    if rows:
        connection.execute(insert(http_api_parts), rows)


def _of(api: Api | None, kind: Kind) -> dict[str, Document]:
    return {} if api is None else dict(api.all(kind))


def _nobody() -> Api:
    raise ValueError("neither before nor after is an API")


def _text(document: Document) -> str:
    return json.dumps(dict(document))
