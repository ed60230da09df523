"""Queues and messages in the database: the only place where a row becomes either."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, update

from stoker.database.dialects import insert_plain
from stoker.database.engine import Database
from stoker.queues.records import Change, Message, MoveTask, Queue, QueueKey, Reception, Sending, Sent
from stoker.queues.tables import queue_deduplications, queue_messages, queue_move_tasks, queues

DEDUPLICATION_MS = 5 * 60_000
# What one reading takes into memory at most, but always one message.
READ_MESSAGES_MAX = 500
READ_BYTES_MAX = 512 * 1024
OUTLINES_MAX = 10_000
DELETED_AT_ONCE_MAX = 2_000

_C = queue_messages.c
_D = queue_deduplications.c
# In the order of the record's fields, which is that of the table.
_MESSAGE = tuple(_C[name] for name in Message._fields)


class Outline(NamedTuple):
    """What is to be known of a message while it waits or is with a receiver."""

    number: int
    sent_ms: int
    visible_ms: int
    group_id: str | None
    receives: int
    receives_before: int
    first_received_ms: int


def outline_of(message: Message) -> Outline:
    """What a message says of itself."""
    return Outline(
        message.number,
        message.sent_ms,
        message.visible_ms,
        message.group_id,
        message.receives,
        message.receives_before,
        message.first_received_ms,
    )


_OUTLINE = tuple(_C[name] for name in Outline._fields)


class Page(NamedTuple):
    """Messages that can be seen, in order; whether that was all; and when the next one can be seen (None: never)."""

    messages: list[Message]
    is_complete: bool
    next_visible_ms: int | None


class QueueStore:
    """Reads and writes. A change of messages is one of `write`'s many."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Queues

    async def queues(self) -> list[Queue]:
        return await self._database.read(lambda connection: [_queue(row) for row in connection.execute(select(queues))])

    async def put_queue(self, queue: Queue) -> None:
        """Add it, or replace what is known of it."""
        await self._database.write(_put_queue, queue)

    async def delete_queue(self, key: QueueKey) -> None:
        """What was in it is swept away later."""
        await self._database.write(lambda connection: connection.execute(delete(queues).where(*_is(key))))

    # Messages

    async def write(self, changes: Sequence[Change]) -> Sequence[list[Sent]]:
        """Write `changes` in one transaction, on disk when this returns: for each, what became of what it sends."""
        return await self._database.write(_write, changes)

    async def visible(self, content_id: int, now_ms: int, skip: Collection[int]) -> Page:
        """The first messages of a standard queue that can be seen, but for those whose numbers are in `skip`."""
        return await self._database.read(_visible, content_id, now_ms, skip)

    async def in_flight(self, content_id: int, now_ms: int, limit: int) -> list[Outline]:
        """The messages of a standard queue that somebody has received and that cannot be seen now."""
        return await self._database.read(_in_flight, content_id, now_ms, limit)

    async def outlines(self, content_id: int, after: int) -> list[Outline]:
        """Of a FIFO queue's messages after the number `after`, in order, up to OUTLINES_MAX."""
        return await self._database.read(_outlines, content_id, after)

    async def messages(self, numbers: Sequence[int]) -> dict[int, Message]:
        """Those that are there, by number."""
        return await self._database.read(_messages, numbers)

    async def outline(self, content_id: int, number: int) -> Outline | None:
        """Of one message."""
        return await self._database.read(_outline, content_id, number)

    async def count(self, content_id: int) -> int:
        """All messages, whether they can be seen or not."""
        return await self._database.read(_count, content_id)

    async def count_hidden(self, content_id: int, now_ms: int) -> int:
        """The messages of a standard queue that cannot be seen now."""
        return await self._database.read(_count, content_id, _C.place_ms > now_ms)

    async def count_sent_since(self, content_id: int, sent_ms: int) -> int:
        """The messages that were sent after that time."""
        return await self._database.read(_count, content_id, _C.sent_ms > sent_ms)

    # Sweeping

    async def content_ids(self) -> list[int]:
        """Of everything that has messages, also of queues that are no more."""
        return await self._database.read(_content_ids)

    async def delete_content(self, content_id: int) -> int:
        """Some of the messages; how many."""
        return await self._database.write(_delete_content, content_id)

    async def expired(self, content_id: int, before_ms: int) -> list[Outline]:
        """Some of the messages that were sent before that time, the first ones first."""
        return await self._database.read(_expired, content_id, before_ms)

    async def forget_duplicates(self, now_ms: int) -> int:
        """Delete some of what need not be known any more; how many."""
        return await self._database.write(_forget_duplicates, now_ms)

    # Tasks that move messages

    async def put_task(self, task: MoveTask) -> None:
        await self._database.write(_put_task, task)

    async def tasks(self, source_arn: str, limit: int) -> list[MoveTask]:
        """The latest first."""
        return await self._database.read(_tasks, source_arn, limit)

    async def unfinished_tasks(self) -> list[MoveTask]:
        """Those that the node before this one did not finish."""
        query = select(queue_move_tasks).where(queue_move_tasks.c.status.in_(("RUNNING", "CANCELLING")))
        return await self._database.read(lambda connection: [_task(row) for row in connection.execute(query)])


