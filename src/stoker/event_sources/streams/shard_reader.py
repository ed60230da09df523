"""Reads one shard from its checkpoint on, hands its records to lanes, and writes down how far they have come."""

import asyncio
import math
import zlib
from collections.abc import Sequence
from dataclasses import replace

from botocore.exceptions import ClientError

from stoker.event_sources.calls import FunctionMissingError
from stoker.event_sources.matching import Filters
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.services import SOURCE_ERRORS, error_code
from stoker.event_sources.stopping import Stopping
from stoker.event_sources.streams.lane import Lane
from stoker.event_sources.streams.progress import Progress
from stoker.event_sources.streams.records import Checkpoint, Position, Reading, Start, StreamRecord
from stoker.event_sources.streams.retries import RetryPolicy
from stoker.event_sources.streams.work import StreamWork

WAITING_BYTES_MAX = 12 * 1024 * 1024
_OVERLOADED = frozenset({"ProvisionedThroughputExceededException", "LimitExceededException", "ThrottlingException"})


class ShardReader:
    """Bounded: it reads on when its lanes have less than a batch each waiting."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        checkpoint: Checkpoint,
        policy: RetryPolicy,
        work: StreamWork,
        stopping: Stopping,
        *,
        is_new: bool,
    ) -> None:
        """`is_new` when nobody has read from the checkpoint before: only then is LATEST now."""
        settings = mapping.settings
        self._mapping = mapping
        self._checkpoint = checkpoint
        self._work = work
        self._stopping = stopping
        self._filters = Filters(settings.get("FilterCriteria"))
        self._position = Position(checkpoint.start, checkpoint.since_s, checkpoint.sequence_number)
        if not is_new:
            self._position = _resumed(self._position)
        self._iterator: str | None = None
        self._progress = Progress()
        self._room = asyncio.Event()
        self._lanes = [
            Lane(mapping, checkpoint.shard_id, policy, work, self._done, stopping)
            for _ in range(settings["ParallelizationFactor"])
        ]
        self._waiting_max = settings["BatchSize"] * len(self._lanes)

    async def run(self) -> Checkpoint | Exception:
        """Until the shard has ended (its last checkpoint), it is told to stop, or the source cannot go on (why)."""
        shard_id = self._checkpoint.shard_id
        serving = [self._work.background.start(lane.serve(), f"lane of {shard_id}") for lane in self._lanes]
        for task in serving:
            task.add_done_callback(self._lane_ended)
        try:
            with self._work.pacing.sharing(), self._stopping.telling(self._room.set):
                has_ended = await self._read()
        except (*SOURCE_ERRORS, FunctionMissingError) as error:
            self._stopping.set()
            return error
        finally:
            for lane in self._lanes:
                lane.finish_up()
            await asyncio.wait(serving)
        for task in serving:
            task.result()
        if has_ended and self._progress.is_idle:
            self._checkpoint = replace(self._checkpoint, is_finished=True)
            await self._write()
        return self._checkpoint

    def _lane_ended(self, task: asyncio.Task[None]) -> None:
        """What nobody foresaw ends the reader, too."""
        if not task.cancelled() and task.exception() is not None:
            self._stopping.set()

    async def _read(self) -> bool:
        """Whether the shard has ended."""
        empty_readings = 0
        while await self._has_place():
            begun_s = self._work.clock.now_s()
            reading = await self._reading()
            if reading is not None:
                await self._take(reading)
                if reading.next_iterator is None:
                    return True
                empty_readings = 0 if reading.records else empty_readings + 1
                if not reading.records:
                    for lane in self._lanes:
                        lane.seen_until(begun_s)
            await self._stopping.pause(self._work.pacing.pause_s(empty_readings))
        return False

    async def _reading(self) -> Reading | None:
        """None when there is none just now: the way in was too old, or the source has too much to do."""
        stream, shard_id = self._work.stream, self._checkpoint.shard_id
        role = self._work.calls.role(self._mapping)
        try:
            if self._iterator is None:
                self._iterator = await stream.iterator(shard_id, self._position)
            reading = await stream.read(self._iterator, role, shard_id)
        except ClientError as error:
            if error_code(error) in _OVERLOADED:
                return None
            raise
        if reading is None:
            self._iterator = None
            self._position = _resumed(self._position)
        else:
            self._iterator = reading.next_iterator
        return reading

    async def _take(self, reading: Reading) -> None:
        position = self._position
        records = list(reading.records)
        if position.after is None and position.start is Start.AT_TIMESTAMP:
            # Some streams know whole seconds only, and some cannot begin at a time at all.
            records = [record for record in records if record.arrived_s >= math.floor(position.since_s)]
        if not records:
            return
        self._position = replace(position, after=records[-1].sequence_number)
        self._progress.taken(record.sequence_number for record in records)
        wanted = [record for record in records if self._filters.match(record.document)]
        for number, lane in enumerate(self._lanes):
            if share := [record for record in wanted if self._lane_of(record) == number]:
                lane.add(share)
        if len(wanted) < len(records):
            kept = {record.sequence_number for record in wanted}
            await self._done([one.sequence_number for one in records if one.sequence_number not in kept])

    def _lane_of(self, record: StreamRecord) -> int:
        return zlib.crc32(record.key.encode()) % len(self._lanes)

    async def _has_place(self) -> bool:
        """Wait until the lanes have room for more; false when it is the end."""
        while not self._stopping.is_set and not self._has_room():
            self._room.clear()
            await self._room.wait()
        return not self._stopping.is_set

    def _has_room(self) -> bool:
        waiting = [lane.waiting for lane in self._lanes]
        records, size_bytes = sum(count for count, _ in waiting), sum(size for _, size in waiting)
        return records < self._waiting_max and size_bytes < WAITING_BYTES_MAX

    async def _done(self, numbers: Sequence[str]) -> None:
        self._room.set()
        if self._progress.done(numbers):
            self._checkpoint = replace(self._checkpoint, sequence_number=self._progress.last_done)
            await self._write()

    async def _write(self) -> None:
        await self._work.checkpoints.write(self._mapping.uuid, [self._checkpoint])


def _resumed(position: Position) -> Position:
    """The same place, seen from later: what was LATEST then is a time now."""
    is_past = position.start is Start.LATEST and position.after is None
    return replace(position, start=Start.AT_TIMESTAMP) if is_past else position
