"""Event source mappings in the database: the only place where a row becomes a record."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select, update
from sqlalchemy.sql import ColumnElement

from stoker.database.engine import Database
from stoker.event_sources.records import AT_REST, EventSource, EventSourceMapping, MappingState, SourceKind
from stoker.event_sources.tables import event_source_checkpoints, event_source_mappings

Verb = Callable[[EventSourceMapping | None], EventSourceMapping | None]
"""Works out a change of one mapping; it may raise any LambdaError, and then nothing changes."""

Check = Callable[[Sequence[EventSourceMapping]], None]
"""Looks at the other mappings of the account and region, and may raise any LambdaError."""


class MappingStore:
    """Every change is one transaction, and on disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, mapping: EventSourceMapping, check: Check) -> None:
        """Write a new mapping down, unless `check` refuses it beside those that are there."""
        await self._database.write(_add, mapping, check)

    async def find(self, uuid: str) -> EventSourceMapping | None:
        return await self._database.read(_find, uuid)

    async def change(self, uuid: str, verb: Verb) -> EventSourceMapping | None:
        """Apply `verb` to one mapping (None: there is none) and write down its answer (None: delete it)."""
        return await self._database.write(_change, uuid, verb)

    async def mappings_of(self, account_id: str, region: str) -> list[EventSourceMapping]:
        """Those of one account in one region, in the order of their UUIDs."""
        return await self._database.read(_select, _is_in(account_id, region))

    async def in_state(self, state: MappingState) -> list[EventSourceMapping]:
        """Those of all accounts and regions that have got there."""
        return await self._database.read(_select, event_source_mappings.c.state == state.value)

    async def unsettled(self) -> list[EventSourceMapping]:
        """Those that a stop of the node has left on their way to another state."""
        at_rest = [state.value for state in AT_REST]
        return await self._database.read(_select, event_source_mappings.c.state.not_in(at_rest))


def _add(connection: Connection, mapping: EventSourceMapping, check: Check) -> None:
    check(_select(connection, _is_in(mapping.account_id, mapping.region)))
    connection.execute(insert(event_source_mappings).values(_row(mapping)))


def _find(connection: Connection, uuid: str) -> EventSourceMapping | None:
    row = connection.execute(select(event_source_mappings).where(_is(uuid))).first()
    return None if row is None else _record(row)


def _change(connection: Connection, uuid: str, verb: Verb) -> EventSourceMapping | None:
    before = _find(connection, uuid)
    after = verb(before)
    if after is None:
        connection.execute(delete(event_source_mappings).where(_is(uuid)))
        connection.execute(delete(event_source_checkpoints).where(event_source_checkpoints.c.mapping_uuid == uuid))
    elif after != before:
        connection.execute(update(event_source_mappings).where(_is(uuid)).values(_row(after)))
    return after


def _select(connection: Connection, condition: ColumnElement[bool]) -> list[EventSourceMapping]:
    statement = select(event_source_mappings).where(condition).order_by(event_source_mappings.c.uuid)
    return [_record(row) for row in connection.execute(statement)]


def _is(uuid: str) -> ColumnElement[bool]:
    return event_source_mappings.c.uuid == uuid


def _is_in(account_id: str, region: str) -> ColumnElement[bool]:
    columns = event_source_mappings.c
    return and_(columns.account_id == account_id, columns.region == region)


def _row(mapping: EventSourceMapping) -> dict[str, Any]:
    return {
        "uuid": mapping.uuid,
        "account_id": mapping.account_id,
        "region": mapping.region,
        "function_arn": mapping.function_arn,
        "source": asdict(mapping.source),
        "settings": dict(mapping.settings),
        "is_enabled": mapping.is_enabled,
        "state": mapping.state.value,
        "state_transition_reason": mapping.state_transition_reason,
        "last_processing_result": mapping.last_processing_result,
        "last_modified_s": mapping.last_modified_s,
        "tags": dict(mapping.tags),
    }


def _record(row: Row[Any]) -> EventSourceMapping:
    return EventSourceMapping(
        uuid=row.uuid,
        account_id=row.account_id,
        region=row.region,
        function_arn=row.function_arn,
        source=_source(row.source),
        settings=row.settings,
        is_enabled=row.is_enabled,
        state=MappingState(row.state),
        state_transition_reason=row.state_transition_reason,
        last_processing_result=row.last_processing_result,
        last_modified_s=row.last_modified_s,
        tags=row.tags,
    )


def _source(members: dict[str, Any]) -> EventSource:
    return EventSource(
        SourceKind(members["kind"]),
        members["arn"],
        tuple(members["bootstrap_servers"]),
        tuple(members["topics"]),
        tuple(members["queues"]),
    )
