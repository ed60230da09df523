"""One sandbox made of Linux namespaces, seen from the node."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stoker.sandbox.cgroup import Cgroup
from stoker.sandbox.helper_process import receive, send
from stoker.sandbox.launcher_process import LauncherProcess, step_error
from stoker.sandbox.sandbox import (
    RUNTIME,
    SANDBOX,
    Exit,
    FileSystemError,
    OnExit,
    ProcessSpec,
    SandboxError,
    SandboxSpec,
    Step,
    connected,
)
from stoker.sandbox.snapshot import Snapshot

log = logging.getLogger("stoker.sandbox")

RUNTIME_API_PORT = 9001
ADDRESS = "169.254.100.1"
RUNTIME_API = f"{ADDRESS}:{RUNTIME_API_PORT}"
AWS_ENDPOINT_PORT = 4566
AWS_ENDPOINT = f"http://169.254.100.1:{AWS_ENDPOINT_PORT}"
# How long after its end a sandbox's groups may stay busy; the pauses in which to look add up to two seconds.
REMOVE_PAUSES_S = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class NamespaceSandbox:
    """One sandbox, seen from the node. Its first process is ours (`launcher/init.py`) and does what `control` says."""

    def __init__(
        self,
        name: str,
        slot: int,
        group: Cgroup,
        control: socket.socket,
        output: int,
        release: Callable[["NamespaceSandbox"], None],
    ) -> None:
        """`release` is called when nothing of the sandbox is left."""
        self.name = name
        self.slot = slot
        self.output = output
        self.runtime_api = RUNTIME_API
        self.task_directory = "/var/task"
        self.listener: socket.socket = socket.socket()
        self.datagrams: int | None = None
        self.aws_endpoint: socket.socket | None = None
        self.steps: list[Step] = []
        self.launcher: LauncherProcess | None = None
        # Whether it is made, or waits, without anybody to wait for it.
        self.is_ahead = False
        # Files that are hidden until it is complete.
        self.covered: list[str] = []
        self.group = group
        self._control = control
        self._on_exit: OnExit = _ignore_exit
        self._release = release
        self._pid = 0
        self._pidfd = -1
        self._peak_seen_mb = 0
        # What is held here to be forked; and what this is a copy of, with the memory that it shares.
        self.snapshot: Snapshot | None = None
        self._original: Snapshot | None = None
        self._shared_mb = 0
        self._memory_mb = 0
        loop = asyncio.get_running_loop()
        self._prepared: asyncio.Future[None] = loop.create_future()
        self._ready: asyncio.Future[list[int]] = loop.create_future()
        self._waiting: asyncio.Future[None] = loop.create_future()
        self._reset_done: asyncio.Future[None] | None = None
        self._sockets: deque[asyncio.Future[socket.socket]] = deque()
        self._gone: asyncio.Future[None] = loop.create_future()
        self._is_killed = False
        control.setblocking(False)
        loop.add_reader(control.fileno(), self._readable)

    def attach(self, pid: int, pidfd: int, launcher: LauncherProcess) -> None:
        """Take the first process, by its id and a descriptor: its end is the sandbox's end."""
        self._pid = pid
        self._pidfd = pidfd
        self.launcher = launcher
        self.group.begins_with(pid)
        asyncio.get_running_loop().add_reader(pidfd, self._died)

    @property
    def is_alive(self) -> bool:
        return not self._gone.done() and not self._is_killed

    async def wait_prepared(self) -> None:
        """Until all is done that no function is needed for. Raises SandboxError."""
        await self._prepared

    async def start_ahead(self, order: dict[str, Any]) -> None:
        """Start an interpreter in it, until that waits for a function. Raises SandboxError."""
        if "cover" in order:
            self.covered = [order["cover"]["target"]]
        self._order(order)
        await self._waiting

    async def complete(
        self, order: dict[str, Any], spec: SandboxSpec, on_exit: OnExit, descriptors: Sequence[int] = ()
    ) -> list[int]:
        """Make it the sandbox of one function and start its first process.

        `descriptors` are of its file systems; the caller closes these, and those that come back. Raises SandboxError,
        FileSystemError, OSError.
        """
        self._on_exit = on_exit
        self.group.limit_memory(spec.memory_mb, spec.tmp_mb)
        self._order(order, descriptors)
        kept = await self._ready
        self.group.watch_memory(self._out_of_memory)
        return kept

    def holds_snapshot(self) -> None:
        """Its first process is to be held. Before it is completed."""
        self.snapshot = Snapshot(self.kill, self.signal)

    def copies(self, original: "NamespaceSandbox", spec: SandboxSpec, on_exit: OnExit) -> None:
        """It is going to be a copy of what `original` holds, and of `spec`. Raises OSError."""
        assert original.snapshot is not None
        self._on_exit = on_exit
        self._shared_mb, self._memory_mb = original.memory_max_mb(), spec.memory_mb
        self.group.limit_memory(spec.memory_mb, spec.tmp_mb)
        self._original = original.snapshot
        self._original.copied()

    async def wait_copied(self) -> None:
        """Until its runtime goes on. Raises SandboxError."""
        await self._prepared
        await self._ready
        self.group.watch_memory(self._out_of_memory)

    @property
    def first(self) -> tuple[int, int]:
        """The process id of its first process, and a descriptor of that."""
        return self._pid, self._pidfd

    def run_on(self, cores: Sequence[int]) -> None:
        """Where its processes begin. From here, while the first one sleeps: moving a running one takes milliseconds."""
        if not self._pid:  # a copy, which is put there before it runs
            return
        # A core may have been taken from the host, or this node from it; the quota bounds the function in any case.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(self._pid, cores)

    def start(self, process: ProcessSpec, output: int | None = None) -> None:
        self._order(order_to_start(process), () if output is None else (output,))
        # Whoever ran out of memory before is gone.
        self.group.watch_memory(self._out_of_memory)

    def signal(self, process: str, number: int) -> None:
        with contextlib.suppress(SandboxError):
            self._order({"command": "signal", "name": process, "signal": number})

    async def reset(self) -> None:
        self._reset_done = asyncio.get_running_loop().create_future()
        with contextlib.suppress(OSError):
            self.group.lift_cpu()
        self._order({"command": "reset"})
        await self._reset_done

    async def connect(self, port: int) -> socket.socket:
        made: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        self._order({"command": "socket"})
        self._sockets.append(made)
        return await connected(await made, ADDRESS, port)

    def set_cpu(self, vcpus: float) -> None:
        with contextlib.suppress(OSError):
            self.group.set_cpu(vcpus)

    def freeze(self) -> None:
        with contextlib.suppress(OSError):
            if not self.group.freeze():
                self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        with contextlib.suppress(OSError):
            if not self.group.thaw():
                self._signal_all(signal.SIGCONT)

    def memory_max_mb(self) -> int:
        try:
            counted = self.group.memory_max_mb()
        except OSError:
            return 0
        used_mb = counted if counted is not None else self._peak_of_processes_mb()
        return min(used_mb + self._shared_mb, self._memory_mb) if self._shared_mb else used_mb

    def ran_out_of_memory(self) -> bool:
        try:
            return self.group.ran_out_of_memory()
        except OSError:
            return False

    def kill(self) -> None:
        if self._is_killed or self._gone.done():
            return
        if self.snapshot is not None and self.snapshot.kill():
            return
        self._is_killed = True
        with contextlib.suppress(OSError):
            self.group.lift_cpu()
        self.group.kill()
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        # A frozen process does not die until it is thawed (cgroup v1).
        with contextlib.suppress(OSError):
            self.group.thaw()

    async def wait_closed(self) -> None:
        await asyncio.shield(self._gone)
        self.group.close()
        # The kernel empties a group shortly after its last process ended, and v1 has no way to be told when.
        for pause_s in REMOVE_PAUSES_S:
            if self.group.remove():
                break
            await asyncio.sleep(pause_s)
        else:
            log.warning("the control group of %s could not be removed", self.name)
        self._release(self)

    def abandon(self) -> None:
        """End a sandbox that could not be completed, whether or not its first process came to be."""
        if self._pidfd >= 0:
            self.kill()
        elif not self._gone.done():
            self._closed()

    def _order(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        if self._gone.done():
            raise SandboxError("the sandbox has ended")
        try:
            send(self._control, message, descriptors)
        except OSError as error:
            raise SandboxError(f"the sandbox cannot be reached: {error.strerror}") from None

    def _readable(self) -> None:
        while not self._gone.done():
            try:
                message, descriptors = receive(self._control)
            except BlockingIOError:
                return
            if message is None:
                # The first process is ending, or was taken over and closed this: either way it is over.
                asyncio.get_running_loop().remove_reader(self._control.fileno())
                self._fail("the sandbox ended while it was being made")
                self.kill()
                return
            self._take(message, descriptors)

    def _take(self, message: dict[str, Any], descriptors: list[int]) -> None:
        match message["event"]:
            case "prepared":
                self.steps += [Step(name, ended_s) for name, ended_s in message["steps"]]
                self.listener.close()
                self.listener = socket.socket(fileno=descriptors[0])
                self.listener.setblocking(False)
                self.datagrams = descriptors[-1]
                os.set_blocking(self.datagrams, False)
                self.aws_endpoint = socket.socket(fileno=descriptors[1])
                self.aws_endpoint.setblocking(False)
                if not self._prepared.done():
                    self._prepared.set_result(None)
            case "ready":
                if message["is_snapshot"] and self.snapshot is not None:
                    self.snapshot.begins(socket.socket(fileno=descriptors.pop()), self._pid)
                self.steps += [Step(name, ended_s) for name, ended_s in message["steps"]]
                if self._ready.done():  # nobody waited so long
                    for descriptor in descriptors:
                        os.close(descriptor)
                else:
                    self._ready.set_result(descriptors)
            case "waiting":
                if not self._waiting.done() and message["is_alive"]:
                    self._waiting.set_result(None)
                elif not self._waiting.done():
                    self._waiting.set_exception(SandboxError("the interpreter ended when it was started ahead"))
            case "failed":
                self._fail(str(step_error(message)), FileSystemError if message["is_file_system"] else SandboxError)
            case "socket":
                self._take_socket(descriptors)
            case "exit":
                self._on_exit(_exit_of(message["name"], message["status"]))
            case "reset":
                if self._reset_done is not None and not self._reset_done.done():
                    self._reset_done.set_result(None)

    def _take_socket(self, descriptors: list[int]) -> None:
        """Nothing but what was asked for: a function may have taken the first process over."""
        made = self._sockets.popleft() if self._sockets else None
        if made is None or made.done() or len(descriptors) != 1:
            for descriptor in descriptors:
                os.close(descriptor)
            if made is not None and not made.done():
                made.set_exception(SandboxError("the sandbox made no socket"))
            return
        try:
            connection = socket.socket(fileno=descriptors[0])
        except OSError as error:
            os.close(descriptors[0])
            made.set_exception(SandboxError(f"the sandbox made no socket: {error.strerror}"))
            return
        if (connection.family, connection.type) == (socket.AF_INET, socket.SOCK_STREAM):
            made.set_result(connection)
        else:
            connection.close()
            made.set_exception(SandboxError("the sandbox made another kind of socket"))

    def _out_of_memory(self) -> None:
        """The function's memory is used up: end its processes as the kernel's own killer would; /tmp stays."""
        log.debug("%s is out of memory", self.name)
        if self.snapshot is not None:  # its first process sees copies, too
            self.signal(RUNTIME, signal.SIGKILL)
            return
        self._signal_all(signal.SIGKILL)

    def _signal_all(self, number: int) -> None:
        """To every process in it but the first."""
        with contextlib.suppress(SandboxError):
            self._order({"command": "signal all", "signal": number})

    def _peak_of_processes_mb(self) -> int:
        """Where no control group counts: the largest resident sizes of the processes started here, added up.

        The most that was seen: a process that crashed has no size any more.
        """
        peak_kb = 0
        with contextlib.suppress(OSError, ValueError, IndexError):
            for pid in Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split():
                peak_kb += int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0])
        self._peak_seen_mb = max(self._peak_seen_mb, -(-peak_kb // 1024))
        return self._peak_seen_mb

    def _died(self) -> None:
        self._readable()
        if not self._gone.done():
            self._closed()

    def _closed(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._control.fileno())
        self._control.close()
        self.listener.close()
        if self.aws_endpoint is not None:
            self.aws_endpoint.close()
        if self._pidfd >= 0:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        if self.snapshot is not None:
            self.snapshot.close()
        if self._original is not None:
            self._original.forget_copy()
        self._fail("the sandbox has ended")
        self._gone.set_result(None)
        self._on_exit(Exit(SANDBOX, None, signal.SIGKILL))

    def _fail(self, text: str, kind: type[SandboxError] = SandboxError) -> None:
        """Tell whoever waits for something that will not come."""
        for future in (self._prepared, self._waiting, self._ready, self._reset_done, *self._sockets):
            if future is not None and not future.done():
                future.set_exception(kind(text))
                future.exception()  # perhaps nobody waits

    def close_output(self) -> None:
        """For a sandbox whose output nobody reads."""
        os.close(self.output)
        if self.datagrams is not None:
            os.close(self.datagrams)


def _ignore_exit(end: Exit) -> None:
    """Nobody has this sandbox yet."""


def order_to_start(process: ProcessSpec) -> dict[str, Any]:
    return {
        "command": "start",
        "name": process.name,
        "argv": list(process.argv),
        "ahead": list(process.ahead),
        "environment": dict(process.environment),
        "directory": process.directory,
        "handler": process.handler,
        "fork": process.fork,
    }


def _exit_of(name: str, status: int) -> Exit:
    if os.WIFSIGNALED(status):
        return Exit(name, None, os.WTERMSIG(status))
    return Exit(name, os.WEXITSTATUS(status), None)
