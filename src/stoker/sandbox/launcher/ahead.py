"""An interpreter that is started before there is a function, and waits inside the sandbox for it (decisions 41 and 46).

It has the identity, the limits and the filter of what the function will start, and has them before it is started; what
it runs until it waits is ours and AWS's. What it lacks is the function's, and is put where the interpreter will find
it: directories are mounted, arguments and variables written over those that it was started with (`block.py`). Then it
is told to go on, by a socket that is closed at both ends.

It stands in the function's directory, which is then mounted over it. What shall find that has to go there anew, and no
interpreter but Node.js can: so a second process, of ours, shares with it where it stands (clone(2), CLONE_FS), goes
there for both, and ends.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
from collections.abc import Callable
from typing import Any

from . import block, runtime, seccomp, sysinfo
from . import syscalls as sc
from .messages import close_all, receive, send


class Waiting:
    """The interpreter, seen by process 1, its parent."""

    def __init__(
        self,
        start: dict[str, Any],
        pid: int,
        channel: socket.socket,
        guide: Guide,
        namespace: int,
        memory: sysinfo.Sysinfo,
    ) -> None:
        """`namespace` is its user namespace, which process 1 is going to enter; `memory` answers for its filter."""
        self.argv = start["argv"]
        self.directory = start["directory"]
        self.pid = pid
        self.namespace = namespace
        self.memory = memory
        self._channel = channel
        self._guide = guide
        self._memory = -1

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

    def enter(self) -> None:
        """Go to where it stands once more, now that the function's directories are there. Nothing else runs here yet.

        What cannot do that has ended.
        """
        try:
            self._guide.enter(self.directory)
            self._memory = block.open_memory(self.pid)
        except OSError:
            self.end()

    def take(self, order: dict[str, Any]) -> bool:
        """Let it become the process that `order` asks for; False if it cannot, and has ended."""
        try:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return False
            block.rewrite(self.pid, self._memory, order["argv"], order["environment"])
            # Never to wait: an extension, which runs already, may have stopped it.
            self._channel.setblocking(False)
            # Some have no other way to learn of their arguments.
            self._channel.sendall(b"\0".join(map(os.fsencode, order["argv"])), socket.MSG_NOSIGNAL)
        except (OSError, ValueError):
            self.end()
            return False
        finally:
            self._channel.close()
            if self._memory >= 0:
                os.close(self._memory)
        return True

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._channel.close()


class Guide:
    """The process that shares with the interpreter where it stands."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def enter(self, directory: str) -> None:
        """It ends then. Raises OSError if it could not go there."""
        with self._channel:
            self._channel.sendall(os.fsencode(directory), socket.MSG_NOSIGNAL)
            if not self._channel.recv(1):
                raise OSError(f"{directory} could not be entered for an interpreter")


def start(order: dict[str, Any], output: int, become: Callable[[], None]) -> Waiting:
    """Start `order["start"]`; `become` takes the function's limits and identity. Raises OSError.

    Returns before the interpreter waits.
    """
    cover, started = order["cover"], order["start"]
    sc.mount(cover["source"], cover["target"], "", sc.MS_BIND)
    roomy = {**started, "environment": block.with_room(started["environment"])}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    guiding, guided = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    pid = os.fork()
    if pid == 0:
        _become_interpreter(roomy, output, theirs, guided, become)
    theirs.close()
    guided.close()
    told, descriptors = receive(ours)
    if told is None or told["errno"]:
        close_all(descriptors)
        ours.close()
        guiding.close()
        raise OSError(told["errno"] if told else 0, told["step"] if told else "an interpreter ended before its start")
    listener = descriptors[1] if len(descriptors) > 1 else -1
    memory = sysinfo.Sysinfo(listener, order["memory_mb"] * 1024 * 1024)
    return Waiting(started, pid, ours, Guide(guiding), descriptors[0], memory)


def _become_interpreter(
    start: dict[str, Any], output: int, channel: socket.socket, guided: socket.socket, become: Callable[[], None]
) -> None:
    """Never returns."""
    try:
        become()
        # Process 1 ignores the ends of its children as yet.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # It is process 1, with which the whole sandbox ends, that ends with the launcher.
        sc.prctl(sc.PR_SET_PDEATHSIG, 0)
        namespace = os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        # A child of process 1 as well, which the interpreter need not reap. After the filter it could not be made.
        guide, pidfd = sc.clone3(sc.CLONE_FS | sc.CLONE_PARENT)
        if guide == 0:
            _guide(guided)
        os.close(pidfd)
        listener = install_filter()
        send(channel, {"errno": 0}, [namespace] if listener < 0 else [namespace, listener])
    except OSError as error:
        with contextlib.suppress(OSError):
            send(channel, {"errno": error.errno, "step": f"an interpreter ahead: {error}"})
        os._exit(1)
    runtime.run(start, output, None, channel.fileno())


def _guide(channel: socket.socket) -> None:
    """Go where process 1 says, for the interpreter as well. Never returns."""
    try:
        os.dup2(channel.fileno(), 0)
        os.closerange(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        install_filter()
        os.chdir(os.read(0, 4096))
        os.write(0, b"\n")
    finally:
        os._exit(0)


def install_filter() -> int:
    """For this process and all that it starts; the answer is what `seccomp.install` gives."""
    sc.prctl(sc.PR_SET_NO_NEW_PRIVS, 1)
    return seccomp.install()
