"""How long each queue may be waited at, so that many mappings share a bounded number of waiting threads.

A queue that is waited at costs nothing while it is empty and hands a message over at once. Mappings beyond the places
take turns, each waiting the shorter the more there are.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

WAIT_S_MAX = 20  # of SQS
PLACES = 256


class LongPolls:
    """All mappings of queues share one of these."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._turns = asyncio.Semaphore(places)
        self._mappings = 0

    @property
    def wait_s(self) -> int:
        """How long one wait may take."""
        return max(1, min(WAIT_S_MAX, WAIT_S_MAX * self._places // max(1, self._mappings)))

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """One more mapping, within the block."""
        self._mappings += 1
        try:
            yield
        finally:
            self._mappings -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A place, in the order of asking."""
        async with self._turns:
            yield
