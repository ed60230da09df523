"""The SQL of the logs, and the only place where a row becomes a record.

Every function takes a connection inside a transaction; `store.py` runs them through the database.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from stoker.database.dialects import insert_plain
from stoker.logs.chunks import CHUNK_SPAN_MS, NewChunk, StoredChunk, in_order
from stoker.logs.records import LogEvent, LogGroup, LogGroupName, LogPosition, LogStream
from stoker.logs.tables import log_chunks, log_groups, log_streams

# AWS answers as many events as fit in 1 MB, each counted with 26 bytes more (GetLogEvents, PutLogEvents).
ANSWER_BYTES_MAX = 1024 * 1024
EVENT_OVERHEAD_BYTES = 26
# A chunk may have as much: rows are fetched so many at a time, and not the whole answer.
FETCH_ROWS = 20
_GROUP_COLUMNS = tuple(column.name for column in log_groups.c)
_STREAM_COLUMNS = tuple(column.name for column in log_streams.c)
_CHUNK_COLUMNS = ("account_id", "region", "log_group", "log_stream", "first_ms", "ingested_ms", "events")
# Deleting in pieces keeps each transaction short; an hour's expired events may be millions.
DELETE_CHUNKS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class GroupSearch:
    """`pattern` is a part of the name, `after` the last name of the page before."""

    account_id: str
    region: str
    prefix: str = ""
    pattern: str = ""
    names: tuple[str, ...] = ()
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class StreamSearch:
    """`offset` counts the streams of the pages before: the order by last event moves while one reads."""

    group: LogGroupName
    prefix: str = ""
    by_last_event: bool = False
    is_descending: bool = False
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class EventSearch:
    """Times in epoch ms; `start_ms` is included, `end_ms` is not. `after` and `before` are not included.

    `scan_max` bounds how many events are looked at for those that match.
    """

    group: LogGroupName
    streams: tuple[str, ...] = ()
    stream_prefix: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    after: LogPosition | None = None
    before: LogPosition | None = None
    newest_first: bool = False
    limit: int = 10_000
    scan_max: int = 10_000
    bytes_max: int = ANSWER_BYTES_MAX


@dataclass(frozen=True, slots=True)
class EventPage:
    """`last` is the last event that was looked at, None when nothing is left to look at."""

    events: list[LogEvent]
    last: LogPosition | None


def insert_chunks(connection: Connection, chunks: list[NewChunk], now_ms: int, retention_days: int | None) -> None:
    """Add events, and the groups and streams that are new with them."""
    # One statement for all of each: a batch may have lines of hundreds of functions.
    groups = [(*group, now_ms, retention_days) for group in {chunk.group for chunk in chunks}]
    insert_plain(connection, _insert_if_absent(log_groups, connection.dialect.name), _GROUP_COLUMNS, groups)
    _touch_streams(connection, chunks, now_ms)
    rows = [(*chunk.group, chunk.stream, chunk.first_ms, now_ms, chunk.document()) for chunk in chunks]
    insert_plain(connection, log_chunks, _CHUNK_COLUMNS, rows)


def _touch_streams(connection: Connection, chunks: list[NewChunk], now_ms: int) -> None:
    times: dict[tuple[LogGroupName, str], tuple[int, int]] = {}
    for chunk in chunks:
        key = (chunk.group, chunk.stream)
        first, last = times.get(key, (chunk.first_ms, chunk.last_ms))
        times[key] = (min(first, chunk.first_ms), max(last, chunk.last_ms))
    rows = [(*group, name, now_ms, first_ms, last_ms, now_ms) for (group, name), (first_ms, last_ms) in times.items()]
    insert_plain(connection, _touch(connection.dialect.name), _STREAM_COLUMNS, rows)


@cache  # putting a statement together takes longer than storing a batch
def _touch(dialect: str) -> postgresql.Insert | sqlite.Insert:
    """Add a stream, or widen the times that are told of it."""
    added = _insert(log_streams, dialect)
    told, new = log_streams.c, added.excluded
    return added.on_conflict_do_update(
        index_elements=list(log_streams.primary_key),
        set_={
            "first_event_ms": case(
                (told.first_event_ms < new.first_event_ms, told.first_event_ms), else_=new.first_event_ms
            ),
            "last_event_ms": case(
                (told.last_event_ms > new.last_event_ms, told.last_event_ms), else_=new.last_event_ms
            ),
            "last_ingested_ms": new.last_ingested_ms,
        },
    )


def create_group(connection: Connection, group: LogGroupName, created_ms: int, retention_days: int | None) -> bool:
    """Whether it is new."""
    return _is_inserted(connection, log_groups, (*group, created_ms, retention_days))


def create_stream(connection: Connection, group: LogGroupName, name: str, created_ms: int) -> bool:
    """Whether it is new."""
    return _is_inserted(connection, log_streams, (*group, name, created_ms))


def _is_inserted(connection: Connection, table: Table, row: tuple[Any, ...]) -> bool:
    """`row` begins with the table's first columns; it may leave out the last ones."""
    # Not `rowcount`, which PostgreSQL's driver does not give for inserts.
    statement = _insert_if_absent(table, connection.dialect.name).returning(table.c.created_ms)
    return connection.execute(statement, dict(zip(table.c.keys(), row, strict=False))).first() is not None


