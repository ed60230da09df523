"""Reads what an environment's processes print, into its log."""

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

READ_BYTES = 65536
# A writer may fill the pipe as fast as it is emptied: enough for what the pipe holds, then on with the invocation.
DRAIN_READS_MAX = 16


class Printed(Protocol):
    """A log for what comes out of a pipe (EnvironmentLog and its `of_extensions`)."""

    @property
    def is_full(self) -> bool:
        """Whether the pipe should be left unread for a while, until `when_room` calls back."""

    def when_room(self, resume: Callable[[], None]) -> None:
        """Call `resume` once, when there is room."""

    def write(self, data: bytes) -> None:
        """What was read."""

    def flush(self) -> None:
        """Nothing more comes."""


class Output:
    """The pipe of a sandbox. Owns its descriptor until `close`.

    When the log cannot keep up the pipe is left unread: it fills, and the function that prints waits, nobody else.
    """

    def __init__(self, descriptor: int, log: Printed) -> None:
        self._descriptor = descriptor
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._has_ended = False
        self._is_paused = False
        self._loop.add_reader(descriptor, self._readable)

    def drain(self) -> None:
        """Take all that was printed up to now, so that it stands before the platform's next line."""
        for _ in range(DRAIN_READS_MAX):
            if not self._read():
                break

    def close(self) -> None:
        """Take the last of it and let go of the descriptor. Closing twice is fine."""
        if self._descriptor < 0:
            return
        self.drain()
        self._is_paused = True
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        self._log.flush()

    def _readable(self) -> None:
        self._read()
        if self._log.is_full and not self._is_paused:
            self._is_paused = True
            self._loop.remove_reader(self._descriptor)
            self._log.when_room(self._resume)

    def _read(self) -> bool:
        if self._has_ended:
            return False
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._has_ended = True
            self._loop.remove_reader(self._descriptor)
            return False
        self._log.write(data)
        return True

    def _resume(self) -> None:
        if self._descriptor < 0 or self._has_ended:
            return
        if self._log.is_full:
            self._log.when_room(self._resume)
            return
        self._is_paused = False
        self._loop.add_reader(self._descriptor, self._readable)
