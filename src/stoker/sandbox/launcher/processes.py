"""Process 1 of a complete sandbox: starts, signals and reaps the processes that the node names."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

from . import ahead, limits, runtime, sysinfo
from .messages import close_all, receive, send


class Processes:
    """Ends when the node's end of `control` closes."""

    def __init__(
        self,
        control: socket.socket,
        output: int,
        zygote: runtime.Zygote | None = None,
        memory: sysinfo.Sysinfo | None = None,
        waiting: ahead.Waiting | None = None,
    ) -> None:
        """`output` is the sandbox's pipe; `memory` answers those who ask how much there is, where they ask us.

        `waiting` becomes the process that is started with its command line.
        """
        self._control = control
        self._output = output
        self._zygote = zygote
        self._ahead = waiting
        # One for each filter: an interpreter that was started ahead has another one than this process.
        memories = [memory, None if waiting is None else waiting.memory]
        self._memories = {it.listener: it for it in memories if it is not None and it.listener >= 0}
        self._channel: Sequence[int] = ()
        self._hold: Callable[[runtime.Zygote], None] | None = None
        self._names: dict[int, str] = {}
        self._poll = select.poll()

    def serve(
        self, first: dict[str, Any], channel: Sequence[int] = (), hold: Callable[[runtime.Zygote], None] | None = None
    ) -> None:
        """`channel` and `hold` are for the first process alone (`held.py`)."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._keep = [self._control.fileno(), wake_read, wake_write]
        for listener in self._memories:
            self._keep.append(listener)
            self._poll.register(listener, select.POLLIN)
        self._channel, self._hold = channel, hold
        self._start(first, [])
        self._channel, self._hold = (), None
        close_all(list(channel))
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(wake_read, select.POLLIN)
        while True:
            for descriptor, event in self._poll.poll():
                if descriptor == wake_read:
                    os.read(wake_read, 4096)
                elif descriptor in self._memories and event & select.POLLHUP:
                    # Nothing has that filter any more, and nothing can get it.
                    self._poll.unregister(descriptor)
                elif descriptor != self._control.fileno():
                    self._heard(descriptor)
                elif not self._obey():
                    return
            self._reap()

    def _heard(self, descriptor: int) -> None:
        """Whatever else is polled."""
        if descriptor in self._memories:
            self._memories[descriptor].answer()

    def _obey(self) -> bool:
        order, descriptors = receive(self._control)
        if order is None:
            return False
        if order["command"] == "start":
            self._start(order, descriptors)
        elif order["command"] == "signal":
            self._signal(order["name"], order["signal"])
        elif order["command"] == "signal all":
            self._signal_all(order["signal"])
        elif order["command"] == "reset":
            self._reset()
        elif order["command"] == "socket":
            self._make_socket()
        close_all(descriptors)
        return True

    def _start(self, order: dict[str, Any], outputs: list[int]) -> None:
        """`outputs` is empty, or what the process prints into instead of the sandbox's pipe."""
        pid = self._taken(order, outputs) or os.fork()
        if pid == 0:
            self._become_runtime(order, outputs[0] if outputs else self._output)
        self._names[pid] = order["name"]

    def _taken(self, order: dict[str, Any], outputs: list[int]) -> int | None:
        """What waits, if it is what is to be started."""
        waiting = self._ahead
        if waiting is None or outputs or not waiting.is_for(order):
            return None
        self._ahead = None
        return waiting.pid if waiting.take(order) else None

    def _become_runtime(self, order: dict[str, Any], output: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in self._keep:
            os.close(descriptor)
        limits.go_with_the_others()
        if self._hold is not None and self._zygote is not None:
            self._hold(self._zygote)
        runtime.run(order, output, self._zygote, *self._channel)

    def _signal(self, name: str, number: int) -> None:
        for pid, known in list(self._names.items()):
            if known == name:
                os.kill(pid, number)

    def _signal_all(self, number: int) -> None:
        signal_all(number)

    def _make_socket(self) -> None:
        """For the node, which connects it: a socket belongs to the network that it was made in, whoever holds it."""
        made = []
        with contextlib.suppress(OSError):
            made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        send(self._control, {"event": "socket"}, [connection.fileno() for connection in made])
        for connection in made:
            connection.close()

    def _reset(self) -> None:
        """Kill everything in the sandbox but this process, and say so when it is done."""
        self._ahead = None
        kill_all()
        self._names.clear()
        send(self._control, {"event": "reset"})

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._ahead is not None and pid == self._ahead.pid:
                self._ahead = None
            name = self._names.pop(pid, None)
            if name is not None:
                self._tell(name, status)

    def _tell(self, name: str, status: int) -> None:
        send(self._control, {"event": "exit", "name": name, "status": status})


def signal_all(number: int) -> None:
    """Everything in the sandbox but this process (kill(2): -1 spares the caller)."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, number)


def kill_all() -> None:
    """And wait until they are gone."""
    signal_all(signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
