"""What a FIFO queue hands out next: the first message of a group none of whose messages is with a receiver.

Memory holds an outline of the first 120,000 messages, as many as AWS looks through for groups that are free (Amazon SQS
Developer Guide, "FIFO queue and message group ID terms"); bodies are read when they are handed out.
"""

import asyncio
from collections.abc import Callable, Sequence

from stoker.queues.commits import Commits
from stoker.queues.flights import Flight
from stoker.queues.groups import Entry, Groups
from stoker.queues.records import Message
from stoker.queues.store import OUTLINES_MAX, READ_BYTES_MAX, Outline, QueueStore, outline_of

LOOKED_THROUGH_MAX = 120_000


class FifoOrder:
    """Of one queue. `delay_ms` says how long a message waits after it was sent: it holds for those sent before, too."""

    def __init__(
        self,
        content_id: int,
        delay_ms: Callable[[], int],
        adopt: Callable[[Flight], None],
        store: QueueStore,
        commits: Commits,
    ) -> None:
        """`adopt` takes the flights of the node before this one, as they are found."""
        self._content_id = content_id
        self._delay_ms = delay_ms
        self._adopt = adopt
        self._store = store
        self._commits = commits
        self._one_reader = asyncio.Lock()
        self._groups = Groups()
        self._held_bytes = 0
        # All messages up to this number are in memory or gone; `_is_whole` says that there are no others.
        self._last_number = 0
        self._is_whole = False
        self._came_while_reading = False
        # What was deleted while outlines were being read.
        self._removed: set[int] | None = None

    async def open(self, now_ms: int, limit: int) -> list[Flight]:
        """Read the outlines, and with them find the flights of the node before this one."""
        async with self._one_reader:
            while not self._is_whole and self._groups.waiting + limit < 2 * LOOKED_THROUGH_MAX:
                await self._read_outlines(now_ms)
        return []

    def reset(self, content_id: int) -> None:
        """The queue was purged."""
        self._content_id = content_id
        self._groups.clear()
        self._held_bytes = 0
        self._is_whole = False

    def forget_window(self) -> None:
        """Nobody has asked for long. Outlines stay."""

    def arrived(self, message: Message, _now_ms: int, *, is_wanted: bool) -> None:
        """A message that is on disk now. `is_wanted`: somebody receives here."""
        if message.number <= self._last_number:
            return  # a reading was faster than this news
        self._came_while_reading = True
        if not self._is_whole or self._groups.waiting >= LOOKED_THROUGH_MAX:
            self._is_whole = False
            return
        is_held = is_wanted and self._held_bytes < READ_BYTES_MAX
        self._held_bytes += len(message.body) if is_held else 0
        self._groups.add(Entry(outline_of(message), message if is_held else None))
        self._last_number = message.number

    def returned(self, flight: Flight) -> None:
        """It can be seen again."""
        self._groups.back(flight)

    def gone(self, flight: Flight) -> None:
        """It was deleted while it was in flight."""
        self._groups.free(flight.group_id or "")

    def removed(self, outline: Outline) -> None:
        """It was deleted while it could be seen: the first of its group, since it is the oldest."""
        if self._removed is not None:
            self._removed.add(outline.number)
        first = self._groups.first(outline.group_id or "")
        if first is not None and first.number == outline.number:
            self._held_bytes -= 0 if first.message is None else len(first.message.body)
            self._groups.drop(first)

    def is_exhausted(self, now_ms: int) -> bool:
        """Whether nothing can be handed out now."""
        first = self._groups.first()
        if first is not None:
            return self._due_ms(first) > now_ms
        return self._is_whole or self._groups.waiting >= LOOKED_THROUGH_MAX

    def next_visible_ms(self) -> int | None:
        """When something can be handed out that cannot be now, as far as it is not in flight."""
        first = self._groups.first()
        return None if first is None else self._due_ms(first)

    async def look(self, now_ms: int, wanted: int) -> None:
        """Have the next `wanted` messages in memory, if so many can be handed out."""
        async with self._one_reader:
            while not self._is_whole and self._groups.first() is None and self._groups.waiting < LOOKED_THROUGH_MAX:
                await self._read_outlines(now_ms)
            await self._read_bodies(wanted)

    def take(self, now_ms: int, mine: list[str]) -> Message | None:
        """The next message, now the caller's; `mine` are the groups of what they have already taken, in order."""
        entry = self._groups.first(mine[-1]) if mine else None
        if entry is None:
            entry = self._groups.first()
        if entry is None or entry.message is None or self._due_ms(entry) > now_ms:
            return None
        self._groups.take(entry)
        self._held_bytes -= len(entry.message.body)
        mine.append(entry.outline.group_id or "")
        return entry.message._replace(
            receives=entry.outline.receives, first_received_ms=entry.outline.first_received_ms
        )

    async def bodies(self, numbers: Sequence[int]) -> dict[int, Message]:
        """Messages in flight."""
        return await self._store.messages(numbers)

    def _due_ms(self, entry: Entry) -> int:
        return entry.outline.sent_ms + self._delay_ms()

    async def _read_outlines(self, now_ms: int) -> None:
        content_id = self._content_id
        self._removed = set()
        self._came_while_reading = False
        try:
            outlines = await self._store.outlines(content_id, self._last_number)
            if content_id != self._content_id:
                return
            for outline in outlines:
                if outline.number not in self._removed:
                    self._add(outline, now_ms)
        finally:
            self._removed = None
        if outlines:
            self._last_number = outlines[-1].number
        self._is_whole = len(outlines) < OUTLINES_MAX and not self._came_while_reading

    def _add(self, outline: Outline, now_ms: int) -> None:
        if outline.visible_ms > now_ms and outline.receives > outline.receives_before:
            self._groups.add_away(outline.group_id or "")
            self._adopt(Flight(outline, now_ms))
        else:
            self._groups.add(Entry(outline))

    async def _read_bodies(self, wanted: int) -> None:
        content_id = self._content_id
        without = [entry for entry in self._groups.candidates(wanted) if entry.message is None]
        if not without:
            return
        messages = await self._store.messages([entry.number for entry in without])
        if content_id != self._content_id:
            return
        for entry in without:
            message = messages.get(entry.number)
            if message is None:
                self._groups.drop(entry)
            else:
                entry.message = message
                self._held_bytes += len(message.body)
