"""The logs of a node: lines go into memory at once and reach the database in batches; readers see everything printed.

`append` is on the path of an invocation, so it neither waits nor touches the database. One task writes; a reader asks
for a flush first. `queries.py` holds the SQL.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from stoker.clock import Clock, epoch_ms
from stoker.database.engine import Database
from stoker.logs import queries
from stoker.logs.chunks import NewChunk
from stoker.logs.records import LogGroup, LogGroupName, LogLine, LogStream
from stoker.logs.waiting import WaitingLines
from stoker.supervision import Background, supervise

log = logging.getLogger("stoker.logs")

FLUSH_AFTER_S = 0.5
FLUSH_AT_LINES = 2_000
FLUSH_AT_BYTES = 1024 * 1024
# A transaction stays short, so that other writers of an SQLite file are not kept waiting.
BATCH_LINES_MAX = 5_000
EXPIRE_EVERY_S = 3600.0
MS_PER_DAY = 86_400_000
END_OF_TIME_MS = 2**62


class LogFollower(Protocol):
    """Who is told what happens to logs."""

    async def written(self, lines: Sequence[LogLine]) -> None:
        """These are in the database now. The writer waits."""
        ...

    async def deleted(self, group: LogGroupName) -> None:
        """With all its streams."""
        ...


class LogStore:
    """Groups, streams and events. To be used from the event loop's thread only."""

    def __init__(self, database: Database, clock: Clock, background: Background, retention_days: int = 0) -> None:
        """`retention_days` is what a new group gets; 0 keeps events for ever."""
        self._database = database
        self._clock = clock
        self._background = background
        self._retention_days = retention_days or None
        self._waiting = WaitingLines()
        self._has_lines = asyncio.Event()
        self._is_urgent = asyncio.Event()
        self._one_writer = asyncio.Lock()
        self._loops: list[asyncio.Task[None]] = []
        self._paused: list[Callable[[], None]] = []
        self._follower: LogFollower | None = None

    def start(self) -> None:
        """Start writing what is appended, and deleting what has expired."""
        self._loops = [
            self._background.start(supervise(self._write_for_ever, "log writer"), "log writer"),
            self._background.start(supervise(self._expire_for_ever, "log retention"), "log retention"),
        ]

    def follow(self, follower: LogFollower | None) -> None:
        """Tell `follower` of what is written and deleted from now on; None ends it."""
        self._follower = follower

    async def close(self) -> None:
        """Stop the loops and write what waits."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.flush()

    def append(self, group: LogGroupName, stream: str, timestamp_ms: int, message: str) -> None:
        """Take one event. Never waits; when the database cannot keep up, the newest lines are dropped and counted."""
        waiting = self._waiting
        waiting.add(group, stream, timestamp_ms, message)
        self._has_lines.set()
        if waiting.lines >= FLUSH_AT_LINES or waiting.bytes >= FLUSH_AT_BYTES:
            self._is_urgent.set()

    def is_full(self, stream: str) -> bool:
        """Whether so much of `stream` waits that its writer should pause; `when_room` tells when to go on."""
        return self._waiting.is_full(stream)

    def when_room(self, resume: Callable[[], None]) -> None:
        """Call `resume` once, when the next batch has been written."""
        self._paused.append(resume)

    async def flush(self) -> None:
        """Return when everything appended before this call can be read."""
        # Shielded: a reader that goes away must not cut a batch in two, or it would be written twice.
        await asyncio.shield(self._background.start(self._write_waiting(), "log flush"))

    async def _write_for_ever(self) -> None:
        while True:
            await self._has_lines.wait()
            try:
                async with asyncio.timeout(FLUSH_AFTER_S):
                    await self._is_urgent.wait()
            except TimeoutError:
                pass
            await self.flush()

    async def _write_waiting(self) -> None:
        async with self._one_writer:
            self._note_dropped()
            remaining = self._waiting.chunks
            while remaining > 0:
                batch = self._waiting.first(BATCH_LINES_MAX)
                now_ms = epoch_ms(self._clock)
                await self._database.write_relaxed(queries.insert_chunks, batch, now_ms, self._retention_days)
                self._waiting.discard(batch)
                remaining -= len(batch)
                self._resume()
                await self._tell(batch)
            self._is_urgent.clear()
            if not self._waiting.chunks:
                self._has_lines.clear()

    async def _tell(self, batch: Sequence[NewChunk]) -> None:
        if self._follower is not None:
            try:
                await self._follower.written([line for chunk in batch for line in chunk.lines()])
            except Exception:  # whatever it is, the lines are written
                log.exception("log lines could not be sent on")

    def _resume(self) -> None:
        paused, self._paused = self._paused, []
        for resume in paused:
            resume()

    def _note_dropped(self) -> None:
        for (group, stream), count in self._waiting.take_dropped().items():
            text = f"Stoker dropped {count} log lines here: the database could not keep up.\n"
            log.warning("%s %s: %s", group.name, stream, text.rstrip())
            self._waiting.add_anyway(group, stream, epoch_ms(self._clock), text)

    async def _expire_for_ever(self) -> None:
        while True:
            await self.expire()
            await asyncio.sleep(EXPIRE_EVERY_S)

    async def expire(self) -> int:
        """Delete events that are older than their group's retention; returns how many chunks of them."""
        deleted = 0
        for group, days in await self._database.read(queries.groups_with_retention):
            before_ms = epoch_ms(self._clock) - days * MS_PER_DAY
            while (count := await self._database.write(queries.delete_events_before, group, before_ms)) > 0:
                deleted += count
            await self._database.write(queries.delete_streams_before, group, before_ms)
        return deleted

    async def find_group(self, group: LogGroupName) -> LogGroup | None:
        await self.flush()
        return await self._database.read(queries.find_group, group)

    async def find_groups(self, search: queries.GroupSearch) -> list[LogGroup]:
        await self.flush()
        return await self._database.read(queries.find_groups, search)

    async def create_group(self, group: LogGroupName) -> bool:
        """Whether it is new."""
        await self.flush()
        created_ms = epoch_ms(self._clock)
        return await self._database.write(queries.create_group, group, created_ms, self._retention_days)

    async def delete_group(self, group: LogGroupName) -> bool:
        """With its streams and events; whether there was one."""
        await self.flush()
        while await self._database.write(queries.delete_events_before, group, END_OF_TIME_MS):
            pass
        if self._follower is not None:
            await self._follower.deleted(group)
        return await self._database.write(queries.delete_group, group)

    async def set_retention(self, group: LogGroupName, days: int | None) -> bool:
        """Whether there is such a group."""
        await self.flush()
        return await self._database.write(queries.set_retention, group, days)

    async def find_stream(self, group: LogGroupName, name: str) -> LogStream | None:
        await self.flush()
        return await self._database.read(queries.find_stream, group, name)

    async def find_streams(self, search: queries.StreamSearch) -> list[LogStream]:
        await self.flush()
        return await self._database.read(queries.find_streams, search)

    async def create_stream(self, group: LogGroupName, name: str) -> bool:
        """Whether it is new. The group exists."""
        return await self._database.write(queries.create_stream, group, name, epoch_ms(self._clock))

    async def delete_stream(self, group: LogGroupName, name: str) -> bool:
        """With its events; whether there was one."""
        await self.flush()
        return await self._database.write(queries.delete_stream, group, name)

    async def find_events(
        self, search: queries.EventSearch, matches: Callable[[str], bool] = lambda message: True
    ) -> queries.EventPage:
        """`matches` runs in the reader's thread, away from the event loop."""
        await self.flush()
        return await self._database.read(queries.find_events, search, matches)
