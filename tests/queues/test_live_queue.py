"""A queue at work, on a time of day that only the test moves."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from stoker.database.engine import Database
from stoker.queues import flights, live_queue
from stoker.queues.commits import Commits
from stoker.queues.errors import QueueError
from stoker.queues.live_queue import LiveQueue
from stoker.queues.live_queues import LiveQueues
from stoker.queues.receipts import receipt_of
from stoker.queues.receiving import Received, Receiving
from stoker.queues.records import Queue
from stoker.queues.registry import QueueRegistry
from stoker.queues.sending import deduplication_scope, message_to_send
from stoker.queues.store import READ_MESSAGES_MAX, QueueStore
from stoker.queues.sweeper import Sweeper
from stoker.supervision import Background
from tests.queues.conftest import VirtualClock

ACCOUNT, REGION = "000000000000", "us-east-1"


class Room:
    """A node's queues, without the node."""

    def __init__(self, database: Database, background: Background, clock: VirtualClock) -> None:
        self.clock = clock
        self.store = QueueStore(database)
        self.registry = QueueRegistry(self.store)
        self.commits = Commits(self.store, background, clock)
        self.live = LiveQueues(self.registry, self.store, self.commits, background, clock)
        self.sweeper = Sweeper(self.registry, self.live, self.store, clock)

    async def queue(self, name: str = "q", **attributes: str) -> "Actor":
        queue = Queue(ACCOUNT, REGION, name, self.commits.next_number(), 0, 0, attributes)
        return Actor(self, await self.live.of(await self.registry.create(queue)))


class Actor:
    """Who sends to one queue and receives from it."""

    def __init__(self, room: Room, live: LiveQueue) -> None:
        self.room = room
        self.live = live

    async def send(self, *bodies: str, group: str | None = None, **members: Any) -> None:
        queue = self.live.queue
        if queue.is_fifo:
            members = {"MessageGroupId": group or "g", "MessageDeduplicationId": bodies[0].replace(" ", "-"), **members}
        now_ms = int(self.room.clock.s * 1000)
        messages = [message_to_send(queue, {"MessageBody": body, **members}, ACCOUNT, now_ms)[0] for body in bodies]
        await self.live.send(messages, [deduplication_scope(queue, message) for message in messages])

    async def receive(self, count: int = 10, visibility_s: float = 30, wait_s: float = 0) -> list[Received]:
        return await self.live.receive(Receiving(count, int(visibility_s * 1000), wait_s))

    async def bodies(self, count: int = 10, visibility_s: float = 30) -> list[str]:
        return [one.message.body for one in await self.receive(count, visibility_s)]

    async def delete(self, received: Received) -> None:
        receipt = receipt_of(received.handle)
        assert receipt is not None
        await self.live.delete(receipt, received.handle)

    async def change_visibility(self, received: Received, timeout_s: int) -> None:
        receipt = receipt_of(received.handle)
        assert receipt is not None
        await self.live.change_visibility(receipt, received.handle, timeout_s)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def open_room(url: str, clock: VirtualClock) -> AsyncIterator[Callable[[], Any]]:
    """Opens the same database again and again, as nodes do one after the other."""
    parts: list[Any] = []

    async def close() -> None:
        while parts:
            await parts.pop().__aexit__(None, None, None)

    async def open_it() -> Room:
        await close()
        database = await Database(url).__aenter__()
        background = await Background().__aenter__()
        parts.extend((database, background))
        room = Room(database, background, clock)
        await room.registry.load()
        return room

    yield open_it
    await close()


@pytest.fixture
async def room(open_room: Callable[[], Any]) -> Room:
    opened: Room = await open_room()
    return opened


async def test_a_message_is_seen_again_when_its_time_with_a_receiver_is_over(room: Room, clock: VirtualClock) -> None:
    queue = await room.queue()
    await queue.send("a")
    [first] = await queue.receive(visibility_s=30)
    clock.s += 29.9
    assert await queue.receive() == []
    clock.s += 0.1
    [second] = await queue.receive()
    assert (first.message.receives, second.message.receives) == (1, 2)
    assert first.message.first_received_ms == second.message.first_received_ms
    assert first.handle != second.handle


async def test_a_receiver_may_keep_a_message_for_twelve_hours_in_all(room: Room, clock: VirtualClock) -> None:
    queue = await room.queue()
    await queue.send("a")
    [held] = await queue.receive(visibility_s=11 * 3600)
    clock.s += 10 * 3600
    with pytest.raises(QueueError, match="beyond the limit"):
        await queue.change_visibility(held, 2 * 3600 + 1)
    await queue.change_visibility(held, 2 * 3600)
    clock.s += 2 * 3600 - 1
    assert await queue.receive() == []
    clock.s += 1
    assert await queue.bodies() == ["a"]


