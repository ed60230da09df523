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
    """The three pipes of a sandbox. Owns their descriptors until `close`."""

    def __init__(self, pipes: Pipes, log: EnvironmentLog) -> None:
        self._log = log
        self._readers: dict[int, LineReader | FramedReader] = {
            pipes.stdout: log.line_reader(),
            pipes.stderr: log.line_reader(),
            pipes.telemetry: log.framed_reader(),
        }
        loop = asyncio.get_running_loop()
        for descriptor in self._readers:
            loop.add_reader(descriptor, self._read, descriptor)

    def drain(self) -> None:
        """Take all that was printed up to now, so that it stands before the platform's next line."""
        for descriptor in self._readers:
            for _ in range(DRAIN_READS_MAX):
                if not self._read(descriptor):
                    break

    def _read(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            asyncio.get_running_loop().remove_reader(descriptor)
            return False
        self._readers[descriptor].feed(data)
        return True

    def close(self) -> None:
        """Take the last of it and let go of the descriptors."""
        self.drain()
        loop = asyncio.get_running_loop()
        for descriptor, reader in self._readers.items():
            loop.remove_reader(descriptor)
            os.close(descriptor)
            self._log.close_reader(reader)
        self._readers.clear()
