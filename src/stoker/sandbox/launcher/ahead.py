"""An interpreter that is started before there is a function, and waits inside the sandbox for it (decision 0041).

It has the identity, the limits and the filter of what the function will start, and has them before it is started; what
it runs until it waits is ours and AWS's. What it lacks is the function's: its directories, which process 1 mounts where
the interpreter sees them appear, and its variables, which come through a socket that is then closed at both ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from collections.abc import Callable
from typing import Any

from . import runtime, seccomp, sysinfo
from . import syscalls as sc
from .messages import close_all, receive, send


class Waiting:
    """The interpreter, seen by process 1, its parent."""

    def __init__(self, argv: list[str], pid: int, channel: socket.socket, namespace: int, memory: sysinfo.Sysinfo):
        """`namespace` is its user namespace, which process 1 is going to enter; `memory` answers for its filter."""
        self.argv = argv
        self.pid = pid
        self.namespace = namespace
        self.memory = memory
        self._channel = channel

    def wait(self, control: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
        """The function's order, when it comes. The node is told once whether the interpreter waits."""
        poll = select.poll()
        for descriptor in (control.fileno(), self._channel.fileno(), self.memory.listener):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, event in poll.poll():
                if descriptor == control.fileno():
                    return receive(control)
                if descriptor == self._channel.fileno():
                    poll.unregister(descriptor)
                    send(control, {"event": "waiting", "is_alive": bool(self._channel.recv(1))})
                elif event & select.POLLHUP:
                    poll.unregister(descriptor)
                else:
                    self.memory.answer()

    def take(self, order: dict[str, Any]) -> bool:
        """Let it become the process that `order` asks for; False if it cannot, and has ended."""
        message = {"environment": order["environment"], "directory": order["directory"]}
        try:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return False
            # Never to wait: an extension, which runs already, may have stopped it.
            self._channel.setblocking(False)
            self._channel.sendall(json.dumps(message).encode(), socket.MSG_NOSIGNAL)
        except OSError:
            self.end()
            return False
        finally:
            self._channel.close()
        return True

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._channel.close()


def start(order: dict[str, Any], output: int, become: Callable[[], None]) -> Waiting:
    """Start `order["start"]`; `become` takes the function's limits and identity. Raises OSError.

    Returns before the interpreter waits.
    """
    cover = order["cover"]
    sc.mount(cover["source"], cover["target"], "", sc.MS_BIND)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    pid = os.fork()
    if pid == 0:
        _become_interpreter(order["start"], output, theirs, become)
    theirs.close()
    told, descriptors = receive(ours)
    if told is None or told["errno"]:
        close_all(descriptors)
        ours.close()
        raise OSError(told["errno"] if told else 0, told["step"] if told else "an interpreter ended before its start")
    listener = descriptors[1] if len(descriptors) > 1 else -1
    memory = sysinfo.Sysinfo(listener, order["memory_mb"] * 1024 * 1024)
    return Waiting(order["start"]["argv"], pid, ours, descriptors[0], memory)


def _become_interpreter(start: dict[str, Any], output: int, channel: socket.socket, become: Callable[[], None]) -> None:
    """Never returns."""
    try:
        become()
        # It is process 1, with which the whole sandbox ends, that ends with the launcher.
        sc.prctl(sc.PR_SET_PDEATHSIG, 0)
        namespace = os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        listener = install_filter()
        send(channel, {"errno": 0}, [namespace] if listener < 0 else [namespace, listener])
    except OSError as error:
        with contextlib.suppress(OSError):
            send(channel, {"errno": error.errno, "step": f"an interpreter ahead: {error}"})
        os._exit(1)
    runtime.run(start, output, None, channel.fileno())


def install_filter(*, forks_apart: bool = False) -> int:
    """For this process and all that it starts; the answer is what `seccomp.install` gives."""
    sc.prctl(sc.PR_SET_NO_NEW_PRIVS, 1)
    return seccomp.install(forks_apart=forks_apart)