async def test_delays_end_in_their_time(room: Room, clock: VirtualClock) -> None:
    queue = await room.queue(DelaySeconds="10")
    await queue.send("queue's")
    await queue.send("own", DelaySeconds=5)
    await queue.send("none", DelaySeconds=0)
    assert await queue.live.counts() == (1, 0, 2)
    assert await queue.bodies() == ["none"]
    clock.s += 5
    assert await queue.bodies() == ["own"]
    clock.s += 5
    assert await queue.bodies() == ["queue's"]


async def test_the_delay_of_a_fifo_queue_holds_for_what_was_sent_before(room: Room, clock: VirtualClock) -> None:
    queue = await room.queue("q.fifo", DelaySeconds="10")
    await queue.send("a")
    assert await queue.bodies() == []
    assert await queue.live.counts() == (0, 0, 1)
    changed = await room.registry.change(queue.live.queue.key, lambda one: replace(one, attributes={}))
    assert changed is not None
    room.live.changed(changed)
    assert await queue.bodies() == ["a"]


async def test_messages_that_are_too_old_are_gone(room: Room, clock: VirtualClock) -> None:
    for name in ("q", "q.fifo"):
        queue = await room.queue(name, MessageRetentionPeriod="60")
        await queue.send("old")
        await queue.send("old too", group="h")
        await queue.bodies(1, visibility_s=0)
        clock.s += 61
        await queue.send("new")
        assert await queue.bodies() == ["new"]
        await room.commits.flush()
        assert await room.store.count(queue.live.queue.content_id) == 1


@pytest.mark.parametrize("name", ["q", "q.fifo"])
async def test_messages_that_nobody_receives_are_swept_away(room: Room, clock: VirtualClock, name: str) -> None:
    queue = await room.queue(name, MessageRetentionPeriod="60")
    await queue.bodies()  # what is sent now is held in memory, too
    for number in range(5):
        await queue.send(str(number))
    [held] = await queue.receive(1, visibility_s=600)
    clock.s += 61
    await queue.send("new", group="h")
    await room.sweeper.sweep()
    assert await queue.live.counts() == (1, 1, 0)
    assert await queue.bodies() == ["new"]
    await queue.delete(held)
    assert await room.store.count(queue.live.queue.content_id) == 1


async def test_a_queue_that_nobody_uses_is_swept_when_a_node_starts(
    open_room: Callable[[], Any], clock: VirtualClock
) -> None:
    queue = await (await open_room()).queue(MessageRetentionPeriod="60")
    await queue.send("old", "old too")
    clock.s += 61
    room = await open_room()
    await room.sweeper.sweep()
    assert await room.store.content_ids() == []


async def test_what_was_in_a_queue_that_is_no_more_is_swept_away(room: Room) -> None:
    queue, other = await room.queue(), await room.queue("other")
    await queue.send(*map(str, range(10)))
    await other.send("a")
    await room.registry.delete(queue.live.queue.key)
    room.live.deleted(queue.live.queue.key)
    room.sweeper.leftovers()
    await room.sweeper.sweep()
    assert await room.store.content_ids() == [other.live.queue.content_id]


async def test_a_window_is_read_again_and_again(room: Room) -> None:
    queue = await room.queue()
    count = 3 * READ_MESSAGES_MAX + 7
    for first in range(0, count, 100):
        await queue.send(*(str(number) for number in range(first, min(first + 100, count))))
    seen: list[str] = []
    while received := await queue.receive(visibility_s=3600):
        seen += [one.message.body for one in received]
    assert seen == [str(number) for number in range(count)]
    assert await queue.live.counts() == (0, count, 0)


async def test_memory_does_not_grow_with_the_depth_of_a_queue(room: Room) -> None:
    queue = await room.queue()
    await queue.bodies()
    for _ in range(30):
        await queue.send(*["x" * 1000] * 100)
    assert len(queue.live._order._window) <= READ_MESSAGES_MAX  # type: ignore[union-attr]
    assert (await queue.live.counts()).visible == 3000


async def test_new_messages_do_not_pass_those_that_came_back(room: Room, clock: VirtualClock) -> None:
    queue = await room.queue()
    await queue.send("old")
    await queue.receive(1, visibility_s=1)
    clock.s += 1
    for number in range(3):
        await queue.send(f"new {number}")
        clock.s += 0.001
    assert await queue.bodies(1) == ["old"]


