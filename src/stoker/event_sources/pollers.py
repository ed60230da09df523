"""All mappings that are enabled, each with its poller."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from stoker.event_sources.poller import Poller
from stoker.event_sources.records import EventSourceMapping, MappingState
from stoker.event_sources.store import MappingStore
from stoker.supervision import Background


@dataclass(frozen=True, slots=True)
class _Polling:
    poller: Poller
    task: asyncio.Task[None]


class Pollers:
    """To be used from the event loop's thread only."""

    def __init__(
        self, store: MappingStore, make: Callable[[EventSourceMapping], Poller], background: Background
    ) -> None:
        self._store = store
        self._make = make
        self._background = background
        self._pollers: dict[str, _Polling] = {}
        self._is_polling = False

    async def start(self) -> None:
        """Poll for every mapping that is enabled, and from now on for those that will be."""
        self._is_polling = True
        for mapping in await self._store.in_state(MappingState.ENABLED):
            self.follow(mapping)

    def follow(self, mapping: EventSourceMapping) -> None:
        """Poll for `mapping` if it is enabled and nobody does yet."""
        if self._is_polling and mapping.state is MappingState.ENABLED and mapping.uuid not in self._pollers:
            poller = self._make(mapping)
            task = self._background.start(poller.run(), f"poller of {mapping.uuid}")
            self._pollers[mapping.uuid] = _Polling(poller, task)

    async def leave(self, uuid: str) -> None:
        """Poll no more for a mapping; return when the function has nothing of it any more."""
        polling = self._pollers.get(uuid)
        if polling is not None:
            polling.poller.stop()
            await asyncio.wait([polling.task])
            self._pollers.pop(uuid, None)

    async def stop(self, grace_s: float) -> None:
        """Read nothing more, and let what runs end within `grace_s`; the rest comes again with the next node."""
        self._is_polling = False
        for polling in self._pollers.values():
            polling.poller.stop()
        tasks = [polling.task for polling in self._pollers.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
