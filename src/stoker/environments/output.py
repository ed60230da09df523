"""Reads what an environment's processes print, into its log."""

import asyncio
import os

from stoker.logs.environment_log import EnvironmentLog
from stoker.logs.readers import FramedReader, LineReader
from stoker.sandbox.sandbox import Pipes

READ_BYTES = 65536
# A writer may fill a pipe as fast as it is emptied: enough for what one pipe holds, then on with the invocation.
DRAIN_READS_MAX = 16


class Output:
    """The three pipes of a sandbox. Owns their descriptors until `close`.

    When the log cannot keep up the pipes are left unread: they fill, and the function that prints waits, nobody else.
    """

    def __init__(self, pipes: Pipes, log: EnvironmentLog) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._readers: dict[int, LineReader | FramedReader] = {
            pipes.stdout: log.line_reader(),
            pipes.stderr: log.line_reader(),
            pipes.telemetry: log.framed_reader(),
        }
        self._ended: set[int] = set()
        self._is_paused = False
        self._listen()

    def drain(self) -> None:
        """Take all that was printed up to now, so that it stands before the platform's next line."""
        for descriptor in self._readers:
            for _ in range(DRAIN_READS_MAX):
                if not self._read(descriptor):
                    break

    def close(self) -> None:
        """Take the last of it and let go of the descriptors."""
        self.drain()
        self._pause()
        for descriptor, reader in self._readers.items():
            os.close(descriptor)
            self._log.close_reader(reader)
        self._readers.clear()

    def _readable(self, descriptor: int) -> None:
        self._read(descriptor)
        if self._log.is_full and not self._is_paused:
            self._pause()
            self._log.when_room(self._resume)

    def _read(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._ended.add(descriptor)
            self._loop.remove_reader(descriptor)
            return False
        self._readers[descriptor].feed(data)
        return True

    def _listen(self) -> None:
        for descriptor in self._readers.keys() - self._ended:
            self._loop.add_reader(descriptor, self._readable, descriptor)

    def _pause(self) -> None:
        self._is_paused = True
        for descriptor in self._readers:
            self._loop.remove_reader(descriptor)

    def _resume(self) -> None:
        if self._log.is_full:
            self._log.when_room(self._resume)
            return
        self._is_paused = False
        self._listen()