@pytest.mark.parametrize("name", ["q", "q.fifo"])
async def test_the_next_node_knows_who_has_which_message(
    open_room: Callable[[], Any], clock: VirtualClock, name: str
) -> None:
    room = await open_room()
    queue = await room.queue(name)
    for body in ("a", "b", "c"):
        await queue.send(body, group="g" if body != "c" else "h")
    [held] = await queue.receive(1, visibility_s=60)
    await room.commits.flush()

    room = await open_room()
    queue = await room.queue(name)
    assert await queue.live.counts() == (2, 1, 0)
    assert await queue.bodies(visibility_s=0) == (["b", "c"] if name == "q" else ["c"])
    clock.s += 1
    await queue.change_visibility(held, 10)
    clock.s += 11
    [again, *_] = await queue.receive()
    assert (again.message.body, again.message.receives) == ("a", 2) if name == "q.fifo" else again.message.receives
    await room.commits.flush()

    room = await open_room()
    queue = await room.queue(name)
    await queue.delete(again)
    assert await room.store.count(queue.live.queue.content_id) == 2


async def test_a_standard_queue_has_an_end_of_what_can_be_in_flight(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_queue, "IN_FLIGHT_MAX", 3)
    assert flights.IN_FLIGHT_MAX == 120_000
    queue, fifo = await room.queue(), await room.queue("q.fifo")
    for number in range(5):
        await queue.send(str(number))
        await fifo.send(str(number), group=str(number))
    for actor in (queue, fifo):
        [first, *_] = [*await actor.receive(2), *await actor.receive(1)]
        if actor is queue:
            with pytest.raises(QueueError) as refused:
                await actor.receive(1)
            assert refused.value.code == "OverLimit"
        else:
            assert await actor.receive(1) == []
        await actor.delete(first)
        assert len(await actor.receive(1)) == 1


async def test_a_dead_letter_queue_takes_messages_with_their_past(room: Room, clock: VirtualClock) -> None:
    for end in ("", ".fifo"):
        dead = await room.queue(f"dead{end}", MessageRetentionPeriod="120")
        policy = json.dumps({"deadLetterTargetArn": dead.live.queue.arn, "maxReceiveCount": 2})
        queue = await room.queue(f"source{end}", RedrivePolicy=policy)
        await queue.send("poison")
        for _ in range(2):
            assert (await queue.bodies(1, visibility_s=1)) == ["poison"]
            clock.s += 1
        await queue.send("good")
        [good] = await queue.receive(1)
        assert good.message.body == "good"
        await room.commits.flush()
        assert await queue.live.counts() == (0, 1, 0)
        [message] = [one.message for one in await dead.receive(visibility_s=0)]
        assert (message.body, message.receives, message.source_arn) == ("poison", 3, queue.live.queue.arn)
        # A standard queue's message keeps its age.
        clock.s += 119
        assert await dead.bodies() == ([] if not end else ["poison"])


async def test_without_a_dead_letter_queue_messages_stay(room: Room, clock: VirtualClock) -> None:
    policy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:none","maxReceiveCount":1}'
    queue = await room.queue(RedrivePolicy=policy)
    await queue.send("a")
    for _ in range(3):
        assert await queue.bodies(visibility_s=0) == ["a"]


async def test_who_is_cancelled_while_waiting_takes_no_message_along(room: Room) -> None:
    queue = await room.queue()
    waiters = [asyncio.create_task(queue.receive(wait_s=20)) for _ in range(3)]
    await asyncio.sleep(0.05)
    waiters[0].cancel()
    queue.live._order.forget_window()  # the next one reads from the disk, and is cancelled meanwhile
    await queue.send("a")
    waiters[1].cancel()
    [received] = await asyncio.wait_for(waiters[2], 5)
    assert received.message.body == "a"


async def test_a_closed_queue_lets_nobody_wait(room: Room) -> None:
    queue = await room.queue()
    waiter = asyncio.create_task(queue.receive(wait_s=20))
    await asyncio.sleep(0.05)
    room.live.stop()
    assert await asyncio.wait_for(waiter, 5) == []


