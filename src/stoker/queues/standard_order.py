"""What a standard queue hands out next: messages that can be seen, read ahead from the disk in the order of their time.

Memory holds a window; the rest lies on disk, found by an index, so that a receiving takes as long with a million
messages as with ten. A message that came while all others were in the window goes into it without being read.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from stoker.queues.commits import Commits
from stoker.queues.flights import Flight, Flights
from stoker.queues.records import Message
from stoker.queues.store import READ_BYTES_MAX, READ_MESSAGES_MAX, Outline, Page, QueueStore

_NEVER_MS = 2**62


class StandardOrder:
    """Of one queue. What is not in the window and not in flight is on disk, and nowhere else."""

    def __init__(self, content_id: int, flights: Flights, store: QueueStore, commits: Commits) -> None:
        self._content_id = content_id
        self._flights = flights
        self._store = store
        self._commits = commits
        self._one_reader = asyncio.Lock()
        self._window: deque[Message] = deque()
        self._numbers: set[int] = set()
        self._bytes = 0
        # Whether all messages that could be seen are in the window, but for those that can be from `_next_ms` on.
        self._is_whole = False
        self._next_ms = _NEVER_MS
        # What happened while a reading was under way: it may or may not have seen it.
        self._is_reading = False
        self._changed: set[int] = set()
        self._came = _NEVER_MS

    async def open(self, now_ms: int, limit: int) -> list[Flight]:
        """The flights of the node before this one."""
        outlines = await self._store.in_flight(self._content_id, now_ms, limit)
        return [Flight(outline, now_ms) for outline in outlines]

    def reset(self, content_id: int) -> None:
        """The queue was purged."""
        self._content_id = content_id
        self.forget_window()

    def forget_window(self) -> None:
        """Nobody has asked for long. A reading that is under way leaves out what was in the window."""
        self._window.clear()
        self._numbers.clear()
        self._bytes = 0
        self._on_disk(0)

    def arrived(self, message: Message, now_ms: int, *, is_wanted: bool) -> None:
        """A message that is on disk now. `is_wanted`: somebody receives here."""
        if message.number in self._numbers or message.number in self._flights:
            return  # a reading was faster than this news
        # Not past those that lie on disk and can be seen: they would wait for as long as new ones come.
        is_next = self._is_whole and self._next_ms > now_ms and not self._is_reading
        if message.visible_ms > now_ms:
            self._on_disk(message.visible_ms)
        elif is_wanted and is_next and self._has_room():
            self._append(message)
        else:
            self._on_disk(0)

    def returned(self, flight: Flight) -> None:
        """It can be seen again; that is on disk, or will be before the next reading."""
        self._change(flight.number)
        self._on_disk(0)

    def gone(self, flight: Flight) -> None:
        """It was deleted while it was in flight."""
        self._change(flight.number)

    def removed(self, outline: Outline) -> None:
        """It was deleted while it could be seen."""
        self._change(outline.number)
        self._numbers.discard(outline.number)

    def is_exhausted(self, now_ms: int) -> bool:
        """Whether nothing can be seen now."""
        return not self._window and self._is_whole and self._next_ms > now_ms

    def next_visible_ms(self) -> int | None:
        """When something can be seen that cannot be now, as far as it is not in flight."""
        return self._next_ms if self._next_ms < _NEVER_MS else None

    async def look(self, now_ms: int, wanted: int) -> None:
        """Have `wanted` messages in the window, if so many can be seen."""
        async with self._one_reader:
            if len(self._window) >= wanted or (self._is_whole and self._next_ms > now_ms):
                return
            self._is_reading = True
            try:
                await self._read(now_ms)
            finally:
                self._is_reading = False

    def take(self, _now_ms: int, _mine: list[str]) -> Message | None:
        """The next message that can be seen, now the caller's."""
        while self._window:
            message = self._window.popleft()
            self._bytes -= len(message.body)
            if message.number in self._numbers:
                self._numbers.remove(message.number)
                return message
        return None

    async def bodies(self, numbers: Sequence[int]) -> dict[int, Message]:
        """Messages in flight."""
        return await self._store.messages(numbers)

    async def _read(self, now_ms: int) -> None:
        content_id = self._content_id
        # What is in flight has to be on disk as such, or it would be read as if it could be seen.
        await self._commits.flush()
        self._changed.clear()
        self._came = _NEVER_MS
        page = await self._store.visible(content_id, now_ms, frozenset(self._numbers))
        if content_id == self._content_id:
            self._add(page)

    def _add(self, page: Page) -> None:
        for message in page.messages:
            number = message.number
            if number not in self._changed and number not in self._numbers and number not in self._flights:
                self._append(message)
        on_disk_ms = _NEVER_MS if page.next_visible_ms is None else page.next_visible_ms
        self._next_ms = min(on_disk_ms, self._came)
        self._is_whole = page.is_complete

    def _change(self, number: int) -> None:
        if self._is_reading:
            self._changed.add(number)

    def _append(self, message: Message) -> None:
        self._window.append(message)
        self._numbers.add(message.number)
        self._bytes += len(message.body)

    def _has_room(self) -> bool:
        return self._bytes < READ_BYTES_MAX and len(self._window) < READ_MESSAGES_MAX

    def _on_disk(self, visible_ms: int) -> None:
        """A message can be seen from then on, and is not in the window."""
        self._next_ms = min(self._next_ms, visible_ms)
        self._came = min(self._came, visible_ms)
