"""Reads a stream for one mapping: which shards there are, which of them may be read, and one reader for each."""

import asyncio
import logging
from collections.abc import Mapping

from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.stopping import Stopping
from stoker.event_sources.streams.records import Checkpoint, Shard, Start, StreamFacts
from stoker.event_sources.streams.retries import RetryPolicy
from stoker.event_sources.streams.shard_reader import ShardReader
from stoker.event_sources.streams.shards import first_checkpoints, later_checkpoints, readable
from stoker.event_sources.streams.work import StreamWork

log = logging.getLogger("stoker.event_sources")

# Shards end when others begin, and that is noticed at once: this is for what else may happen to a stream.
DISCOVERY_S = 60.0

Running = asyncio.Task[Checkpoint | Exception]


class StreamReader:
    """All that it starts has ended when `run` returns, so that no shard is ever read twice at a time."""

    def __init__(self, mapping: EventSourceMapping, work: StreamWork, stopping: Stopping) -> None:
        self._mapping = mapping
        self._work = work
        self._stopping = stopping
        self._running: dict[str, Running] = {}
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Raises FunctionMissingError, and what the stream cannot do."""
        self._work.calls.role(self._mapping)
        facts = await self._work.stream.facts()
        known = {one.shard_id: one for one in await self._work.checkpoints.checkpoints(self._mapping.uuid)}
        await self._work.result.source_found()
        halt = Stopping()
        try:
            with self._stopping.telling(halt.set), halt.telling(self._woken.set):
                await self._serve(facts, known, halt)
        finally:
            halt.set()
            running = list(self._running.values())
            self._running.clear()
            if running:
                await asyncio.wait(running)
        for task in running:
            _ended(task)

    async def drain(self) -> None:
        """Nothing is left after `run`."""

    async def _serve(self, facts: StreamFacts, before: dict[str, Checkpoint], halt: Stopping) -> None:
        policy = RetryPolicy.of(self._mapping.settings, facts.retention_s)
        # A stream that was deleted and made again is a new one: everything in it is.
        is_other = any(one.stream != facts.identity for one in before.values())
        known = {} if is_other else before
        start = Start.TRIM_HORIZON if is_other else Start(self._mapping.settings["StartingPosition"])
        while not halt.is_set:
            self._woken.clear()
            shards = await self._work.stream.shards()
            new = await self._begin(shards, facts.identity, known, start)
            known |= new
            for shard in readable(shards, known):
                if shard.id not in self._running:
                    self._start(known[shard.id], policy, halt, is_new=shard.id in new)
            await self._wait()
            known |= self._taken_note_of()
            if not halt.is_set and (await self._work.stream.facts()).identity != facts.identity:
                return

    async def _begin(
        self, shards: list[Shard], identity: str, known: Mapping[str, Checkpoint], start: Start
    ) -> dict[str, Checkpoint]:
        """Checkpoints for the shards that have none, on disk before anything is read."""
        now_s = self._work.clock.now_s()
        if known:
            new = later_checkpoints(shards, known, identity, now_s)
            await self._work.checkpoints.write(self._mapping.uuid, new)
        else:
            start_s = self._mapping.settings.get("StartingPositionTimestamp")
            new = first_checkpoints(shards, identity, start, start_s, now_s)
            await self._work.checkpoints.begin(self._mapping.uuid, new)
        return {one.shard_id: one for one in new}

    def _start(self, checkpoint: Checkpoint, policy: RetryPolicy, halt: Stopping, *, is_new: bool) -> None:
        reader = ShardReader(self._mapping, checkpoint, policy, self._work, halt, is_new=is_new)
        task = self._work.background.start(reader.run(), f"reader of {checkpoint.shard_id}")
        self._running[checkpoint.shard_id] = task
        task.add_done_callback(lambda _: self._woken.set())

    async def _wait(self) -> None:
        """Until a shard has ended, or it is time to look again."""
        try:
            async with asyncio.timeout(DISCOVERY_S):
                await self._woken.wait()
        except TimeoutError:
            return

    def _taken_note_of(self) -> dict[str, Checkpoint]:
        """The last checkpoints of readers that have ended by themselves. Raises what stopped one."""
        ended = [shard_id for shard_id, task in self._running.items() if task.done()]
        return {shard_id: _ended(self._running.pop(shard_id)) for shard_id in ended}


def _ended(task: Running) -> Checkpoint:
    result = task.result()
    if isinstance(result, Exception):
        raise result
    return result