def _is(key: QueueKey) -> tuple[Any, ...]:
    account_id, region, name = key
    return queues.c.account_id == account_id, queues.c.region == region, queues.c.name == name


def _queue(row: Row[Any]) -> Queue:
    return Queue(
        account_id=row.account_id,
        region=row.region,
        name=row.name,
        content_id=row.content_id,
        created_s=row.created_s,
        modified_s=row.modified_s,
        attributes=json.loads(row.attributes),
        tags=json.loads(row.tags),
    )


def _put_queue(connection: Connection, queue: Queue) -> None:
    values = {
        "content_id": queue.content_id,
        "created_s": queue.created_s,
        "modified_s": queue.modified_s,
        "attributes": json.dumps(dict(queue.attributes)),
        "tags": json.dumps(dict(queue.tags)),
    }
    if connection.execute(update(queues).where(*_is(queue.key)).values(values)).rowcount == 0:
        names = {"account_id": queue.account_id, "region": queue.region, "name": queue.name}
        connection.execute(insert(queues), names | values)


def _write(connection: Connection, changes: Sequence[Change]) -> list[list[Sent]]:
    earlier = _sent_before(connection, [sending for change in changes for sending in change.sent])
    results: list[list[Sent]] = []
    rows, remembered = [], []
    for change in changes:
        results.append([])
        for sending in change.sent:
            message, key = sending.message, _deduplication_key(sending)
            known = None if key is None else earlier.get(key)
            if known is None:
                known = Sent(message.message_id, message.number, True)
                place_ms = 0 if sending.is_fifo else message.visible_ms
                rows.append((message.number, sending.content_id, place_ms, *message[1:]))
                if key is not None:
                    earlier[key] = known._replace(is_new=False)
                    remembered.append((*key, *known[:2], message.sent_ms + DEDUPLICATION_MS))
            results[-1].append(known)
    if rows:
        insert_plain(connection, queue_messages, [column.name for column in _C], rows)
    if remembered:
        insert_plain(connection, queue_deduplications, [column.name for column in _D], remembered)
    _note(connection, [reception for change in changes for reception in change.received])
    _delete(connection, [number for change in changes for number in change.deleted])
    return results


def _deduplication_key(sending: Sending) -> tuple[int, str, str] | None:
    if sending.deduplication_scope is None:
        return None
    return sending.content_id, sending.deduplication_scope, sending.message.deduplication_id or ""


def _sent_before(connection: Connection, sendings: Sequence[Sending]) -> dict[tuple[int, str, str], Sent]:
    """What was sent lately under the same names. What is too old for that is deleted, to make room for the new."""
    wanted = {key: sending for sending in sendings if (key := _deduplication_key(sending)) is not None}
    earlier = {}
    for keys in _chunks(list(wanted)):
        query = select(queue_deduplications).where(
            _D.content_id.in_({key[0] for key in keys}), _D.deduplication_id.in_({key[2] for key in keys})
        )
        for row in connection.execute(query).all():
            key = (row.content_id, row.scope, row.deduplication_id)
            if key not in wanted:
                continue
            if row.expires_ms > wanted[key].message.sent_ms:
                earlier[key] = Sent(row.message_id, row.number, False)
            else:
                connection.execute(
                    delete(queue_deduplications).where(
                        _D.content_id == row.content_id,
                        _D.scope == row.scope,
                        _D.deduplication_id == row.deduplication_id,
                    )
                )
    return earlier


def _note(connection: Connection, receptions: Sequence[Reception]) -> None:
    if not receptions:
        return
    statement = (
        update(queue_messages)
        .where(_C.number == bindparam("noted"))
        .values(
            visible_ms=bindparam("new_visible_ms"),
            place_ms=bindparam("new_place_ms"),
            receives=bindparam("new_receives"),
            first_received_ms=bindparam("new_first_received_ms"),
        )
    )
    connection.execute(
        statement,
        [
            {
                "noted": reception.number,
                "new_visible_ms": reception.visible_ms,
                "new_place_ms": 0 if reception.is_fifo else reception.visible_ms,
                "new_receives": reception.receives,
                "new_first_received_ms": reception.first_received_ms,
            }
            for reception in receptions
        ],
    )


def _delete(connection: Connection, numbers: Sequence[int]) -> None:
    for chunk in _chunks(numbers):
        connection.execute(delete(queue_messages).where(_C.number.in_(chunk)))


