"""Between a function that writes and a client that reads: a buffer with a bound, and a way to say that it is full."""

import asyncio
from collections.abc import AsyncIterator, Callable

from stoker.limits import KIB

# What a pipe holds before the runtime has to wait. One read of a socket more may come on top.
HELD_BYTES_MAX = 64 * KIB


class ResponsePipe:
    """The sink of one invocation, and the reading end of it."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.executed_version = ""
        self.content_type = ""
        # One buffer, not a list: a function may write byte by byte.
        self._held = bytearray()
        self._is_ended = False
        self._begun = asyncio.Event()
        self._changed = asyncio.Event()
        self._go_on: Callable[[], None] | None = None

    # The function's side: a ResponseSink.

    def run_by(self, version: str) -> None:
        self.executed_version = version

    def start(self, content_type: str, go_on: Callable[[], None]) -> None:
        self.content_type = content_type
        self._go_on = go_on
        self._begun.set()

    def write(self, chunk: bytes) -> bool:
        self._held += chunk
        self._changed.set()
        return len(self._held) < HELD_BYTES_MAX

    def end(self) -> None:
        """Nothing more will come, or nothing came at all."""
        self._is_ended = True
        self._begun.set()
        self._changed.set()

    # The client's side.

    @property
    def has_response(self) -> bool:
        """Whether a response has begun; otherwise there was an error."""
        return self._go_on is not None

    async def wait_begun(self) -> None:
        """Until the response begins, or will never."""
        await self._begun.wait()

    async def pieces(self) -> AsyncIterator[bytes]:
        """What the function writes, as soon as it does; to be read once."""
        while True:
            if self._held:
                piece = bytes(self._held)
                self._held.clear()
                if self._go_on is not None:
                    self._go_on()
                yield piece
            elif self._is_ended:
                return
            else:
                self._changed.clear()
                await self._changed.wait()
