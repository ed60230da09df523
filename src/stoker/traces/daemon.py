"""The X-Ray daemon of one sandbox: the end of the socket to which X-Ray's SDKs send their segments.

Whoever writes to it may be hostile: what is not taken in time is dropped by the kernel, as with AWS's own daemon, and a
flood costs this node no more than a few reads in a while.
"""

import asyncio
import socket
from collections.abc import Callable

# The largest datagram there is; X-Ray takes documents of 64 KB at most.
DATAGRAM_BYTES_MAX = 65535
BATCH_MAX = 32
# After a full batch nothing is read for so long: at most 640 datagrams a second from one sandbox.
PAUSE_S = 0.05

Take = Callable[[bytes], None]
"""Takes a datagram; it never waits."""


class TraceDaemon:
    """Owns the socket until `close`."""

    def __init__(self, datagrams: int, take: Take) -> None:
        """`datagrams` is the socket's descriptor, non-blocking."""
        self._datagrams = socket.socket(fileno=datagrams)
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._loop.add_reader(datagrams, self._readable)

    def close(self) -> None:
        """Take what is left and let go of the socket. Closing twice is fine."""
        if self._datagrams.fileno() < 0:
            return
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._datagrams.fileno())
        self._read_batch()
        self._datagrams.close()

    def _readable(self) -> None:
        if self._read_batch() == BATCH_MAX:
            self._loop.remove_reader(self._datagrams.fileno())
            self._pause = self._loop.call_later(PAUSE_S, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._datagrams.fileno(), self._readable)

    def _read_batch(self) -> int:
        """How many datagrams were there, at most BATCH_MAX."""
        for count in range(BATCH_MAX):
            try:
                datagram = self._datagrams.recv(DATAGRAM_BYTES_MAX)
            except OSError:  # nothing left, or the socket's namespace is gone
                return count
            self._take(datagram)
        return BATCH_MAX
