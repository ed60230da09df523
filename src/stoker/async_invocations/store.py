"""The durable queue in the database: the only place where a row becomes an event or a delivery."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic

from sqlalchemy import Connection, Row, Table, bindparam, delete, func, insert, or_, select, update

from stoker.arn import split_function_name
from stoker.async_invocations.records import Change, Delivery, Event, Item, Postponement, Queued, Waiting
from stoker.async_invocations.tables import async_deliveries, async_events
from stoker.database.engine import Database
from stoker.functions.records import FunctionTarget

# What one reading takes into memory at most, but always one item.
READ_ITEMS_MAX = 100
READ_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Due(Generic[Item]):
    """What may be done now, in order, and when the next item after it is due (None: there is none)."""

    items: list[Queued[Item]]
    next_due_s: float | None


class StoredQueue(Generic[Item]):
    """One table of items that wait in lanes."""

    def __init__(self, database: Database, table: Table, record: Callable[[Row[Any]], Item]) -> None:
        self._database = database
        self._table = table
        self._record = record

    async def lanes(self) -> list[str]:
        """Every lane in which something waits."""
        return await self._database.read(_lanes, self._table)

    async def due(self, lane: str, now_s: float, skip: Collection[int]) -> Due[Item]:
        """The first items of `lane`, but for those whose ids are in `skip`, within the bounds of one reading."""
        return await self._database.read(self._due, lane, now_s, skip)

    def _due(self, connection: Connection, lane: str, now_s: float, skip: Collection[int]) -> Due[Item]:
        columns = self._table.c
        first = (
            select(columns.id, columns.due_s, columns.size_bytes)
            .where(columns.lane == lane)
            .order_by(columns.due_s, columns.id)
            .limit(len(skip) + READ_ITEMS_MAX + 1)
        )
        others = [row for row in connection.execute(first) if row.id not in skip]
        ids = _within_bounds(others, now_s)
        rows = connection.execute(
            select(self._table).where(columns.id.in_(ids)).order_by(columns.due_s, columns.id)
            if ids
            else first.limit(0)
        )
        return Due(
            [Queued(row.id, self._record(row), row.tries, row.refusals) for row in rows],
            others[len(ids)].due_s if len(ids) < len(others) else None,
        )


def event_queue(database: Database) -> StoredQueue[Event]:
    """The events, in lanes by function."""
    return StoredQueue(database, async_events, _event)


def delivery_queue(database: Database) -> StoredQueue[Delivery]:
    """The deliveries, in lanes by destination."""
    return StoredQueue(database, async_deliveries, _delivery)


async def read_waiting(database: Database, function_arn: str, skip: Collection[int]) -> Waiting:
    """What of the function waits, but for the events whose ids are in `skip`."""
    return await database.read(_waiting, function_arn, skip)


async def write_changes(database: Database, changes: Sequence[Change]) -> Sequence[None]:
    """Write `changes` in one transaction; they are on disk when this returns, which has nothing to say of any."""
    await database.write(_write, changes)
    return [None] * len(changes)


def _within_bounds(rows: Sequence[Any], now_s: float) -> list[int]:
    ids: list[int] = []
    size_bytes = 0
    for row in rows:
        size_bytes += row.size_bytes
        if row.due_s > now_s or len(ids) == READ_ITEMS_MAX or (ids and size_bytes > READ_BYTES_MAX):
            break
        ids.append(row.id)
    return ids


def _lanes(connection: Connection, table: Table) -> list[str]:
    """From one lane to the next by the index: DISTINCT would look at every row."""
    lanes: list[str] = []
    lane = connection.execute(select(func.min(table.c.lane))).scalar()
    while lane is not None:
        lanes.append(lane)
        lane = connection.execute(select(func.min(table.c.lane)).where(table.c.lane > lane)).scalar()
    return lanes


def _waiting(connection: Connection, lane: str, skip: Collection[int]) -> Waiting:
    columns = async_events.c
    again = or_(columns.tries > 0, columns.refusals > 0)
    statement = select(
        func.count(),
        func.min(columns.accepted_s),
        func.count().filter(again),
        func.min(columns.due_s).filter(again),
    ).where(columns.lane == lane, columns.id.not_in(skip))
    events, oldest_accepted_s, again_events, again_due_s = connection.execute(statement).one()
    return Waiting(events, oldest_accepted_s, again_events, again_due_s)


def _write(connection: Connection, changes: Sequence[Change]) -> None:
    _insert(connection, async_events, [_event_row(event) for change in changes for event in change.events])
    _insert(connection, async_deliveries, [_delivery_row(item) for change in changes for item in change.deliveries])
    _postpone(connection, async_events, [moved for change in changes for moved in change.postponed_events])
    _postpone(connection, async_deliveries, [moved for change in changes for moved in change.postponed_deliveries])
    _delete(connection, async_events, list(chain.from_iterable(change.ended_events for change in changes)))
    _delete(connection, async_deliveries, list(chain.from_iterable(change.ended_deliveries for change in changes)))
    for written in chain.from_iterable(change.also for change in changes):
        written(connection)


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _postpone(connection: Connection, table: Table, moved: list[Postponement]) -> None:
    if not moved:
        return
    statement = (
        update(table)
        .where(table.c.id == bindparam("moved_id"))
        .values(due_s=bindparam("new_due_s"), tries=bindparam("new_tries"), refusals=bindparam("new_refusals"))
    )
    connection.execute(
        statement,
        [
            {"moved_id": item.id, "new_due_s": item.due_s, "new_tries": item.tries, "new_refusals": item.refusals}
            for item in moved
        ],
    )


def _delete(connection: Connection, table: Table, ids: list[int]) -> None:
    if ids:
        connection.execute(delete(table).where(table.c.id.in_(ids)))


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "lane": event.lane,
        "due_s": event.due_s,
        "tries": 0,
        "refusals": 0,
        "size_bytes": len(event.payload),
        "qualifier": event.target.qualifier,
        "request_id": event.request_id,
        "trace_id": event.trace_id,
        "accepted_s": event.accepted_s,
        "payload": event.payload,
    }


def _event(row: Row[Any]) -> Event:
    return Event(target_of(row.lane, row.qualifier), row.request_id, row.trace_id, row.payload, row.accepted_s)


def target_of(function_arn: str, qualifier: str | None) -> FunctionTarget:
    """The function of an ARN that was checked before; a qualifier in the ARN is taken when none is given."""
    parts = split_function_name(function_arn)
    assert parts is not None
    assert parts.account_id is not None
    assert parts.region is not None
    return FunctionTarget(parts.account_id, parts.region, parts.name, qualifier or parts.qualifier)


def _delivery_row(delivery: Delivery) -> dict[str, Any]:
    return {
        "lane": delivery.lane,
        "due_s": delivery.due_s,
        "tries": 0,
        "refusals": 0,
        "size_bytes": len(delivery.body),
        "kind": delivery.kind,
        "function_arn": delivery.function_arn,
        "request_id": delivery.request_id,
        "trace_id": delivery.trace_id,
        "is_success": delivery.is_success,
        "error_code": delivery.error_code,
        "error_message": delivery.error_message,
        "ended_s": delivery.ended_s,
        "body": delivery.body,
    }


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        destination=row.lane,
        kind=row.kind,
        function_arn=row.function_arn,
        request_id=row.request_id,
        trace_id=row.trace_id,
        is_success=row.is_success,
        body=row.body,
        ended_s=row.ended_s,
        error_code=row.error_code,
        error_message=row.error_message,
    )
