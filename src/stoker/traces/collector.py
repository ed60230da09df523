"""Takes what there is to know of sampled invocations, off the path of invocations, to where it is kept and sent on."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from stoker.supervision import Background, supervise
from stoker.traces.documents import BadSegmentError, segment_of_datagram
from stoker.traces.platform_segments import platform_segments
from stoker.traces.records import SampledRun, Segment

log = logging.getLogger("stoker.traces")

WAITING_MAX = 20_000
WAITING_BYTES_MAX = 32 * 1024 * 1024
BATCH_MAX = 500

_Datagram = tuple[str, str, bytes]


class Receiver(Protocol):
    """Somebody who gets every segment: it takes them without waiting."""

    def offer(self, segments: Sequence[Segment]) -> None: ...

    async def close(self) -> None: ...


class TraceCollector:
    """To be used from the event loop's thread only. What cannot be taken is dropped and counted."""

    def __init__(self, receivers: Sequence[Receiver], background: Background) -> None:
        self._receivers = receivers
        self._background = background
        self._waiting: deque[SampledRun | _Datagram] = deque()
        self._waiting_bytes = 0
        self._has_waiting = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self.dropped = 0

    def start(self) -> None:
        self._background.start(supervise(self._work_for_ever, "traces"), "traces")

    def invoked(self, run: SampledRun) -> None:
        """A sampled invocation has ended."""
        self._take(run, 0)

    def received(self, account_id: str, region: str, datagram: bytes) -> None:
        """A process in a sandbox sent something to its X-Ray daemon."""
        self._take((account_id, region, datagram), len(datagram))

    def put(self, segments: Sequence[Segment]) -> None:
        """Segments that came by the API, already checked."""
        for receiver in self._receivers:
            receiver.offer(segments)

    async def flush(self) -> None:
        """Return when all that was taken before this call can be read."""
        await asyncio.shield(self._background.start(self._work(), "traces"))

    async def close(self) -> None:
        """Hand on what was taken, and let the receivers end."""
        await self.flush()
        for receiver in self._receivers:
            await receiver.close()

    def _take(self, item: SampledRun | _Datagram, size: int) -> None:
        if len(self._waiting) >= WAITING_MAX or self._waiting_bytes + size > WAITING_BYTES_MAX:
            self.dropped += 1
            return
        self._waiting.append(item)
        self._waiting_bytes += size
        self._has_waiting.set()

    async def _work_for_ever(self) -> None:
        while True:
            await self._has_waiting.wait()
            await self._work()

    async def _work(self) -> None:
        async with self._one_at_a_time:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_MAX))]
                self._waiting_bytes -= sum(len(item[2]) for item in batch if isinstance(item, tuple))
                # Reading the documents of a busy function would hold up invocations.
                self.put(await asyncio.to_thread(_segments, batch))
            self._has_waiting.clear()


def _segments(items: Sequence[SampledRun | _Datagram]) -> list[Segment]:
    segments: list[Segment] = []
    for item in items:
        if isinstance(item, SampledRun):
            segments += platform_segments(item)
            continue
        try:
            segments.append(segment_of_datagram(*item))
        except BadSegmentError as error:
            log.debug("a datagram that is no segment: %s", error)
    return segments
