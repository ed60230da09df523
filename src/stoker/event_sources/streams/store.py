"""Checkpoints in the database: the only place where a row becomes one.

Written relaxed: a power cut may take the last moments back, and then their records come again.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from stoker.database.engine import Database
from stoker.event_sources.streams.records import Checkpoint, Start
from stoker.event_sources.tables import event_source_checkpoints, event_source_mappings


class CheckpointStore:
    """The checkpoints of all mappings; they go with their mapping."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def checkpoints(self, mapping_uuid: str) -> list[Checkpoint]:
        """All of one mapping."""
        return await self._database.read(_select, mapping_uuid)

    async def write(self, mapping_uuid: str, checkpoints: Sequence[Checkpoint]) -> None:
        """Put these in the place of those of the same shards."""
        if checkpoints:
            await self._database.write_relaxed(_write, mapping_uuid, checkpoints)

    async def begin(self, mapping_uuid: str, checkpoints: Sequence[Checkpoint]) -> None:
        """Put these in the place of all that there were."""
        await self._database.write_relaxed(_begin, mapping_uuid, checkpoints)


def _select(connection: Connection, mapping_uuid: str) -> list[Checkpoint]:
    table = event_source_checkpoints
    statement = select(table).where(table.c.mapping_uuid == mapping_uuid).order_by(table.c.shard_id)
    return [_checkpoint(row) for row in connection.execute(statement)]


def _begin(connection: Connection, mapping_uuid: str, checkpoints: Sequence[Checkpoint]) -> None:
    table = event_source_checkpoints
    connection.execute(delete(table).where(table.c.mapping_uuid == mapping_uuid))
    _insert(connection, mapping_uuid, checkpoints)


def _write(connection: Connection, mapping_uuid: str, checkpoints: Sequence[Checkpoint]) -> None:
    columns = event_source_checkpoints.c
    shard_ids = [checkpoint.shard_id for checkpoint in checkpoints]
    connection.execute(
        delete(event_source_checkpoints).where(columns.mapping_uuid == mapping_uuid, columns.shard_id.in_(shard_ids))
    )
    _insert(connection, mapping_uuid, checkpoints)


def _insert(connection: Connection, mapping_uuid: str, checkpoints: Sequence[Checkpoint]) -> None:
    mappings = event_source_mappings
    # Of a mapping that was deleted meanwhile nothing shall stay.
    if checkpoints and connection.execute(select(mappings.c.uuid).where(mappings.c.uuid == mapping_uuid)).first():
        connection.execute(insert(event_source_checkpoints), [_row(mapping_uuid, one) for one in checkpoints])


def _row(mapping_uuid: str, checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "mapping_uuid": mapping_uuid,
        "shard_id": checkpoint.shard_id,
        "stream": checkpoint.stream,
        "start": checkpoint.start.value,
        "since_s": checkpoint.since_s,
        "sequence_number": checkpoint.sequence_number,
        "is_finished": checkpoint.is_finished,
    }


def _checkpoint(row: Row[Any]) -> Checkpoint:
    return Checkpoint(row.shard_id, row.stream, Start(row.start), row.since_s, row.sequence_number, row.is_finished)
