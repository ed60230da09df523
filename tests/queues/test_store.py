"""The same on both databases."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from stoker.database.engine import Database
from stoker.queues.records import Change, Message, MoveTask, Queue, Reception, Sending
from stoker.queues.store import (
    DEDUPLICATION_MS,
    DELETED_AT_ONCE_MAX,
    OUTLINES_MAX,
    READ_BYTES_MAX,
    READ_MESSAGES_MAX,
    QueueStore,
)

CONTENT = 7
NOW_MS = 1_800_000_000_000


@pytest.fixture
async def store(url: str) -> AsyncIterator[QueueStore]:
    async with Database(url) as database:
        yield QueueStore(database)


def message(number: int, **changes: Any) -> Message:
    plain = Message(
        number=number,
        message_id=f"id-{number}",
        sent_ms=NOW_MS,
        visible_ms=NOW_MS,
        sender_id="000000000000",
        group_id=None,
        deduplication_id=None,
        receives=0,
        receives_before=0,
        first_received_ms=0,
        source_arn=None,
        details="",
        body=f"body {number}",
    )
    return plain._replace(**changes)


def sent(*messages: Message, is_fifo: bool = False, scope: str | None = None) -> Change:
    return Change(sent=tuple(Sending(CONTENT, is_fifo, one, scope) for one in messages))


async def test_a_queue_is_kept_as_it_is(store: QueueStore) -> None:
    queue = Queue("000000000000", "eu-west-1", "q", CONTENT, 1, 2, {"Policy": "{}"}, {"k\u00e9y": "v"})
    await store.put_queue(queue)
    await store.put_queue(replace(queue, name="other"))
    changed = replace(queue, content_id=8, attributes={}, modified_s=3)
    await store.put_queue(changed)
    await store.delete_queue(("000000000000", "eu-west-1", "other"))
    assert await store.queues() == [changed]


async def test_a_message_comes_back_as_it_was_sent(store: QueueStore) -> None:
    whole = message(
        2**62,
        group_id="g",
        deduplication_id="d",
        receives=3,
        receives_before=2,
        first_received_ms=5,
        source_arn="arn:aws:sqs:eu-west-1:000000000000:q",
        details='{"attributes":{}}',
        body="\t\n\r \u00e9\U0001f600\ufffd",
    )
    await store.write([sent(whole), sent(message(1))])
    assert await store.messages([2**62, 3]) == {2**62: whole}
    page = await store.visible(CONTENT, NOW_MS, ())
    assert page == ([message(1), whole], True, None)


async def test_messages_are_read_in_the_order_of_their_times_within_bounds(store: QueueStore) -> None:
    late = message(1, visible_ms=NOW_MS + 5)
    await store.write([sent(late, message(3, visible_ms=NOW_MS - 1), message(2), message(4))])
    page = await store.visible(CONTENT, NOW_MS, {2})
    assert ([one.number for one in page.messages], page.is_complete, page.next_visible_ms) == ([3, 4], True, NOW_MS + 5)
    assert [one.number for one in (await store.visible(CONTENT, NOW_MS + 5, ())).messages] == [3, 2, 4, 1]
    assert (await store.visible(CONTENT + 1, NOW_MS, ())).messages == []

    many = [message(number) for number in range(10, 10 + READ_MESSAGES_MAX)]
    await store.write([sent(*many)])
    page = await store.visible(CONTENT, NOW_MS, ())
    assert (len(page.messages), page.is_complete) == (READ_MESSAGES_MAX, False)
    skipped = {one.number for one in page.messages}
    assert len((await store.visible(CONTENT, NOW_MS, skipped)).messages) == 3


async def test_large_messages_are_not_read_all_at_once(store: QueueStore) -> None:
    large = [message(number, body="x" * (READ_BYTES_MAX // 2)) for number in range(1, 6)]
    await store.write([sent(*large)])
    page = await store.visible(CONTENT, NOW_MS, ())
    assert ([one.number for one in page.messages], page.is_complete) == ([1, 2], False)


async def test_a_reception_is_noted(store: QueueStore) -> None:
    await store.write([sent(message(1), message(2))])
    await store.write([Change(received=(Reception(1, False, NOW_MS + 30, 1, NOW_MS),), deleted=(2,))])
    assert (await store.visible(CONTENT, NOW_MS + 29, ())) == ([], True, NOW_MS + 30)
    [flight] = await store.in_flight(CONTENT, NOW_MS, 10)
    assert (flight.number, flight.visible_ms, flight.receives, flight.first_received_ms) == (1, NOW_MS + 30, 1, NOW_MS)
    assert await store.count(CONTENT) == await store.count_hidden(CONTENT, NOW_MS) == 1
    [again] = (await store.visible(CONTENT, NOW_MS + 30, ())).messages
    assert (again.receives, again.first_received_ms) == (1, NOW_MS)
    assert await store.outline(CONTENT, 1) == flight
    assert await store.outline(CONTENT + 1, 1) is await store.outline(CONTENT, 2) is None


async def test_a_delayed_message_is_not_in_flight(store: QueueStore) -> None:
    await store.write([sent(message(1, visible_ms=NOW_MS + 900))])
    assert await store.in_flight(CONTENT, NOW_MS, 10) == []


async def test_what_was_sent_lately_is_not_sent_again(store: QueueStore) -> None:
    def send(number: int, scope: str = "", **changes: Any) -> Change:
        return sent(message(number, deduplication_id="d", group_id="g", **changes), is_fifo=True, scope=scope)

    results = await store.write([send(1), send(2), send(3, "g")])
    assert [[one.is_new for one in some] for some in results] == [[True], [False], [True]]
    assert (results[1][0].message_id, results[1][0].number) == ("id-1", 1)
    # Also when it was deleted, but not for ever.
    await store.write([Change(deleted=(1,))])
    [[known]] = await store.write([send(4, sent_ms=NOW_MS + DEDUPLICATION_MS - 1)])
    assert (known.number, known.is_new) == (1, False)
    [[new]] = await store.write([send(5, sent_ms=NOW_MS + DEDUPLICATION_MS)])
    assert (new.number, new.is_new) == (5, True)
    assert [outline.number for outline in await store.outlines(CONTENT, 0)] == [3, 5]
    assert await store.forget_duplicates(NOW_MS + DEDUPLICATION_MS) == 1
    [[new]] = await store.write([send(6, "g", sent_ms=NOW_MS + 1)])
    assert new.is_new


async def test_outlines_come_in_pages(store: QueueStore) -> None:
    many = [message(number, group_id="g") for number in range(1, OUTLINES_MAX + 3)]
    await store.write([sent(*many, is_fifo=True)])
    first = await store.outlines(CONTENT, 0)
    assert (len(first), first[0].number, first[-1].number) == (OUTLINES_MAX, 1, OUTLINES_MAX)
    assert [outline.number for outline in await store.outlines(CONTENT, OUTLINES_MAX)] == [
        OUTLINES_MAX + 1,
        OUTLINES_MAX + 2,
    ]
    assert await store.count_sent_since(CONTENT, NOW_MS - 1) == len(many)
    assert await store.count_sent_since(CONTENT, NOW_MS) == 0


@pytest.mark.parametrize("is_fifo", [False, True])
async def test_old_messages_are_found(store: QueueStore, is_fifo: bool) -> None:
    old = [message(number, sent_ms=NOW_MS - 10, visible_ms=NOW_MS - 10) for number in (1, 2)]
    await store.write([sent(*old, message(3), is_fifo=is_fifo)])
    assert [outline.number for outline in await store.expired(CONTENT, NOW_MS)] == [1, 2]
    assert await store.expired(CONTENT, NOW_MS - 10) == []


async def test_contents_are_deleted_bit_by_bit(store: QueueStore) -> None:
    many = [message(number) for number in range(1, DELETED_AT_ONCE_MAX + 2)]
    other = Change(sent=(Sending(9, False, message(10**6), None),))
    await store.write([sent(*many), other])
    assert await store.content_ids() == [CONTENT, 9]
    assert [await store.delete_content(CONTENT) for _ in range(3)] == [DELETED_AT_ONCE_MAX, 1, 0]
    assert await store.content_ids() == [9]


async def test_a_failed_write_leaves_nothing(store: QueueStore) -> None:
    await store.write([sent(message(1))])
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.write([sent(message(2)), sent(message(1))])
    assert await store.count(CONTENT) == 1


async def test_tasks_are_kept(store: QueueStore) -> None:
    task = MoveTask("h", "arn:s", None, 5, "RUNNING", 0, 10, 100)
    later = replace(task, handle="i", status="COMPLETED", started_ms=200, destination_arn="arn:d", rate_per_s=None)
    for one in (task, later, replace(task, handle="j", source_arn="arn:other")):
        await store.put_task(one)
    changed = replace(task, moved=3, status="CANCELLING", failure="none")
    await store.put_task(changed)
    assert await store.tasks("arn:s", 10) == [later, changed]
    assert await store.tasks("arn:s", 1) == [later]
    assert {one.handle for one in await store.unfinished_tasks()} == {"h", "j"}