@pytest.mark.parametrize("seed", range(3))
async def test_groups_stay_in_order_whatever_concurrent_receivers_do(room: Room, seed: int) -> None:
    """Receivers delete, give back, and let go; each message is deleted once, and none before those sent before it."""
    chance = random.Random(seed)
    queue = await room.queue("q.fifo")
    groups, each = [f"g{number}" for number in range(5)], 20
    done: dict[str, list[int]] = defaultdict(list)
    held: dict[str, int] = defaultdict(int)

    async def sender() -> None:
        for number in range(each):
            for group in groups:
                await queue.send(f"{group} {number}", group=group)
                if chance.random() < 0.3:
                    await queue.send(f"{group} {number}", group=group)

    async def receiver() -> None:
        while sum(map(len, done.values())) < each * len(groups):
            received = await queue.receive(chance.randint(1, 10), wait_s=0.05)
            for one in received:
                group, number = one.message.body.split()
                held[group] += 1
            by_group = defaultdict(list)
            for one in received:
                by_group[one.message.group_id].append(int(one.message.body.split()[1]))
            for group, numbers in by_group.items():
                assert group is not None
                assert held[group] == len(numbers), "somebody else has messages of this group"
                assert numbers == list(range(len(done[group]), len(done[group]) + len(numbers)))
            fails = False
            for one in received:
                group, number = one.message.body.split()
                await asyncio.sleep(0)
                fails = fails or chance.random() < 0.2
                held[group] -= 1
                if fails:
                    await queue.change_visibility(one, 0)
                else:
                    done[group].append(int(number))
                    await queue.delete(one)

    await asyncio.wait_for(asyncio.gather(sender(), *(receiver() for _ in range(4))), 60)
    assert done == {group: list(range(each)) for group in groups}
    assert await queue.live.counts() == (0, 0, 0)


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_between_memory_and_disk(room: Room, clock: VirtualClock, seed: int) -> None:
    """A standard queue under everything at once, with a window that is often dropped."""
    chance = random.Random(seed)
    queue = await room.queue()
    count, seen, is_sent = 150, set(), asyncio.Event()

    async def sender() -> None:
        for number in range(count):
            await queue.send(str(number), DelaySeconds=chance.choice([0, 0, 0, 1]))
        is_sent.set()

    async def receiver() -> None:
        while not (is_sent.is_set() and sum(await queue.live.counts()) == 0):
            for one in await queue.receive(chance.randint(1, 10), visibility_s=chance.choice([0.001, 5, 30])):
                seen.add(one.message.body)
                action = chance.random()
                with suppress(QueueError):  # its time may be over
                    if action < 0.6:
                        await queue.delete(one)
                    elif action < 0.8:
                        await queue.change_visibility(one, 0)
            clock.s += 0.2
            if chance.random() < 0.1:
                queue.live._order.forget_window()
            await asyncio.sleep(0)

    await asyncio.wait_for(asyncio.gather(sender(), *(receiver() for _ in range(3))), 60)
    assert seen == {str(number) for number in range(count)}
    await room.commits.flush()
    assert await room.store.count(queue.live.queue.content_id) == 0


async def test_a_message_that_two_receivers_delete_at_once_is_counted_once(
    room: Room, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has had it for too long, and while it looks for it on the disk the second receives and deletes it."""
    queue = await room.queue()
    await queue.send("once")
    [late] = await queue.receive(visibility_s=1)
    clock.s += 2
    look = room.store.outline

    async def looked_slowly(content_id: int, number: int) -> Any:
        found = await look(content_id, number)
        [again] = await queue.receive()
        await queue.delete(again)
        return found

    monkeypatch.setattr(room.store, "outline", looked_slowly)
    await queue.delete(late)
    await queue.send("last")
    assert sum(await queue.live.counts()) == await room.store.count(queue.live.queue.content_id) == 1


@pytest.mark.parametrize("name", ["q", "q.fifo"])
async def test_a_message_that_is_read_before_its_sending_has_ended_is_there_once(
    room: Room, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    queue = await room.queue(name)
    content_id = queue.live.queue.content_id
    read = "outlines" if queue.live.queue.is_fifo else "visible"
    look, write = getattr(room.store, read), room.store.write
    is_on_disk, may_end = asyncio.Event(), asyncio.Event()
    sendings: list[asyncio.Task[None]] = []

    async def written(changes: Any) -> Any:
        results = await write(changes)
        is_on_disk.set()
        await may_end.wait()
        return results

    async def looked(*arguments: Any) -> Any:
        if not sendings:
            monkeypatch.setattr(room.store, "write", written)
            sendings.append(asyncio.create_task(queue.send("once")))
            await is_on_disk.wait()
        return await look(*arguments)

    queue.live._order._is_whole = False
    monkeypatch.setattr(room.store, read, looked)
    [received] = await queue.receive()
    may_end.set()
    await sendings[0]
    monkeypatch.setattr(room.store, "write", write)
    await queue.delete(received)
    assert await queue.bodies() == []
    assert sum(await queue.live.counts()) == await room.store.count(content_id) == 0
