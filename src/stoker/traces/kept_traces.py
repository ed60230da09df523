"""The traces that a node remembers: in memory, bounded, the oldest forgotten first, all of them at its end."""

from collections import OrderedDict
from collections.abc import Sequence

from stoker.traces.records import Segment

KEPT_BYTES_MAX = 64 * 1024 * 1024
# X-Ray's own limit for the documents of one trace.
TRACE_BYTES_MAX = 500 * 1024
# What a segment costs beside its document.
OVERHEAD_BYTES = 512

TraceKey = tuple[str, str, str]
"""Account, region and the trace's id."""


class Trace:
    """The segments of one trace by their ids, in the order in which they came."""

    def __init__(self, trace_id: str) -> None:
        self.id = trace_id
        self.segments: dict[str, Segment] = {}
        self.bytes = 0
        self.is_full = False

    @property
    def start_s(self) -> float:
        return min(segment.start_s for segment in self.segments.values())

    @property
    def end_s(self) -> float:
        return max(segment.end_s or segment.start_s for segment in self.segments.values())


class KeptTraces:
    """To be used from the event loop's thread only."""

    def __init__(self, bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._traces: OrderedDict[TraceKey, Trace] = OrderedDict()
        self._bytes = 0

    def offer(self, segments: Sequence[Segment]) -> None:
        """Keep them; one that was sent before (in progress, perhaps) is replaced."""
        for segment in segments:
            self._add(segment)
        while self._bytes > self._bytes_max:
            _, oldest = self._traces.popitem(last=False)
            self._bytes -= oldest.bytes

    async def close(self) -> None:
        """Nothing is written: the memory ends with the node."""

    def find(self, account_id: str, region: str, trace_id: str) -> Trace | None:
        return self._traces.get((account_id, region, trace_id))

    def between(self, account_id: str, region: str, start_s: float, end_s: float) -> list[Trace]:
        """The traces that began in this time, by when they began."""
        found = [
            trace
            for (account, place, _), trace in self._traces.items()
            if (account, place) == (account_id, region) and start_s <= trace.start_s <= end_s
        ]
        return sorted(found, key=lambda trace: (trace.start_s, trace.id))

    def _add(self, segment: Segment) -> None:
        key = (segment.account_id, segment.region, segment.trace_id)
        trace = self._traces.get(key)
        if trace is None:
            trace = self._traces[key] = Trace(segment.trace_id)
        former = trace.segments.get(segment.id)
        growth = _size(segment) - (0 if former is None else _size(former))
        if trace.bytes + growth > TRACE_BYTES_MAX:
            trace.is_full = True
            return
        trace.segments[segment.id] = segment
        trace.bytes += growth
        self._bytes += growth


def _size(segment: Segment) -> int:
    return len(segment.document) + OVERHEAD_BYTES
