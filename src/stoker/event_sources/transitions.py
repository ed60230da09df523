"""What leads a mapping from Creating, Updating and so on to where it was going.

The work belongs to the node, not to the request. It is found again in the database after a restart.
"""

import asyncio

from stoker.event_sources.change import settled
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.store import MappingStore
from stoker.supervision import Background


class MappingTransitions:
    def __init__(self, store: MappingStore, background: Background, delay_s: float) -> None:
        """`delay_s` is how long the states on the way can be observed at least, as clients of AWS expect to."""
        self._store = store
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
        await asyncio.sleep(self._delay_s)

        def settle(present: EventSourceMapping | None) -> EventSourceMapping | None:
            return settled(present) if present is not None and not present.is_at_rest else present

        await self._store.change(mapping.uuid, settle)
