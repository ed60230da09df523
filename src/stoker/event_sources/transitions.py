"""What leads a mapping from Creating, Updating and so on to where it was going.

The work belongs to the node, not to the request. It is found again in the database after a restart.
"""

import asyncio
from typing import Protocol

from stoker.event_sources.change import settled
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.store import MappingStore
from stoker.supervision import Background


class Polling(Protocol):
    """Who reads from the sources of mappings."""

    def follow(self, mapping: EventSourceMapping) -> None:
        """`mapping` has settled: read from its source if it is enabled."""
        ...

    async def leave(self, uuid: str) -> None:
        """Read no more; return when nothing of it is with its function any more."""
        ...


class MappingTransitions:
    def __init__(self, store: MappingStore, polling: Polling, background: Background, delay_s: float) -> None:
        """`delay_s` is how long the states on the way can be observed at least, as clients of AWS expect to."""
        self._store = store
        self._polling = polling
        self._background = background
        self._delay_s = delay_s

    def start(self, mapping: EventSourceMapping) -> None:
        """Settle `mapping` in a while; one that is at rest stays as it is."""
        if not mapping.is_at_rest:
            self._background.start(self._settle(mapping), f"settling of the event source mapping {mapping.uuid}")

    async def resume(self) -> None:
        """After a restart: finish what was under way."""
        for mapping in await self._store.unsettled():
            self.start(mapping)

    async def _settle(self, mapping: EventSourceMapping) -> None:
        """Whatever it changes to, it begins anew there: its poller knows one form of its mapping only."""
        await asyncio.gather(asyncio.sleep(self._delay_s), self._polling.leave(mapping.uuid))

        def settle(present: EventSourceMapping | None) -> EventSourceMapping | None:
            return settled(present) if present is not None and not present.is_at_rest else present

        present = await self._store.change(mapping.uuid, settle)
        if present is not None:
            self._polling.follow(present)