@cache  # as `_touch`
def _insert_if_absent(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    return _insert(table, dialect).on_conflict_do_nothing()


def _insert(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    """Both databases say ON CONFLICT, but SQLAlchemy keeps it with each dialect."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def find_group(connection: Connection, group: LogGroupName) -> LogGroup | None:
    row = connection.execute(select(log_groups).where(_is_group(group))).one_or_none()
    return _group(row) if row else None


def find_groups(connection: Connection, search: GroupSearch) -> list[LogGroup]:
    """By name."""
    name = log_groups.c.name
    wanted = [log_groups.c.account_id == search.account_id, log_groups.c.region == search.region]
    if search.prefix:
        wanted.append(_starts_with(name, search.prefix))
    if search.pattern:
        # Neither `LIKE` (SQLite's ignores case) nor a function that both databases have looks for a part of a text.
        wanted.append(func.replace(name, search.pattern, "") != name)
    if search.names:
        wanted.append(name.in_(search.names))
    if search.after:
        wanted.append(name > search.after)
    rows = connection.execute(select(log_groups).where(*wanted).order_by(name).limit(search.limit))
    return [_group(row) for row in rows]


def groups_with_retention(connection: Connection) -> list[tuple[LogGroupName, int]]:
    """Groups whose events expire, with the days they are kept."""
    rows = connection.execute(select(log_groups).where(log_groups.c.retention_days.is_not(None)))
    return [(LogGroupName(row.account_id, row.region, row.name), row.retention_days) for row in rows]


def set_retention(connection: Connection, group: LogGroupName, days: int | None) -> bool:
    """Whether there is such a group."""
    return connection.execute(update(log_groups).where(_is_group(group)).values(retention_days=days)).rowcount > 0


def delete_group(connection: Connection, group: LogGroupName) -> bool:
    """With its streams and events; whether there was one."""
    connection.execute(delete(log_chunks).where(_of_group(log_chunks, group)))
    connection.execute(delete(log_streams).where(_of_group(log_streams, group)))
    return connection.execute(delete(log_groups).where(_is_group(group))).rowcount > 0


def find_stream(connection: Connection, group: LogGroupName, name: str) -> LogStream | None:
    wanted = and_(_of_group(log_streams, group), log_streams.c.name == name)
    row = connection.execute(select(log_streams).where(wanted)).one_or_none()
    return _stream(row) if row else None


def find_streams(connection: Connection, search: StreamSearch) -> list[LogStream]:
    """By name or by last event; a stream without events counts as oldest."""
    wanted = [_of_group(log_streams, search.group)]
    if search.prefix:
        wanted.append(_starts_with(log_streams.c.name, search.prefix))
    order: list[ColumnElement[Any]] = [log_streams.c.name]
    if search.by_last_event:
        order.insert(0, func.coalesce(log_streams.c.last_event_ms, 0))
    if search.is_descending:
        order = [column.desc() for column in order]
    statement = select(log_streams).where(*wanted).order_by(*order).offset(search.offset).limit(search.limit)
    return [_stream(row) for row in connection.execute(statement)]


def delete_stream(connection: Connection, group: LogGroupName, name: str) -> bool:
    """With its events; whether there was one."""
    connection.execute(delete(log_chunks).where(_of_group(log_chunks, group), log_chunks.c.log_stream == name))
    wanted = and_(_of_group(log_streams, group), log_streams.c.name == name)
    return connection.execute(delete(log_streams).where(wanted)).rowcount > 0


def find_events(connection: Connection, search: EventSearch, matches: Callable[[str], bool]) -> EventPage:
    """Those whose message `matches`, in the order of time, or the other way round for `newest_first`."""
    statement = _chunks_statement(search).execution_options(yield_per=FETCH_ROWS)
    events: list[LogEvent] = []
    total_bytes = scanned = 0
    last: LogPosition | None = None
    with connection.execute(statement) as rows:
        for event in in_order(map(_chunk, rows), newest_first=search.newest_first):
            if not _is_wanted(search, event.position):
                continue
            if scanned == search.scan_max:
                return EventPage(events, last)
            if matches(event.message):
                total_bytes += len(event.message.encode(errors="replace")) + EVENT_OVERHEAD_BYTES
                if len(events) == search.limit or (events and total_bytes > search.bytes_max):
                    return EventPage(events, last)
                events.append(event)
            scanned += 1
            last = event.position
    return EventPage(events, None)


def _is_wanted(search: EventSearch, position: LogPosition) -> bool:
    """Whether an event is within the times and positions that are searched: of its chunk, others may be."""
    return (
        (search.start_ms is None or position.timestamp_ms >= search.start_ms)
        and (search.end_ms is None or position.timestamp_ms < search.end_ms)
        and (search.after is None or position > search.after)
        and (search.before is None or position < search.before)
    )


def _chunks_statement(search: EventSearch) -> Select[Any]:
    """All that may have an event that is wanted, by first event."""
    columns = log_chunks.c
    wanted: list[ColumnElement[bool]] = [_of_group(log_chunks, search.group)]
    if search.streams:
        wanted.append(columns.log_stream.in_(search.streams))
    if search.stream_prefix:
        wanted.append(_starts_with(columns.log_stream, search.stream_prefix))
    if search.start_ms is not None:
        wanted.append(columns.first_ms >= search.start_ms - CHUNK_SPAN_MS)
    if search.after is not None:
        wanted.append(columns.first_ms >= search.after.timestamp_ms - CHUNK_SPAN_MS)
    if search.end_ms is not None:
        wanted.append(columns.first_ms < search.end_ms)
    if search.before is not None:
        wanted.append(columns.first_ms <= search.before.timestamp_ms)
    order: tuple[ColumnElement[Any], ...] = (columns.first_ms, columns.id)
    if search.newest_first:
        order = (columns.first_ms.desc(), columns.id.desc())
    return select(log_chunks).where(*wanted).order_by(*order)


def delete_events_before(connection: Connection, group: LogGroupName, before_ms: int) -> int:
    """Delete some of the chunks of which all events are older than `before_ms`; 0 when none are left."""
    is_older = log_chunks.c.first_ms < before_ms - CHUNK_SPAN_MS
    old = select(log_chunks.c.id).where(_of_group(log_chunks, group), is_older).limit(DELETE_CHUNKS_MAX)
    return connection.execute(delete(log_chunks).where(log_chunks.c.id.in_(old))).rowcount


def delete_streams_before(connection: Connection, group: LogGroupName, before_ms: int) -> int:
    """Delete streams that neither came nor got an event since `before_ms`."""
    last_sign_ms = func.coalesce(log_streams.c.last_event_ms, log_streams.c.created_ms)
    old = and_(_of_group(log_streams, group), last_sign_ms < before_ms, log_streams.c.created_ms < before_ms)
    return connection.execute(delete(log_streams).where(old)).rowcount


def _is_group(group: LogGroupName) -> ColumnElement[bool]:
    columns = log_groups.c
    return and_(columns.account_id == group.account_id, columns.region == group.region, columns.name == group.name)


def _of_group(table: Table, group: LogGroupName) -> ColumnElement[bool]:
    columns = table.c
    return and_(columns.account_id == group.account_id, columns.region == group.region, columns.log_group == group.name)


def _starts_with(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    # Not `LIKE`: SQLite's ignores case.
    return func.substr(column, 1, len(prefix)) == bindparam(None, prefix)


def _group(row: Row[Any]) -> LogGroup:
    return LogGroup(LogGroupName(row.account_id, row.region, row.name), row.created_ms, row.retention_days)


def _stream(row: Row[Any]) -> LogStream:
    return LogStream(
        LogGroupName(row.account_id, row.region, row.log_group),
        row.name,
        row.created_ms,
        row.first_event_ms,
        row.last_event_ms,
        row.last_ingested_ms,
    )


def _chunk(row: Row[Any]) -> StoredChunk:
    return StoredChunk(row.id, row.log_stream, row.first_ms, row.ingested_ms, row.events)
