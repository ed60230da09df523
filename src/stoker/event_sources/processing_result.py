"""What a mapping tells about its latest work: LastProcessingResult, written down when it changes.

Of brokers, which nobody looks at before a mapping is enabled, StateTransitionReason tells as well what keeps them from
being read.
"""

from dataclasses import replace

from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.rules import KAFKA_CONFIGS, RULES
from stoker.event_sources.store import MappingStore

OK = "OK"
CALL_FAILED = "PROBLEM: Function call failed"
LENGTH_MAX = 500
_PROBLEM = "PROBLEM: "


class ProcessingResult:
    """Of one mapping. Queues, which on AWS tell nothing, tell of problems only."""

    def __init__(self, store: MappingStore, mapping: EventSourceMapping) -> None:
        first = RULES[mapping.source.kind].last_processing_result
        shown = mapping.last_processing_result
        self._store = store
        self._uuid = mapping.uuid
        self._reason = RULES[mapping.source.kind].state_transition_reason
        self._reason_tells = mapping.source.kind in KAFKA_CONFIGS
        self._after_success = None if first is None else OK
        self._shown = shown
        self._good = first if shown is not None and shown.startswith(_PROBLEM) else shown

    async def processed(self) -> None:
        """The function has taken a batch."""
        self._good = self._after_success
        await self._show(self._good)

    async def call_failed(self) -> None:
        """The function has failed, or could not be called."""
        await self._show(CALL_FAILED)

    async def problem(self, text: str) -> None:
        """Nothing can be read, or nobody be called."""
        said = f"{_PROBLEM}{text}"[:LENGTH_MAX]
        await self._show(said, said if self._reason_tells else None)

    async def source_found(self) -> None:
        """The source can be read from (again). What is said of the function stays."""
        if self._shown != CALL_FAILED:
            await self._show(self._good)

    async def _show(self, text: str | None, reason: str | None = None) -> None:
        if text == self._shown:
            return
        self._shown = text

        def tell(mapping: EventSourceMapping | None) -> EventSourceMapping | None:
            if mapping is None:
                return None
            return replace(mapping, last_processing_result=text, state_transition_reason=reason or self._reason)

        await self._store.change(self._uuid, tell)
