"""An interpreter that is started before there is a function, and waits inside the sandbox for it (decisions 41 and 46).

It has the identity, the limits and the filter of what the function will start, and has them before it is started; what
it runs until it waits is ours and AWS's. What it lacks is the function's, and is put where the interpreter will find
it: directories are mounted, arguments and variables written over those that it was started with (`block.py`). Then it
is told to go on, by a socket that is closed at both ends.

It stands in the function's directory, which is then mounted over it. What shall find that has to go there anew, and no
interpreter but Node.js can: so a second process, of ours, shares with it where it stands (clone(2), CLONE_FS), goes
there for both, and ends. A copy of the zygote needs none of that (`waiting_copy.py`).
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
    """What waits, seen by process 1, its parent."""

    # Whether it has looked at what the sandbox shows of memory, processors and /tmp.
    has_looked = False

    def __init__(self, pid: int, channel: socket.socket, namespace: int, memory: sysinfo.Sysinfo) -> None:
        """`namespace` is its user namespace, which process 1 is going to enter; `memory` answers for its filter."""
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

    def enter(self) -> None:
        """The function's directories are there now. Nothing else runs here yet."""

    def is_for(self, order: dict[str, Any]) -> bool:
        """Whether it is what `order` asks to start."""
        raise NotImplementedError

    def take(self, order: dict[str, Any]) -> bool:
        """Let it become the process that `order` asks for; False if it cannot, and has ended."""
        try:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return False
            # Never to wait: an extension, which runs already, may have stopped it.
            self._channel.setblocking(False)
            self._channel.sendall(self._told(order), socket.MSG_NOSIGNAL)
        except (OSError, ValueError):
            self.end()
            return False
        finally:
            self._channel.close()
        return True

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._channel.close()

    def _told(self, order: dict[str, Any]) -> bytes:
        """What it hears last. Raises OSError or ValueError if it cannot be what is asked for."""
        raise NotImplementedError


class Interpreter(Waiting):
    """A program, with a command line of its own."""

    has_looked = True

    def __init__(
        self,
        start: dict[str, Any],
        guide: Guide,
        pid: int,
        channel: socket.socket,
        namespace: int,
        memory: sysinfo.Sysinfo,
    ) -> None:
        super().__init__(pid, channel, namespace, memory)
        self._argv = start["argv"]
        self._directory = start["directory"]
        self._guide = guide
        self._memory_file = -1

    def enter(self) -> None:
        """Go to where it stands once more. What cannot do that has ended."""
        try:
            self._guide.enter(self._directory)
            self._memory_file = block.open_memory(self.pid)
        except OSError:
            self.end()

    def is_for(self, order: dict[str, Any]) -> bool:
        return bool(order["argv"]) and (order["ahead"], order["directory"]) == (self._argv, self._directory)

    def _told(self, order: dict[str, Any]) -> bytes:
        try:
            block.rewrite(self.pid, self._memory_file, order["argv"], order["environment"])
        finally:
            if self._memory_file >= 0:
                os.close(self._memory_file)
        # Some have no other way to learn of their arguments.
        return b"\0".join(map(os.fsencode, order["argv"]))


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
    guiding, guided = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    def become_guided() -> None:
        become()
        # A child of process 1 as well, which the interpreter need not reap. After the filter it could not be made.
        guide, pidfd = sc.clone3(sc.CLONE_FS | sc.CLONE_PARENT)
        if guide == 0:
            _guide(guided)
        os.close(pidfd)

    def go_on(channel: socket.socket) -> None:
        runtime.run(roomy, output, None, channel.fileno())

    with guided:
        facts = forked(become_guided, go_on)
    return Interpreter(started, Guide(guiding), *facts)


Facts = tuple[int, socket.socket, int, sysinfo.Sysinfo]


def forked(become: Callable[[], None], go_on: Callable[[socket.socket], None]) -> Facts:
    """A child that has become nobody, with its filter, and does `go_on`: what `Waiting` has to know. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            _be_nobody(theirs, become)
            go_on(theirs)
        finally:
            os._exit(1)
    theirs.close()
    told, descriptors = receive(ours)
    if told is None or told["errno"]:
        close_all(descriptors)
        ours.close()
        raise OSError(told["errno"] if told else 0, told["step"] if told else "an interpreter ended before its start")
    return pid, ours, descriptors[0], sysinfo.Sysinfo(descriptors[1] if len(descriptors) > 1 else -1)


def _be_nobody(channel: socket.socket, become: Callable[[], None]) -> None:
    try:
        # Process 1 ignores the ends of its children as yet.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        become()
        # It is process 1, with which the whole sandbox ends, that ends with the launcher.
        sc.prctl(sc.PR_SET_PDEATHSIG, 0)
        namespace = os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        listener = install_filter()
        descriptors = [namespace] if listener < 0 else [namespace, listener]
        send(channel, {"errno": 0}, descriptors)
        close_all(descriptors)
    except OSError as error:
        with contextlib.suppress(OSError):
            send(channel, {"errno": error.errno, "step": f"an interpreter ahead: {error}"})
        os._exit(1)


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


def install_filter(*, forks_apart: bool = False) -> int:
    """For this process and all that it starts; the answer is what `seccomp.install` gives."""
    sc.prctl(sc.PR_SET_NO_NEW_PRIVS, 1)
    return seccomp.install(forks_apart=forks_apart)
