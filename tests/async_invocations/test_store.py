"""The same on both databases."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from stoker.async_invocations.records import Change, Delivery, Event, Postponement, Waiting
from stoker.async_invocations.store import (
    READ_BYTES_MAX,
    READ_ITEMS_MAX,
    delivery_queue,
    event_queue,
    read_waiting,
    write_changes,
)
from stoker.database.engine import Database
from stoker.functions.records import FunctionTarget

NOW = 1_700_000_000.25
LANE = "arn:aws:lambda:eu-west-1:000000000000:function:f"
NOTHING = Waiting(0, None, 0, None)
DELIVERY = Delivery(
    destination="arn:aws:sqs:eu-west-1:000000000000:q",
    kind="dead letter",
    function_arn=f"{LANE}:live",
    request_id="id",
    trace_id="Root=1",
    is_success=False,
    body=b"\x00\xff{}",
    ended_s=NOW,
    error_code=200,
    error_message="nö",
)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with Database(url) as database:
        yield database


def event(number: int = 0, name: str = "f", **changes: object) -> Event:
    target = FunctionTarget("000000000000", "eu-west-1", name)
    return replace(Event(target, f"id-{number}", "Root=1", b'{"n":%d}' % number, NOW + number), **changes)


async def test_items_are_read_as_they_were_written(database: Database) -> None:
    target = FunctionTarget("000000000000", "eu-west-1", "f", "live")
    qualified = event(target=target, payload="línea\n\"'\\ 🔥".encode())
    await write_changes(database, [Change(events=(qualified, event(1)), deliveries=(DELIVERY,))])
    due = await event_queue(database).due(LANE, NOW + 10, frozenset())
    assert [queued.item for queued in due.items] == [qualified, event(1)]
    assert [(queued.tries, queued.refusals) for queued in due.items] == [(0, 0)] * 2
    deliveries = await delivery_queue(database).due(DELIVERY.lane, NOW, frozenset())
    assert [queued.item for queued in deliveries.items] == [DELIVERY]


async def test_a_lane_gives_what_is_due_in_order_and_says_when_more_is(database: Database) -> None:
    await write_changes(database, [Change(events=tuple(event(number) for number in (3, 1, 2, 0)))])
    await write_changes(database, [Change(events=(event(0, name="other"),))])
    due = await event_queue(database).due(LANE, NOW + 1, frozenset())
    assert [queued.item.request_id for queued in due.items] == ["id-0", "id-1"]
    assert due.next_due_s == NOW + 2
    rest = await event_queue(database).due(LANE, NOW + 9, {queued.id for queued in due.items})
    assert [queued.item.request_id for queued in rest.items] == ["id-2", "id-3"]
    assert rest.next_due_s is None


async def test_a_postponed_item_has_a_new_place_and_an_ended_one_none(database: Database) -> None:
    await write_changes(database, [Change(events=(event(0), event(1)))])
    first, second = (await event_queue(database).due(LANE, NOW + 9, frozenset())).items
    moved = Postponement(first.id, NOW + 60, 1, 2)
    await write_changes(database, [Change(postponed_events=(moved,)), Change(ended_events=(second.id,))])
    queue = event_queue(database)
    early, late = await queue.due(LANE, NOW + 9, frozenset()), await queue.due(LANE, NOW + 60, frozenset())
    assert (early.items, early.next_due_s) == ([], NOW + 60)
    assert [(queued.id, queued.item, queued.tries, queued.refusals) for queued in late.items] == [
        (first.id, event(0), 1, 2)
    ]


async def test_a_reading_is_bounded_in_items_and_in_bytes_but_gives_one(database: Database) -> None:
    await write_changes(database, [Change(events=tuple(event(number) for number in range(READ_ITEMS_MAX + 5)))])
    due = await event_queue(database).due(LANE, NOW + 1000, frozenset())
    assert len(due.items) == READ_ITEMS_MAX
    assert due.next_due_s == NOW + READ_ITEMS_MAX
    large = b"x" * READ_BYTES_MAX
    await write_changes(database, [Change(events=tuple(event(number, "g", payload=large) for number in range(3)))])
    due = await event_queue(database).due(LANE[:-1] + "g", NOW + 1000, frozenset())
    assert [queued.item.request_id for queued in due.items] == ["id-0"]
    assert due.next_due_s == NOW + 1


async def test_every_lane_is_found_and_every_item_survives_a_restart(url: str) -> None:
    async with Database(url) as database:
        await write_changes(database, [Change(events=(event(0), event(1), event(5, "g")), deliveries=(DELIVERY,))])
    async with Database(url) as database:
        assert await event_queue(database).lanes() == [LANE, LANE[:-1] + "g"]
        assert await delivery_queue(database).lanes() == [DELIVERY.destination]
        assert await read_waiting(database, LANE, frozenset()) == Waiting(2, NOW, 0, None)
        assert await read_waiting(database, "arn:of:nobody", frozenset()) == NOTHING


async def test_what_waits_to_be_tried_again_is_told_with_its_time_and_without_what_runs(database: Database) -> None:
    await write_changes(database, [Change(events=(*(event(number) for number in range(4)), event(9, "g")))])
    ids = [queued.id for queued in (await event_queue(database).due(LANE, NOW + 9, frozenset())).items]
    failed, refused = Postponement(ids[0], NOW + 60, 1, 0), Postponement(ids[1], NOW + 30, 0, 1)
    await write_changes(database, [Change(postponed_events=(failed, refused))])
    assert await read_waiting(database, LANE, {ids[3]}) == Waiting(3, NOW, 2, NOW + 30)
    assert await read_waiting(database, LANE, {ids[0], ids[1]}) == Waiting(2, NOW + 2, 0, None)
    assert await read_waiting(database, LANE, set(ids)) == NOTHING


async def test_changes_of_one_commit_are_written_all_or_not_at_all(database: Database) -> None:
    broken = event(2, request_id=None)
    with pytest.raises(Exception, match="request_id"):
        await write_changes(database, [Change(events=(event(1),)), Change(events=(broken,))])
    assert await event_queue(database).lanes() == []


async def test_what_another_writes_with_an_event_is_written_with_it_or_not_at_all(database: Database) -> None:
    def fail(_: object) -> None:
        raise LookupError("the other one cannot")

    with pytest.raises(LookupError):
        await write_changes(database, [Change(events=(event(),), also=(fail,))])
    assert await read_waiting(database, LANE, frozenset()) == NOTHING
    seen: list[object] = []
    await write_changes(database, [Change(events=(event(),), also=(seen.append,))])
    assert (await read_waiting(database, LANE, frozenset())).events == len(seen) == 1
