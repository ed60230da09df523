"""One lane of the queue: all that waits for one function, or for one destination, in the order in which it is due.

Each lane reads, runs and waits for itself, so that none stands in another's way. It holds one reading of items in
memory and lives as long as something of it waits or runs.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic

from stoker.async_invocations.congestion import Congestion
from stoker.async_invocations.pace import Pace
from stoker.async_invocations.records import Item, Queued
from stoker.async_invocations.store import StoredQueue
from stoker.clock import Clock
from stoker.supervision import Background

log = logging.getLogger("stoker.async_invocations")


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of an item: whether it was refused for want of room, and when it is due again (None: never)."""

    is_refused: bool = False
    due_s: float | None = None


FreePlace = Callable[[], None]
"""The item needs its place no longer: what is left to be done is to write down what became of it."""

Work = Callable[[Queued[Item], FreePlace], Awaitable[Handled]]
"""Does what is to be done with an item, and has its change on disk when it returns."""

# Of one lane, those that have run and are being written down. A commit takes them all together.
ENDING_MAX = 256


@dataclass(frozen=True, slots=True)
class LaneRules(Generic[Item]):
    """What all lanes of a queue have in common. `places` says how many items of a lane may be in flight."""

    queue: StoredQueue[Item]
    work: Work[Item]
    places: Callable[[str], int]
    background: Background
    clock: Clock


class Lane(Generic[Item]):
    """Call `wake` when something was added; `serve` runs until there is nothing left."""

    def __init__(self, name: str, rules: LaneRules[Item]) -> None:
        self.name = name
        self.running: dict[int, asyncio.Task[None]] = {}
        self._ending: set[int] = set()  # those of them that have no place any more
        self._rules = rules
        self._ready: deque[Queued[Item]] = deque()
        # When something that is not in `_ready` is due; the start of a lane is a first look.
        self._next_due_s = -math.inf
        self._congestion = Congestion()
        self._pace = Pace()
        self._woken = asyncio.Event()
        self._is_stopping = False

    def wake(self, due_s: float) -> None:
        """Something that is due at `due_s` was added."""
        self._next_due_s = min(self._next_due_s, due_s)
        self._woken.set()

    def forget_refusals(self) -> None:
        """Do not wait out the pause: what was refused may be possible now."""
        self._congestion.forget()
        self._woken.set()

    def stop(self) -> None:
        """Start nothing more; what runs goes on."""
        self._is_stopping = True
        self._woken.set()

    async def serve(self) -> None:
        """Run what is due until nothing waits and nothing runs, or the lane is stopped."""
        while not self._is_stopping:
            self._woken.clear()
            await self._read()
            self._start()
            self._note_pace()
            if not self._ready and not self.running and self._next_due_s == math.inf:
                return
            await self._wait()

    async def _read(self) -> None:
        now_s = self._rules.clock.now_s()
        if self._ready or self._next_due_s > now_s or self._room() < 1:
            return
        # What is added during the reading tells its time by `wake`, and may be missed by the reading. What ends during
        # it is skipped, for the reading may still see it.
        self._next_due_s, before_s = math.inf, self._next_due_s
        try:
            due = await self._rules.queue.due(self.name, now_s, frozenset(self.running))
        except BaseException:
            self._next_due_s = min(self._next_due_s, before_s)
            raise
        self._ready.extend(due.items)
        if due.next_due_s is not None:
            self._next_due_s = min(self._next_due_s, due.next_due_s)

    def _start(self) -> None:
        for _ in range(min(self._room(), len(self._ready))):
            if self._is_stopping:
                return
            queued = self._ready.popleft()
            self.running[queued.id] = self._rules.background.start(self._run(queued), f"work for {self.name}")

    async def _run(self, queued: Queued[Item]) -> None:
        try:
            handled = await self._rules.work(queued, lambda: self._free_place(queued.id))
        except Exception:  # nobody else waits for it; it stays on disk as it was, and comes again after a pause
            log.exception("%s: request %s could not be handled", self.name, queued.item.request_id)
            handled = Handled(is_refused=True, due_s=self._rules.clock.now_s())
        finally:
            del self.running[queued.id]
            self._ending.discard(queued.id)
        if handled.is_refused:
            self._congestion.refused(self._taken(), self._rules.clock.now_s())
        else:
            self._congestion.went_well()
            self._pace.ended(self._rules.clock.now_s())
        self.wake(math.inf if handled.due_s is None else handled.due_s)

    def _free_place(self, item_id: int) -> None:
        self._ending.add(item_id)
        self._woken.set()

    def _note_pace(self) -> None:
        now_s = self._rules.clock.now_s()
        if (self._ready or self._next_due_s <= now_s) and now_s >= self._congestion.paused_until_s:
            self._pace.limits(now_s, self._rules.places(self.name))
        else:
            self._pace.rests()

    async def _wait(self) -> None:
        """Until something is to be done: by being woken, or at the time that is known now."""
        due_s = -math.inf if self._ready else self._next_due_s
        if self._room_at(math.inf) < 1:
            due_s = self._pace.next_look_s  # the end of what runs wakes sooner
        wait_s = max(due_s, self._congestion.paused_until_s) - self._rules.clock.now_s()
        try:
            async with asyncio.timeout(None if wait_s == math.inf else max(0.0, wait_s)):
                await self._woken.wait()
        except TimeoutError:
            return

    def _room(self) -> int:
        return self._room_at(self._rules.clock.now_s())

    def _room_at(self, now_s: float) -> int:
        if len(self._ending) >= ENDING_MAX:
            return 0
        return self._congestion.room(self._places(), self._taken(), now_s)

    def _taken(self) -> int:
        return len(self.running) - len(self._ending)

    def _places(self) -> int:
        return min(self._rules.places(self.name), self._pace.size)
