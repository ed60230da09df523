"""All lanes of one queue: made when something comes for them, gone when they are empty."""

import asyncio
from typing import Generic

from stoker.async_invocations.lane import Lane, LaneRules
from stoker.async_invocations.records import Item
from stoker.supervision import supervise


class Lanes(Generic[Item]):
    """To be used from the event loop's thread only."""

    def __init__(self, rules: LaneRules[Item]) -> None:
        self._rules = rules
        self._lanes: dict[str, Lane[Item]] = {}
        self._is_stopping = False

    async def start(self) -> None:
        """Go on with everything that waits on disk."""
        for name in await self._rules.queue.lanes():
            self.wake(name, self._rules.clock.now_s())

    def wake(self, name: str, due_s: float) -> None:
        """Something that is due at `due_s` is on disk for the lane `name`."""
        if self._is_stopping:
            return  # the next node finds it
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(name, self._rules)
            self._rules.background.start(self._serve(lane), f"queue of {name}")
        lane.wake(due_s)

    def forget_refusals(self, name: str) -> None:
        """Something has changed that may give the lane room."""
        if name in self._lanes:
            self._lanes[name].forget_refusals()

    def in_flight(self, name: str) -> frozenset[int]:
        """The ids of the lane's items that run now."""
        return frozenset(self._lanes[name].running) if name in self._lanes else frozenset()

    async def stop(self, grace_s: float) -> None:
        """Start nothing more, and let what runs end within `grace_s`; the rest is left to the next node."""
        self._is_stopping = True
        for lane in self._lanes.values():
            lane.stop()
        running = [task for lane in self._lanes.values() for task in lane.running.values()]
        if running:
            await asyncio.wait(running, timeout=grace_s)

    async def _serve(self, lane: Lane[Item]) -> None:
        await supervise(lane.serve, f"queue of {lane.name}")
        # Nothing waits between the end of `serve` and here, so nothing can have been added.
        if not self._is_stopping:
            del self._lanes[lane.name]
