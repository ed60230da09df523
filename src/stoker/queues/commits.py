"""What happens to messages, on its way to the disk: changes that somebody waits for, and notes that nobody does.

A reception is only noted: when a message may be seen again must outlive a restart, but no receiver should wait for the
disk. A node that is killed may forget the last moments' notes; then a message is handed out again, early.
"""

import asyncio
from collections.abc import Sequence

from stoker.clock import Clock
from stoker.database.group_commit import GroupCommit
from stoker.queues.records import Change, Reception, Sent
from stoker.queues.store import QueueStore
from stoker.supervision import Background

NOTES_AFTER_S = 0.2
# Of one change; what is deleted meanwhile need not be noted.
NOTES_AT_ONCE_MAX = 5_000


class Commits:
    """To be used from the event loop's thread only."""

    def __init__(self, store: QueueStore, background: Background, clock: Clock) -> None:
        self._store = store
        self._background = background
        self._group: GroupCommit[Change, Sequence[Sent]] = GroupCommit(self._write, background, "message commit")
        self._notes: dict[int, Reception] = {}
        self._flushing: asyncio.TimerHandle | None = None
        # Never used twice, also not after a restart: the clock is far ahead of a count of messages.
        self._last_number = int(clock.now_s() * 1000) << 20

    def next_number(self) -> int:
        """A message's place in the order of all."""
        self._last_number += 1
        return self._last_number

    async def commit(self, change: Change) -> Sequence[Sent]:
        """Return when `change` is on disk, with what became of the messages it sends."""
        return await self._group.commit(change)

    def commit_later(self, change: Change, what: str) -> None:
        """The same for what nobody waits for."""
        self._background.start(self._group.commit(change), what)

    def note(self, reception: Reception) -> None:
        """Write it soon."""
        self._notes[reception.number] = reception
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(NOTES_AFTER_S, self._flush_later)

    def forget(self, number: int) -> None:
        """The message is being deleted: what was noted of it need not be written."""
        self._notes.pop(number, None)

    async def flush(self) -> None:
        """Return when everything that was noted, and every change before this call, is on disk."""
        change = self._noted()
        while self._notes:
            await self._group.commit(change)
            change = self._noted()
        await self._group.commit(change)

    def _flush_later(self) -> None:
        self._flushing = None
        if self._notes:
            self._background.start(self.flush(), "notes of receptions")

    def _noted(self) -> Change:
        if len(self._notes) <= NOTES_AT_ONCE_MAX:
            notes, self._notes = self._notes, {}
            return Change(received=tuple(notes.values()))
        first = list(self._notes)[:NOTES_AT_ONCE_MAX]
        return Change(received=tuple(self._notes.pop(number) for number in first))

    async def _write(self, changes: Sequence[Change]) -> Sequence[Sequence[Sent]]:
        results = await self._store.write(changes)
        for change, sent in zip(changes, results, strict=True):
            if change.done is not None:
                change.done(sent)
        return results
