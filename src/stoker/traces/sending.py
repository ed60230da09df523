"""Sends segments on, in batches and in the background; what a receiver does not take in time is dropped and counted."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from stoker.traces.records import Segment

log = logging.getLogger("stoker.traces")

WAITING_MAX = 10_000
BATCH_MAX = 50  # as many documents as one PutTraceSegments takes
# So that the segments of one invocation go together.
GATHER_S = 0.2
PAUSE_FIRST_S = 0.5
PAUSE_MAX_S = 30.0
CLOSE_LIMIT_S = 2.0

Send = Callable[[Sequence[Segment]], Awaitable[None]]


class Sender:
    """One receiver's queue. `run` never ends by itself."""

    def __init__(self, name: str, send: Send) -> None:
        """`name` is how the node's log calls the receiver; `send` takes BATCH_MAX at most and raises SendError."""
        self._name = name
        self._send = send
        self._waiting: deque[Segment] = deque()
        self._has_waiting = asyncio.Event()
        self.dropped = 0

    def offer(self, segments: Sequence[Segment]) -> None:
        """Take them without waiting; the oldest make room."""
        self._waiting.extend(segments)
        while len(self._waiting) > WAITING_MAX:
            self._waiting.popleft()
            self.dropped += 1
        self._has_waiting.set()

    async def run(self) -> None:
        pause_s = PAUSE_FIRST_S
        while True:
            await self._has_waiting.wait()
            await asyncio.sleep(GATHER_S)
            if await self._send_waiting():
                pause_s = PAUSE_FIRST_S
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, PAUSE_MAX_S)

    async def close(self) -> None:
        """Send what waits, if that is quickly done."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self._send_waiting()

    async def _send_waiting(self) -> bool:
        """Whether all of it was taken; a batch that was not is dropped."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_MAX))]
            try:
                await self._send(batch)
            except SendError as error:
                self.dropped += len(batch)
                log.warning("%s: %s; %d segments dropped so far", self._name, error, self.dropped)
                return False
        self._has_waiting.clear()
        return True


class SendError(Exception):
    """A receiver did not take a batch; the text says why."""
