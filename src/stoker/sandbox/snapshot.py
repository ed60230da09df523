"""An initialised function that is held in a sandbox, to be forked: the node's side of `launcher/held.py`."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from stoker.sandbox.sandbox import RUNTIME, SandboxError

HELD = b"held"
TOLD_BYTES_MAX = 512


class Snapshot:
    """What a sandbox has that holds one. The process is the customer's: nothing it says but its first word is heard."""

    def __init__(self, end: Callable[[], None], signal_process: Callable[[str, int], None]) -> None:
        """`end` kills the sandbox, `signal_process` is its own."""
        self.held: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.turn = asyncio.Lock()
        self.pid = 0
        self.channel: socket.socket | None = None
        self._end = end
        self._signal = signal_process
        self._copies = 0
        self._is_over = False

    def begins(self, channel: socket.socket, first: int) -> None:
        """Its sandbox is complete; `first` is the process id of the first process there."""
        channel.setblocking(False)
        self.channel = channel
        asyncio.get_running_loop().add_reader(channel.fileno(), self._hear, channel, first)

    def kill(self) -> bool:
        """Whether the sandbox has to be kept for copies, whose processes would end with its first one. It is then
        ended after them; what was held is gone at once."""
        if not self._copies:
            return False
        if not self._is_over:
            self._is_over = True
            self._signal(RUNTIME, signal.SIGKILL)
            self._close_channel()
        return True

    def reached(self) -> socket.socket:
        """How to speak with it. Raises SandboxError if it is gone."""
        if self.channel is None or not self.pid:
            raise SandboxError("the snapshot has ended")
        return self.channel

    def copied(self) -> None:
        """There is one more sandbox that lives no longer than this one."""
        self._copies += 1

    def forget_copy(self) -> None:
        self._copies -= 1
        if self._is_over and not self._copies:
            self._end()

    def close(self) -> None:
        """Its sandbox has ended."""
        self._close_channel()
        self.held.cancel()

    def _hear(self, channel: socket.socket, first: int) -> None:
        asyncio.get_running_loop().remove_reader(channel.fileno())
        told = b""
        with contextlib.suppress(OSError):
            told = channel.recv(TOLD_BYTES_MAX)
        reason = told.decode(errors="replace")
        if told == HELD:
            self.pid, reason = _only_child(first)
        if not self.pid and not reason:  # it has ended
            self.close()
            return
        if reason:
            self._close_channel()
        if not self.held.done():
            self.held.set_result(reason)

    def _close_channel(self) -> None:
        channel, self.channel = self.channel, None
        if channel is not None:
            asyncio.get_running_loop().remove_reader(channel.fileno())
            channel.close()


def _only_child(pid: int) -> tuple[int, str]:
    """The one child that a process has, or 0 and why there is no such: "" if there is none."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError as error:
        return 0, f"its process cannot be found: {error.strerror}"
    if len(children) > 1:
        return 0, "another process than the runtime is alive at the end of init"
    return int(children[0]) if children else 0, ""
