"""Schedules and what they send, in the database: the only place where a row becomes a record."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update

from stoker.database.engine import Database, Written
from stoker.schedules.records import Delivery, Due, Entry, EntryKey, Fired, Group, GroupKey, Kind, Queued
from stoker.schedules.tables import schedule_deliveries, schedule_groups, schedules

# What one transaction does of each kind at most, so that others have their turn.
FIRED_AT_ONCE_MAX = 200

_S = schedules.c
_G = schedule_groups.c
_D = schedule_deliveries.c
_KEY = (_S.kind, _S.account_id, _S.region, _S.group_name, _S.name)

Change = Callable[[Entry | None], Entry | None]
"""Works out what becomes of an entry (None: there is, or shall be, none); it may raise, and then nothing changes."""

GroupChange = Callable[[Group | None], Group | None]
"""The same for a group."""

Fire = Callable[[Entry], Fired]


@dataclass(frozen=True, slots=True)
class Firing:
    """What one transaction did, and when the next entry is due (None: never, as it stands)."""

    entries: int
    deliveries: int
    next_due_s: float | None


@dataclass(frozen=True, slots=True)
class Page:
    """Deliveries that are due, in order, and when the next one is."""

    items: list[Queued]
    next_due_s: float | None


class ScheduleStore:
    """Every change is one transaction, and on disk when the call returns. `kinds` are those that this node acts on."""

    def __init__(self, database: Database, kinds: Collection[Kind] = ("rule", "schedule")) -> None:
        self._database = database
        self._kinds = tuple(kinds)

    # Entries

    async def find(self, key: EntryKey) -> Entry | None:
        return await self._database.read(_find, key)

    async def change(
        self, key: EntryKey, change: Change, in_group: GroupKey | None = None
    ) -> tuple[bool, Entry | None]:
        """Whether the group is there (None: nobody asks), and what `change` made of the entry if it is."""
        return await self._database.write(_change, key, change, in_group)

    async def entries(
        self,
        kind: Kind,
        where: tuple[str, str] | None = None,
        *,
        group: str | None = None,
        prefix: str = "",
        state: str | None = None,
        after: tuple[str, str] = ("", ""),
        limit: int | None = None,
    ) -> list[Entry]:
        """In the order of their groups and names, those after a group and name. `where` is an account and a region."""
        condition = [_S.kind == kind, _after(after)]
        if where is not None:
            condition += [_S.account_id == where[0], _S.region == where[1]]
        if group is not None:
            condition.append(_S.group_name == group)
        if prefix:
            condition.append(func.substr(_S.name, 1, len(prefix)) == prefix)
        if state is not None:
            condition.append(_S.state == state)
        query = select(schedules).where(*condition).order_by(*_KEY).limit(limit)
        return await self._database.read(lambda connection: [_entry(row) for row in connection.execute(query)])

    # Groups

    async def find_group(self, key: GroupKey) -> Group | None:
        return await self._database.read(_find_group, key)

    async def change_group(self, key: GroupKey, change: GroupChange) -> Group | None:
        """What `change` makes of a group; with a group go the schedules in it."""
        return await self._database.write(_change_group, key, change)

    async def groups(self, account_id: str, region: str) -> list[Group]:
        """In the order of their names."""
        query = select(schedule_groups).where(_G.account_id == account_id, _G.region == region).order_by(_G.name)
        return await self._database.read(lambda connection: [_group(row) for row in connection.execute(query)])

    # Time

    async def next_due_s(self) -> float | None:
        """When the first entry is due."""
        return await self._database.read(self._next_due_s)

    async def fire(self, now_s: float, fire: Fire) -> Firing:
        """Let `fire` work out what comes of the entries that are due, the first of them, and write it down at once."""
        return await self._database.write(self._fire, now_s, fire)

    def _fire(self, connection: Connection, now_s: float, fire: Fire) -> Firing:
        rows: list[Row[Any]] = []
        for kind in self._kinds:  # one by one, as the index has them
            due = select(schedules).where(_S.kind == kind, _S.due_s <= now_s).order_by(_S.due_s)
            rows += connection.execute(due.limit(FIRED_AT_ONCE_MAX))
        deliveries: list[dict[str, Any]] = []
        for row in rows:
            entry = _entry(row)
            fired = fire(entry)
            deliveries += [_delivery_row(delivery) for delivery in fired.deliveries]
            _put(connection, entry.key, fired.left)
        if deliveries:
            connection.execute(insert(schedule_deliveries), deliveries)
        return Firing(len(rows), len(deliveries), self._next_due_s(connection))

    def _next_due_s(self, connection: Connection) -> float | None:
        found = [connection.execute(select(func.min(_S.due_s)).where(_S.kind == kind)).scalar() for kind in self._kinds]
        return min((due_s for due_s in found if due_s is not None), default=None)

    # Deliveries

    async def due_deliveries(self, now_s: float, skip: Collection[int], limit: int) -> Page:
        """The first of them, but for those whose ids are in `skip`."""
        return await self._database.read(_due_deliveries, now_s, skip, limit)

    async def end(self, delivery_ids: Sequence[int]) -> None:
        """They were made, or given up."""
        await self._database.write(
            lambda connection: connection.execute(delete(schedule_deliveries).where(_D.id.in_(delivery_ids)))
        )

    async def postpone(self, queued: Queued, due_s: float) -> None:
        """It was tried, in vain, and is to be tried again."""
        change = update(schedule_deliveries).where(_D.id == queued.id)
        values = change.values(due_s=due_s, attempts=queued.attempts + 1)
        await self._database.write(lambda connection: connection.execute(values))


def ending(delivery_id: int) -> Written:
    """For the transaction in which somebody takes the delivery over."""

    def end(connection: Connection) -> None:
        connection.execute(delete(schedule_deliveries).where(_D.id == delivery_id))

    return end


def _find(connection: Connection, key: EntryKey) -> Entry | None:
    row = connection.execute(select(schedules).where(_is(key))).first()
    return None if row is None else _entry(row)


def _change(
    connection: Connection, key: EntryKey, change: Change, in_group: GroupKey | None
) -> tuple[bool, Entry | None]:
    if in_group is not None and _find_group(connection, in_group) is None:
        return False, None
    changed = change(_find(connection, key))
    _put(connection, key, changed)
    return True, changed


def _put(connection: Connection, key: EntryKey, entry: Entry | None) -> None:
    if entry is None:
        connection.execute(delete(schedules).where(_is(key)))
    elif connection.execute(update(schedules).where(_is(key)).values(**_values(entry))).rowcount == 0:
        names = (column.name for column in _KEY)
        connection.execute(insert(schedules).values(**dict(zip(names, key, strict=True)), **_values(entry)))


def _find_group(connection: Connection, key: GroupKey) -> Group | None:
    row = connection.execute(select(schedule_groups).where(_is_group(key))).first()
    return None if row is None else _group(row)


def _change_group(connection: Connection, key: GroupKey, change: GroupChange) -> Group | None:
    changed = change(_find_group(connection, key))
    connection.execute(delete(schedule_groups).where(_is_group(key)))
    if changed is None:
        in_it = (_S.account_id == key.account_id, _S.region == key.region, _S.group_name == key.name)
        connection.execute(delete(schedules).where(_S.kind == "schedule", *in_it))
    else:
        connection.execute(
            insert(schedule_groups).values(
                account_id=key.account_id,
                region=key.region,
                name=key.name,
                created_s=changed.created_s,
                modified_s=changed.modified_s,
                tags=json.dumps(dict(changed.tags)),
            )
        )
    return changed


def _due_deliveries(connection: Connection, now_s: float, skip: Collection[int], limit: int) -> Page:
    query = select(schedule_deliveries).order_by(_D.due_s, _D.id).limit(limit + 1)
    if skip:
        query = query.where(_D.id.not_in(skip))
    rows = connection.execute(query).all()
    due = [row for row in rows[:limit] if row.due_s <= now_s]
    return Page([_queued(row) for row in due], rows[len(due)].due_s if len(rows) > len(due) else None)


def _is(key: EntryKey) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(_KEY, key, strict=True)))


def _is_group(key: GroupKey) -> ColumnElement[bool]:
    return and_(_G.account_id == key.account_id, _G.region == key.region, _G.name == key.name)


def _after(place: tuple[str, str]) -> ColumnElement[bool]:
    group, name = place
    return (_S.group_name > group) | and_(_S.group_name == group, _S.name > name)


def _values(entry: Entry) -> dict[str, Any]:
    return {
        "state": entry.state,
        "nominal_s": None if entry.due is None else entry.due.nominal_s,
        "due_s": None if entry.due is None else entry.due.due_s,
        "document": json.dumps(dict(entry.document)),
    }


def _entry(row: Row[Any]) -> Entry:
    key = EntryKey(row.kind, row.account_id, row.region, row.group_name, row.name)
    due = None if row.due_s is None else Due(row.nominal_s, row.due_s)
    return Entry(key, row.state, due, json.loads(row.document))


def _group(row: Row[Any]) -> Group:
    key = GroupKey(row.account_id, row.region, row.name)
    return Group(key, row.created_s, row.modified_s, json.loads(row.tags))


def _delivery_row(delivery: Delivery) -> dict[str, Any]:
    return {"due_s": delivery.due_s, "attempts": 0, "document": json.dumps(asdict(delivery))}


def _queued(row: Row[Any]) -> Queued:
    return Queued(row.id, Delivery(**json.loads(row.document)), row.attempts)
