"""A queue at work: sending, receiving, and what becomes of messages that were received.

What waits lies on disk; who has which message, and who waits for one, is known in memory, since one process has the
database for itself. The orders say which message comes next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from stoker.alarm import Alarm
from stoker.clock import Clock, epoch_ms
from stoker.queues import errors
from stoker.queues.commits import Commits
from stoker.queues.fifo_order import FifoOrder
from stoker.queues.flights import IN_FLIGHT_MAX, VISIBILITY_MAX_S, Flight, Flights
from stoker.queues.receipts import Receipt, handle_of
from stoker.queues.receive_attempts import ReceiveAttempts
from stoker.queues.receiving import Counts, Received, Receiving
from stoker.queues.records import Change, Message, Queue, Reception, Sending, Sent
from stoker.queues.redrive_policy import RedrivePolicy, redrive_policy_of
from stoker.queues.standard_order import StandardOrder
from stoker.queues.store import Outline, QueueStore, outline_of
from stoker.queues.waiting import Waiting

# How long messages are kept in memory for receivers that have not come back.
WANTED_MS = 60_000
_NEVER_MS = 2**62


class GivenUp(NamedTuple):
    """A message of `queue` that was received too often. `moved` is to be called when it is on disk elsewhere, `kept`
    when that failed."""

    queue: Queue
    message: Message
    policy: RedrivePolicy
    moved: Callable[[], None]
    kept: Callable[[], None]


@dataclass(frozen=True, slots=True)
class QueueWork:
    """What queues work with. `give_up` moves a message away, and answers whether there is a place for it."""

    store: QueueStore
    commits: Commits
    clock: Clock
    give_up: Callable[[GivenUp], bool]


class LiveQueue:
    """`queue` is what is configured of it now. To be opened before use."""

    def __init__(self, queue: Queue, work: QueueWork) -> None:
        self.queue = queue
        self._store = work.store
        self._commits = work.commits
        self._clock = work.clock
        self._give_up = work.give_up
        self._flights = Flights()
        self._waiting = Waiting()
        self._alarm = Alarm(self._look_again)
        self._attempts = ReceiveAttempts()
        self._total = 0
        self._asked_ms = 0
        # Messages that went off the disk while somebody looked there for messages to delete (`_looked_for`).
        self._looking = 0
        self._gone: set[int] = set()
        self._is_closed = False
        self._order: StandardOrder | FifoOrder = (
            FifoOrder(queue.content_id, self._delay_ms, self._flights.add, work.store, work.commits)
            if queue.is_fifo
            else StandardOrder(queue.content_id, self._flights, work.store, work.commits)
        )

    async def open(self) -> None:
        """Find what the node before this one left."""
        self._total = await self._store.count(self.queue.content_id)
        for flight in await self._order.open(self._now_ms(), IN_FLIGHT_MAX):
            self._flights.add(flight)

    def reset(self, queue: Queue) -> None:
        """The queue was purged: it has another content, which is empty."""
        self.queue = queue
        self._order.reset(queue.content_id)
        self._flights.clear()
        self._attempts.clear()
        self._total = 0

    def close(self) -> None:
        """The queue is no more, or the node stops: nobody waits here any longer."""
        self._is_closed = True
        self._waiting.end()
        self._alarm.close()

    def rest(self) -> None:
        """Drop what is held for receivers, if none has come for long."""
        if not self._waiting and not self._is_wanted():
            self._order.forget_window()

    # Sending

    async def send(self, messages: Sequence[Message], scopes: Sequence[str | None]) -> Sequence[Sent]:
        """Return when all of them are on disk. `scopes` say where each is looked for, if it might have been sent
        before (FIFO)."""
        return await self._commits.commit(self.sending(messages, scopes))

    def sending(self, messages: Sequence[Message], scopes: Sequence[str | None], deleted: Sequence[int] = ()) -> Change:
        """The change that puts messages here, and takes others off another queue.

        To be committed before anything is waited for: numbers count up in the order of commits.
        """
        queue, next_number = self.queue, self._commits.next_number
        sendings = tuple(
            Sending(queue.content_id, queue.is_fifo, message._replace(number=next_number()), scope)
            for message, scope in zip(messages, scopes, strict=True)
        )
        return Change(sent=sendings, deleted=tuple(deleted), done=lambda sent: self._arrived(sendings, sent))

    def _arrived(self, sendings: Sequence[Sending], sent: Sequence[Sent]) -> None:
        if sendings[0].content_id != self.queue.content_id:
            return  # purged meanwhile
        self._expire()
        now_ms, is_wanted = self._now_ms(), self._is_wanted()
        count = 0
        for sending, result in zip(sendings, sent, strict=True):
            if result.is_new:
                self._order.arrived(sending.message, now_ms, is_wanted=is_wanted)
                count += 1
        self._total += count
        self._tell(count)

    # Receiving

    async def receive(self, receiving: Receiving) -> list[Received]:
        """Up to `count` messages: as soon as there are any, none after `wait_s`. Raises QueueErrors."""
        deadline_s = asyncio.get_running_loop().time() + receiving.wait_s
        again = await self._received_again(receiving)
        if again is not None:
            return again
        while True:
            try:
                received = await self._try(receiving)
            except BaseException:
                self._waiting.wake(1)  # who goes away may have been woken for what another one waits for
                raise
            if received or self._is_closed or receiving.wait_s <= 0:
                break
            self._set_alarm()
            if not await self._waiting.wait(deadline_s, receiving.client):
                break
        if received and self._waiting and not self._order.is_exhausted(self._now_ms()):
            self._waiting.wake(1)
        if received and receiving.attempt_id is not None:
            self._attempts.keep(receiving.attempt_id, [one.message.number for one in received], self._now_ms())
        return received

    async def _try(self, receiving: Receiving) -> list[Received]:
        """What there is now."""
        if len(self._flights) >= IN_FLIGHT_MAX:
            self._expire()
            if len(self._flights) >= IN_FLIGHT_MAX:
                if self.queue.is_fifo or receiving.wait_s > 0:
                    return []
                raise errors.over_limit(IN_FLIGHT_MAX)
        while True:
            self._asked_ms = now_ms = self._now_ms()
            self._expire()
            if not self._order.is_exhausted(now_ms):
                await self._order.look(now_ms, receiving.count)
            # From here on nothing waits: what is taken is told of, or never was taken.
            received = self._take(receiving, self._now_ms())
            if received or self._order.is_exhausted(now_ms):
                return received

    def _take(self, receiving: Receiving, now_ms: int) -> list[Received]:
        policy = redrive_policy_of(self.queue)
        oldest_ms = now_ms - self.queue.number("MessageRetentionPeriod") * 1000
        received: list[Received] = []
        groups: list[str] = []
        while len(received) < receiving.count:
            message = self._order.take(now_ms, groups)
            if message is None:
                break
            flight = Flight(outline_of(message), now_ms)
            if message.sent_ms < oldest_ms:
                self._discard(flight)
            elif not self._is_given_up(message, flight, policy):
                received.append(self._hand_out(message, flight, receiving.visibility_ms, now_ms))
        return received

    def _hand_out(self, message: Message, flight: Flight, visibility_ms: int, now_ms: int) -> Received:
        flight.receives += 1
        flight.first_received_ms = flight.first_received_ms or now_ms
        flight.visible_ms = now_ms + visibility_ms
        self._flights.add(flight)
        self._note(flight)
        receipt = Receipt(self.queue.content_id, flight.number, flight.receives, now_ms)
        told = message._replace(receives=flight.receives, first_received_ms=flight.first_received_ms)
        return Received(told, handle_of(receipt))

    def _is_given_up(self, message: Message, flight: Flight, policy: RedrivePolicy | None) -> bool:
        """Whether the message was received too often and goes to the dead-letter queue instead."""
        if policy is None or message.receives - message.receives_before < policy.receives_max:
            return False
        content_id = self.queue.content_id
        self._hide(flight)
        moved, kept = partial(self._ended, flight, content_id), partial(self.give_back, flight)
        if self._give_up(GivenUp(self.queue, message, policy, moved, kept)):
            return True
        self._flights.remove(flight.number)
        return False

    async def _received_again(self, receiving: Receiving) -> list[Received] | None:
        """What an attempt of the same name got, if all of it is still in flight and as it was; hidden anew."""
        now_ms = self._now_ms()
        self._expire()
        numbers = self._attempts.find(receiving.attempt_id, now_ms)
        flights = [self._flights.get(number) for number in numbers]
        unchanged = [flight for flight in flights if flight is not None and not flight.is_changed]
        if not numbers or len(unchanged) < len(numbers):
            return None
        for flight in unchanged:
            self._flights.ends_at(flight, now_ms + receiving.visibility_ms)
            self._note(flight)
        messages = await self._order.bodies(numbers)
        content_id = self.queue.content_id
        return [
            Received(
                messages[flight.number]._replace(receives=flight.receives, first_received_ms=flight.first_received_ms),
                handle_of(Receipt(content_id, flight.number, flight.receives, flight.received_ms)),
            )
            for flight in unchanged
            if flight.number in messages
        ]

    # What receivers do with messages

    async def delete(self, receipt: Receipt, handle: str) -> None:
        """Return when it is off the disk. An old handle deletes nothing (standard) or is refused (FIFO)."""
        self._expire()
        flight = self._flights.get(receipt.number)
        if flight is None:
            await self._delete_visible(receipt, handle)
        elif flight.receives == receipt.receives:
            self._hide(flight)
            await self._delete(flight)
        elif self.queue.is_fifo:
            raise errors.expired_handle(handle)

    async def _delete_visible(self, receipt: Receipt, handle: str) -> None:
        """A message whose time with its receiver is over, or that is no more."""
        await self._commits.flush()
        found = await self._looked_for(self._on_disk(receipt.number))
        if not found:
            return
        [outline] = found
        if self.queue.is_fifo:
            raise errors.expired_handle(handle)
        if outline.receives <= receipt.receives:
            flight = Flight(outline, receipt.received_ms)
            self._order.removed(outline)
            self._hide(flight)
            await self._delete(flight)

    async def change_visibility(self, receipt: Receipt, handle: str, timeout_s: int) -> None:
        """Raises QueueErrors."""
        self._expire()
        flight = self._flights.get(receipt.number)
        if flight is None or flight.receives != receipt.receives:
            raise await self._not_changeable(receipt, handle)
        now_ms = self._now_ms()
        if now_ms + timeout_s * 1000 > flight.received_ms + VISIBILITY_MAX_S * 1000:
            raise errors.invalid(
                timeout_s,
                "VisibilityTimeout",
                f"Total VisibilityTimeout for the message is beyond the limit [{VISIBILITY_MAX_S} seconds]",
            )
        flight.is_changed = True
        self._flights.ends_at(flight, now_ms + timeout_s * 1000)
        self._note(flight)
        if timeout_s == 0:
            self._expire()
            self._waiting.wake(1)
        elif self._waiting:
            self._set_alarm()

    async def _not_changeable(self, receipt: Receipt, handle: str) -> errors.QueueError:
        outline = await self._store.outline(self.queue.content_id, receipt.number)
        if outline is None or receipt.number in self._flights:
            return errors.gone_message(handle)
        return errors.expired_handle(handle) if self.queue.is_fifo else errors.not_in_flight()

    # Taking messages to another queue

    async def take_for_moving(self, count: int) -> list[tuple[Message, Flight]]:
        """Messages that can be seen, hidden from receivers until they are `moved`, or given back."""
        now_ms = self._now_ms()
        self._expire()
        if not self._order.is_exhausted(now_ms):
            await self._order.look(now_ms, count)
        taken: list[tuple[Message, Flight]] = []
        groups: list[str] = []
        while len(taken) < count and (message := self._order.take(now_ms, groups)) is not None:
            flight = Flight(outline_of(message), now_ms)
            self._hide(flight)
            taken.append((message, flight))
        return taken

    def moved(self, flight: Flight, content_id: int) -> None:
        """It is on disk in another queue, and no more in this one. `content_id` is that of when it was taken."""
        self._ended(flight, content_id)

    def give_back(self, flight: Flight) -> None:
        """It stays here."""
        if self._flights.remove(flight.number) is not None:
            self._order.returned(flight)
            self._tell(1)

    async def delete_old(self) -> int:
        """Take some of the messages whose retention is over off the disk; how many. Those in flight have time."""
        if self._total <= len(self._flights):
            return 0
        before_ms = self._now_ms() - self.queue.number("MessageRetentionPeriod") * 1000
        content_id = self.queue.content_id
        outlines = await self._looked_for(self._store.expired(content_id, before_ms))
        if not outlines or content_id != self.queue.content_id:
            return 0
        flights = [Flight(outline, outline.sent_ms) for outline in outlines]
        for outline, flight in zip(outlines, flights, strict=True):
            self._order.removed(outline)
            self._hide(flight)

        def deleted(_: Sequence[Sent]) -> None:
            for outline, flight in zip(outlines, flights, strict=True):
                if self._is_off_the_disk(flight, content_id):
                    self._order.removed(outline)  # what is being read now may hold it

        try:
            await self._commits.commit(Change(deleted=tuple(flight.number for flight in flights), done=deleted))
        except Exception:
            for flight in flights:
                self.give_back(flight)
            raise
        return len(outlines)

    # Telling

    async def counts(self) -> Counts:
        """As they are now."""
        self._expire()
        total, in_flight = self._total, len(self._flights)
        delayed = 0
        if total > in_flight:
            delayed = await self._delayed(in_flight)
        return Counts(max(0, total - in_flight - delayed), in_flight, delayed)

    async def _delayed(self, in_flight: int) -> int:
        now_ms, content_id = self._now_ms(), self.queue.content_id
        if self.queue.is_fifo:
            delay_ms = self._delay_ms()
            return await self._store.count_sent_since(content_id, now_ms - delay_ms) if delay_ms else 0
        await self._commits.flush()
        return max(0, await self._store.count_hidden(content_id, now_ms) - in_flight)

    # Inside

    async def _on_disk(self, number: int) -> Sequence[Outline]:
        outline = await self._store.outline(self.queue.content_id, number)
        return [] if outline is None else [outline]

    async def _looked_for(self, looking: Awaitable[Sequence[Outline]]) -> list[Outline]:
        """What was found on the disk, but for what somebody else deals with, or did while this one looked."""
        self._looking += 1
        try:
            found = await looking
            return [one for one in found if one.number not in self._flights and one.number not in self._gone]
        finally:
            self._looking -= 1
            if not self._looking:
                self._gone.clear()

    def _hide(self, flight: Flight) -> None:
        """Nobody may find it until what happens to it is on disk."""
        self._commits.forget(flight.number)
        flight.visible_ms = _NEVER_MS
        self._flights.add(flight)

    async def _delete(self, flight: Flight) -> None:
        content_id = self.queue.content_id
        try:
            await self._commits.commit(Change(deleted=(flight.number,), done=lambda _: self._ended(flight, content_id)))
        except Exception:
            self.give_back(flight)
            raise

    def _discard(self, flight: Flight) -> None:
        """Too old to be handed out."""
        content_id = self.queue.content_id
        self._hide(flight)
        change = Change(deleted=(flight.number,), done=lambda _: self._ended(flight, content_id))
        self._commits.commit_later(change, "deleting of an old message")

    def _ended(self, flight: Flight, content_id: int) -> None:
        """It is off the disk. What was purged meanwhile is not counted any more."""
        if self._is_off_the_disk(flight, content_id):
            self._order.gone(flight)
            if self.queue.is_fifo:
                self._tell(1)  # its group may go on

    def _is_off_the_disk(self, flight: Flight, content_id: int) -> bool:
        """Count it so; False if it is not counted any more."""
        if content_id != self.queue.content_id or self._flights.remove(flight.number) is None:
            return False
        if self._looking:
            self._gone.add(flight.number)
        self._total -= 1
        return True

    def _note(self, flight: Flight) -> None:
        self._commits.note(
            Reception(flight.number, self.queue.is_fifo, flight.visible_ms, flight.receives, flight.first_received_ms)
        )

    def _expire(self) -> None:
        for flight in self._flights.ended(self._now_ms()):
            self._order.returned(flight)

    def _tell(self, count: int) -> None:
        """There may be so many messages more for those who wait."""
        if self._waiting:
            self._waiting.wake(count)
            self._set_alarm()

    def _set_alarm(self) -> None:
        """For when something comes back by itself."""
        times = [ms for ms in (self._flights.next_end_ms(), self._order.next_visible_ms()) if ms is not None]
        if times and not self._is_closed:
            wait_ms = max(0, min(times) - self._now_ms())
            self._alarm.set(asyncio.get_running_loop().time() + wait_ms / 1000 + 0.001)

    def _look_again(self) -> None:
        self._waiting.wake(1)
        if self._waiting:
            self._set_alarm()

    def _is_wanted(self) -> bool:
        return self._now_ms() - self._asked_ms < WANTED_MS

    def _delay_ms(self) -> int:
        return self.queue.number("DelaySeconds") * 1000

    def _now_ms(self) -> int:
        return epoch_ms(self._clock)
