import asyncio

import pytest

from stoker.database.engine import Database
from stoker.logs.queries import EventSearch
from stoker.logs.records import LogGroupName
from stoker.logs.store import MS_PER_DAY, LogStore
from stoker.logs.waiting import WaitingLines
from stoker.supervision import Background

from .conftest import GROUP, StillClock


async def messages_of(store: LogStore, group: LogGroupName = GROUP) -> list[str]:
    page = await store.find_events(EventSearch(group, bytes_max=10**9))
    return [event.message for event in page.events]


async def test_what_was_appended_is_there_after_a_flush(store: LogStore) -> None:
    for number in range(12_000):
        store.append(GROUP, "s", number, f"{number}\n")
    await store.flush()
    page = await store.find_events(EventSearch(GROUP, limit=20_000, scan_max=20_000))
    assert len(page.events) == 12_000
    stream = await store.find_stream(GROUP, "s")
    assert stream is not None
    assert (stream.first_event_ms, stream.last_event_ms) == (0, 11_999)


async def test_lines_are_written_without_anyone_asking(store: LogStore) -> None:
    store.append(GROUP, "s", 1, "x\n")
    async with asyncio.timeout(5):
        while not await messages_of(store):
            await asyncio.sleep(0.05)


async def test_readers_that_go_away_neither_lose_nor_repeat_lines(store: LogStore) -> None:
    for number in range(3_000):
        store.append(GROUP, "s", number, f"{number}\n")
    readers = [asyncio.create_task(store.flush()) for _ in range(20)]
    await asyncio.sleep(0)
    for reader in readers[::2]:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    await store.flush()
    assert len(await messages_of(store)) == 3_000


async def test_closing_writes_what_waits(database: Database, clock: StillClock) -> None:
    async with Background() as background:
        store = LogStore(database, clock, background)
        store.start()
        store.append(GROUP, "s", 1, "last words\n")
        await store.close()
    assert await messages_of(store) == ["last words\n"]


def test_beyond_the_bound_the_newest_lines_are_dropped_and_counted() -> None:
    waiting = WaitingLines(bytes_max=10_000)
    for number in range(1_000):
        waiting.add(GROUP, "s", number, "x" * 100)
    kept = waiting.lines
    assert 0 < kept < 100
    assert waiting.bytes <= 10_000
    batch = waiting.first(kept)
    assert [line.timestamp_ms for chunk in batch for line in chunk.lines()] == list(range(kept))
    assert waiting.take_dropped() == {(GROUP, "s"): 1_000 - kept}
    assert waiting.take_dropped() == {}
    waiting.discard(batch)
    assert (waiting.bytes, waiting.lines, waiting.chunks) == (0, 0, 0)


def test_what_is_being_written_takes_nothing_more() -> None:
    waiting = WaitingLines()
    waiting.add(GROUP, "s", 1, "before")
    batch = waiting.first(10)
    waiting.add(GROUP, "s", 1, "meanwhile")
    assert [message for _, message in batch[0].events] == ["before"]
    waiting.discard(batch)
    assert [line.message for chunk in waiting.first(10) for line in chunk.lines()] == ["meanwhile"]


def test_a_batch_is_about_as_long_as_was_asked_for() -> None:
    waiting = WaitingLines()
    for number in range(30):
        waiting.add(GROUP, f"{number % 3}", 1, "x")
    assert [len(chunk.events) for chunk in waiting.first(20)] == [10, 10]
    assert [len(chunk.events) for chunk in waiting.first(1)] == [10]


async def test_one_line_in_the_stream_says_how_many_were_dropped(store: LogStore) -> None:
    # Nothing is awaited between the lines, so the writer has no turn and the memory fills.
    text = "x" * 1_000_000
    for _ in range(140):
        store.append(GROUP, "s", 1, text)
    await store.flush()
    *kept, notice = await messages_of(store)
    assert 120 <= len(kept) <= 135
    assert notice == f"Stoker dropped {140 - len(kept)} log lines here: the database could not keep up.\n"


async def test_a_stream_with_much_waiting_pauses_and_goes_on_when_it_was_written(store: LogStore) -> None:
    resumed: list[str] = []
    for _ in range(9):
        store.append(GROUP, "loud", 1, "x" * 1_000_000)
    store.append(GROUP, "quiet", 1, "x")
    assert store.is_full("loud")
    assert not store.is_full("quiet")
    store.when_room(lambda: resumed.append("loud"))
    await store.flush()
    assert resumed == ["loud"]
    assert not store.is_full("loud")


async def test_expired_events_and_streams_are_deleted(store: LogStore, clock: StillClock) -> None:
    now_ms = int(clock.now_s() * 1000)
    keeps = LogGroupName(GROUP.account_id, GROUP.region, "keeps")
    for group in (GROUP, keeps):
        store.append(group, "old", now_ms, "old\n")
        store.append(group, "both", now_ms, "old\n")
    await store.flush()
    await store.set_retention(GROUP, 3)
    clock.time_s += 4 * MS_PER_DAY / 1000
    store.append(GROUP, "both", now_ms + 4 * MS_PER_DAY, "new\n")
    await store.flush()
    assert await store.expire() == 2
    assert await messages_of(store) == ["new\n"]
    assert len(await messages_of(store, keeps)) == 2
    assert await store.find_stream(GROUP, "old") is None
    assert await store.find_stream(GROUP, "both") is not None


async def test_new_groups_get_the_configured_retention(database: Database, clock: StillClock) -> None:
    async with Background() as background:
        store = LogStore(database, clock, background, retention_days=7)
        store.append(GROUP, "s", 1, "x\n")
        group = await store.find_group(GROUP)
        await store.close()
    assert group is not None
    assert group.retention_days == 7


async def test_lines_survive_a_failing_database(database: Database, clock: StillClock) -> None:
    async with Background() as background:
        store = LogStore(database, clock, background)
        store.append(GROUP, "s", 1, "kept\n")
        await database.write(lambda connection: connection.exec_driver_sql("ALTER TABLE log_chunks RENAME TO away"))
        with pytest.raises(Exception, match="log_chunks"):
            await store.flush()
        await database.write(lambda connection: connection.exec_driver_sql("ALTER TABLE away RENAME TO log_chunks"))
        await store.flush()
        assert await messages_of(store) == ["kept\n"]
