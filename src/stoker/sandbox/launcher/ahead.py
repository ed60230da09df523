"""An interpreter that is started before there is a function, and waits inside the sandbox for it.

It has the identity, the limits and the filter of what the function will start, and has them before it is started; what
it runs until it waits is ours and AWS's. What it lacks is the function's: its directories, which process 1 mounts where
the interpreter sees them appear, and its variables, which come through a socket that is then closed at both ends.
Either it is a program that knows how to wait (decision 0041), or a copy of the zygote (decision 0048).
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
        """`argv` is empty for a copy of the zygote.

        `namespace` is its user namespace, which process 1 is going to enter; `memory` answers for its filter.
        """
        self._argv = argv
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

    @property
    def is_copy(self) -> bool:
        """Of a zygote: it has looked at nothing that depends on the function."""
        return not self._argv

    def is_for(self, order: dict[str, Any]) -> bool:
        """Whether it is what `order` asks to start."""
        return bool(order["fork"]) if self.is_copy else order["argv"] == self._argv

    def take(self, order: dict[str, Any]) -> bool:
        """Let it become the process that `order` asks for; False if it cannot, and has ended."""
        message = {name: order[name] for name in ("environment", "directory", "handler")}
        try:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return False
            # Where this process runs was settled after it began to wait.
            os.sched_setaffinity(self.pid, os.sched_getaffinity(0))
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
    start, cover = order["start"], order["cover"]
    sc.mount(cover["source"], cover["target"], "", sc.MS_BIND)
    return _started(start["argv"], become, lambda channel: runtime.run(start, output, None, channel.fileno()))


def fork(zygote: runtime.Zygote, output: int, become: Callable[[], None]) -> Waiting:
    """The same with a copy of `zygote`."""

    def wait(channel: socket.socket) -> None:
        zygote.make_ready()
        channel.send(b"w")
        message = b"".join(iter(lambda: channel.recv(65536), b""))
        runtime.run({"argv": ["python"], "fork": True, **json.loads(message)}, output, zygote)

    return _started([], become, wait)


def _started(argv: list[str], become: Callable[[], None], go_on: Callable[[socket.socket], None]) -> Waiting:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    pid = os.fork()
    if pid == 0:
        ours.close()
        # The launcher ignores it; a program would inherit that.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _become_interpreter(theirs, become)
        go_on(theirs)
        os._exit(0)  # unless it was told nothing, it does not get here
    theirs.close()
    told, descriptors = receive(ours)
    if told is None or told["errno"]:
        close_all(descriptors)
        ours.close()
        raise OSError(told["errno"] if told else 0, told["step"] if told else "an interpreter ended before its start")
    memory = sysinfo.Sysinfo(descriptors[1] if len(descriptors) > 1 else -1)
    return Waiting(argv, pid, ours, descriptors[0], memory)


def _become_interpreter(channel: socket.socket, become: Callable[[], None]) -> None:
    try:
        become()
        # It is process 1, with which the whole sandbox ends, that ends with the launcher.
        sc.prctl(sc.PR_SET_PDEATHSIG, 0)
        namespace = os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        listener = install_filter()
        send(channel, {"errno": 0}, [namespace] if listener < 0 else [namespace, listener])
        close_all([namespace] if listener < 0 else [namespace, listener])
    except OSError as error:
        with contextlib.suppress(OSError):
            send(channel, {"errno": error.errno, "step": f"an interpreter ahead: {error}"})
        os._exit(1)


def install_filter(*, forks_apart: bool = False) -> int:
    """For this process and all that it starts; the answer is what `seccomp.install` gives."""
    sc.prctl(sc.PR_SET_NO_NEW_PRIVS, 1)
    return seccomp.install(forks_apart=forks_apart)