def _chunks(items: Sequence[Any], size: int = 500) -> Iterator[Sequence[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def _visible(connection: Connection, content_id: int, now_ms: int, skip: Collection[int]) -> Page:
    visible = (
        select(*_MESSAGE)
        .where(_C.content_id == content_id, _C.place_ms <= now_ms)
        .order_by(_C.place_ms, _C.number)
        .limit(READ_MESSAGES_MAX + len(skip) + 1)
        # Row by row, since bodies may be large: what comes after the bound is not fetched.
        .execution_options(stream_results=True)
    )
    messages: list[Message] = []
    is_complete, size = True, 0
    with connection.execute(visible) as rows:
        for row in rows:
            if row.number in skip:
                continue
            if messages and (size >= READ_BYTES_MAX or len(messages) == READ_MESSAGES_MAX):
                is_complete = False
                break
            messages.append(Message._make(row))
            size += len(row.body)
    next_visible = select(func.min(_C.place_ms)).where(_C.content_id == content_id, _C.place_ms > now_ms)
    return Page(messages, is_complete, connection.execute(next_visible).scalar())


def _in_flight(connection: Connection, content_id: int, now_ms: int, limit: int) -> list[Outline]:
    query = (
        select(*_OUTLINE)
        .where(_C.content_id == content_id, _C.place_ms > now_ms, _C.receives > _C.receives_before)
        .order_by(_C.place_ms)
        .limit(limit)
    )
    return [Outline._make(row) for row in connection.execute(query)]


def _outlines(connection: Connection, content_id: int, after: int) -> list[Outline]:
    query = (
        select(*_OUTLINE)
        .where(_C.content_id == content_id, _C.place_ms == 0, _C.number > after)
        .order_by(_C.number)
        .limit(OUTLINES_MAX)
    )
    return [Outline._make(row) for row in connection.execute(query)]


def _outline(connection: Connection, content_id: int, number: int) -> Outline | None:
    row = connection.execute(select(*_OUTLINE).where(_C.number == number, _C.content_id == content_id)).one_or_none()
    return None if row is None else Outline._make(row)


def _messages(connection: Connection, numbers: Sequence[int]) -> dict[int, Message]:
    query: Select[Any] = select(*_MESSAGE).where(_C.number.in_(numbers))
    return {row.number: Message._make(row) for row in connection.execute(query)}


def _count(connection: Connection, content_id: int, *conditions: Any) -> int:
    return connection.execute(select(func.count()).where(_C.content_id == content_id, *conditions)).scalar_one()


def _content_ids(connection: Connection) -> list[int]:
    """From one to the next by the index: DISTINCT would look at every row."""
    found: list[int] = []
    content_id = connection.execute(select(func.min(_C.content_id))).scalar()
    while content_id is not None:
        found.append(content_id)
        content_id = connection.execute(select(func.min(_C.content_id)).where(_C.content_id > content_id)).scalar()
    return found


def _delete_content(connection: Connection, content_id: int) -> int:
    some = select(_C.number).where(_C.content_id == content_id).limit(DELETED_AT_ONCE_MAX)
    return connection.execute(delete(queue_messages).where(_C.number.in_(some.scalar_subquery()))).rowcount


def _expired(connection: Connection, content_id: int, before_ms: int) -> list[Outline]:
    """A message's place is never before it was sent, so that old ones come first. In a FIFO queue all places are the
    same, and numbers tell."""
    query = (
        select(*_OUTLINE)
        .where(_C.content_id == content_id, _C.place_ms < before_ms)
        .order_by(_C.place_ms, _C.number)
        .limit(DELETED_AT_ONCE_MAX)
    )
    outlines = [Outline._make(row) for row in connection.execute(query)]
    return [outline for outline in outlines if outline.sent_ms < before_ms]


def _forget_duplicates(connection: Connection, now_ms: int) -> int:
    rows = connection.execute(
        select(_D.content_id, _D.scope, _D.deduplication_id)
        .where(_D.expires_ms <= now_ms)
        .order_by(_D.expires_ms)
        .limit(DELETED_AT_ONCE_MAX)
    ).all()
    if rows:
        statement = delete(queue_deduplications).where(
            _D.content_id == bindparam("c"), _D.scope == bindparam("s"), _D.deduplication_id == bindparam("d")
        )
        connection.execute(statement, [{"c": row[0], "s": row[1], "d": row[2]} for row in rows])
    return len(rows)


def _put_task(connection: Connection, task: MoveTask) -> None:
    table = queue_move_tasks
    values = {
        "source_arn": task.source_arn,
        "destination_arn": task.destination_arn,
        "rate_per_s": task.rate_per_s,
        "status": task.status,
        "moved": task.moved,
        "to_move": task.to_move,
        "started_ms": task.started_ms,
        "failure": task.failure,
    }
    if connection.execute(update(table).where(table.c.handle == task.handle).values(values)).rowcount == 0:
        connection.execute(insert(table), {"handle": task.handle} | values)


def _tasks(connection: Connection, source_arn: str, limit: int) -> list[MoveTask]:
    columns = queue_move_tasks.c
    query = (
        select(queue_move_tasks)
        .where(columns.source_arn == source_arn)
        .order_by(columns.started_ms.desc(), columns.handle)
        .limit(limit)
    )
    return [_task(row) for row in connection.execute(query)]


def _task(row: Row[Any]) -> MoveTask:
    return MoveTask(
        handle=row.handle,
        source_arn=row.source_arn,
        destination_arn=row.destination_arn,
        rate_per_s=row.rate_per_s,
        status=row.status,
        moved=row.moved,
        to_move=row.to_move,
        started_ms=row.started_ms,
        failure=row.failure,
    )
