"""Sandboxes made of Linux namespaces: the ordinary kind of isolation (`docs/security.md` says what it holds off)."""

import asyncio
import contextlib
import hashlib
import heapq
import logging
import os
import signal
import socket
from pathlib import Path
from typing import Any

from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox import cgroup as cg
from stoker.sandbox import launcher_process as lp
from stoker.sandbox.recipe import BASE_ENVIRONMENT, CODE, LAUNCHER, root_recipe
from stoker.sandbox.sandbox import SANDBOX, Exit, OnExit, Pipes, ProcessSpec, SandboxError, SandboxSpec

log = logging.getLogger("stoker.sandbox")

RUNTIME_API_PORT = 9001
RUNTIME_API = f"169.254.100.1:{RUNTIME_API_PORT}"
PROCESSES_MAX = 1024
MAKE_LIMIT_S = 20.0
# Above what systemd hands out to containers, below 2^31 (systemd, UIDS-GIDS): no user of the host has these.
UID_FIRST = 0x70000000
UIDS_PER_NODE = 65536
NODES_MAX = 4000

_CLIENT = ["awslambdaric", "awslambdaric.bootstrap", "awslambdaric.__main__", "http.client", "json", "decimal"]
_LIBRARIES = ["boto3", "botocore.session", "botocore.client", "boto3.session", "urllib3", "s3transfer"]


class NamespaceSandbox:
    """One sandbox, seen from the node. Its first process is ours (`launcher/init.py`) and does what `control` says."""

    def __init__(
        self, spec: SandboxSpec, slot: int, group: cg.Cgroup, control: socket.socket, pipes: Pipes, on_exit: OnExit
    ) -> None:
        self.name = spec.name
        self.slot = slot
        self.pipes = pipes
        self.runtime_api = RUNTIME_API
        self.task_directory = "/var/task"
        self.listener: socket.socket = socket.socket()
        self.launcher: lp.LauncherProcess | None = None
        self._group = group
        self._control = control
        self._on_exit = on_exit
        self._pidfd = -1
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = loop.create_future()
        self._reset_done: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] = loop.create_future()
        self._oom_kills_seen = 0
        self._is_killed = False
        control.setblocking(False)
        loop.add_reader(control.fileno(), self._readable)

    def attach(self, pidfd: int, launcher: lp.LauncherProcess) -> None:
        """Take the descriptor of the first process: its end is the sandbox's end."""
        self._pidfd = pidfd
        self.launcher = launcher
        asyncio.get_running_loop().add_reader(pidfd, self._died)

    async def wait_ready(self) -> None:
        """Until the sandbox is complete and its first process was started. Raises SandboxError."""
        await self._ready
        self._group.watch_memory(self._out_of_memory)

    def start(self, process: ProcessSpec) -> None:
        self._order(order_to_start(process))
        # Whoever ran out of memory before is gone.
        self._group.watch_memory(self._out_of_memory)

    def signal(self, process: str, number: int) -> None:
        with contextlib.suppress(SandboxError):
            self._order({"command": "signal", "name": process, "signal": number})

    async def reset(self) -> None:
        self._reset_done = asyncio.get_running_loop().create_future()
        self._order({"command": "reset"})
        await self._reset_done

    def set_cpu(self, vcpus: float) -> None:
        with contextlib.suppress(OSError):
            self._group.set_cpu(vcpus)

    def freeze(self) -> None:
        with contextlib.suppress(OSError):
            self._group.freeze()

    def thaw(self) -> None:
        with contextlib.suppress(OSError):
            self._group.thaw()

    def memory_max_mb(self) -> int:
        try:
            return self._group.memory_max_mb()
        except OSError:
            return 0

    def ran_out_of_memory(self) -> bool:
        with contextlib.suppress(OSError):
            kills = self._group.oom_kills()
            if kills > self._oom_kills_seen:
                self._oom_kills_seen = kills
                return True
        exhausted, self._group.ran_out_of_memory = self._group.ran_out_of_memory, False
        return exhausted

    def kill(self) -> None:
        if self._is_killed or self._gone.done():
            return
        self._is_killed = True
        self._group.kill()
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        # A frozen process does not die until it is thawed (cgroup v1).
        self.thaw()

    async def wait_closed(self) -> None:
        await asyncio.shield(self._gone)
        self._group.close()
        # The kernel empties a group shortly after its last process ended, and v1 has no way to be told when.
        for pause_s in (0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0):
            if self._group.remove():
                return
            await asyncio.sleep(pause_s)
        log.warning("the control group of %s could not be removed", self.name)

    def abandon(self) -> None:
        """Drop what was prepared for a sandbox whose first process never came to be."""
        if not self._gone.done():
            self._closed()

    def _order(self, message: dict[str, Any]) -> None:
        if self._gone.done():
            raise SandboxError("the sandbox has ended")
        try:
            lp.send(self._control, message)
        except OSError as error:
            raise SandboxError(f"the sandbox cannot be reached: {error.strerror}") from None

    def _readable(self) -> None:
        while not self._gone.done():
            try:
                message, descriptors = lp.receive(self._control)
            except BlockingIOError:
                return
            if message is None:
                # The first process is ending, or was taken over and closed this: either way it is over.
                asyncio.get_running_loop().remove_reader(self._control.fileno())
                if not self._ready.done():
                    self._ready.set_exception(SandboxError("the sandbox ended while it was being made"))
                self.kill()
                return
            self._take(message, descriptors)

    def _take(self, message: dict[str, Any], descriptors: list[int]) -> None:
        match message["event"]:
            case "ready":
                self.listener = socket.socket(fileno=descriptors[0])
                self.listener.setblocking(False)
                if not self._ready.done():
                    self._ready.set_result(None)
            case "failed":
                if not self._ready.done():
                    self._ready.set_exception(lp.step_error(message))
            case "exit":
                self._on_exit(_exit_of(message["name"], message["status"]))
            case "reset":
                if self._reset_done is not None and not self._reset_done.done():
                    self._reset_done.set_result(None)

    def _out_of_memory(self) -> None:
        """The function's memory is used up: end its processes as the kernel's own killer would; /tmp stays."""
        log.debug("%s is out of memory", self.name)
        with contextlib.suppress(SandboxError):
            self._order({"command": "kill"})

    def _died(self) -> None:
        self._readable()
        if not self._gone.done():
            self._closed()

    def _closed(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._control.fileno())
        self._control.close()
        self.listener.close()
        if self._pidfd >= 0:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        error = SandboxError("the sandbox has ended")
        for future in (self._ready, self._reset_done):
            if future is not None and not future.done():
                future.set_exception(error)
                future.exception()
        self._gone.set_result(None)
        self._on_exit(Exit(SANDBOX, None, signal.SIGKILL))

    def close_pipes(self) -> None:
        """Once their last bytes were read."""
        for descriptor in (self.pipes.stdout, self.pipes.stderr, self.pipes.telemetry):
            os.close(descriptor)


def order_to_start(process: ProcessSpec) -> dict[str, Any]:
    return {
        "command": "start",
        "name": process.name,
        "argv": list(process.argv),
        "environment": dict(process.environment),
        "directory": process.directory,
        "handler": process.handler,
        "fork": process.fork,
    }


def _exit_of(name: str, status: int) -> Exit:
    if os.WIFSIGNALED(status):
        return Exit(name, None, os.WTERMSIG(status))
    return Exit(name, os.WEXITSTATUS(status), None)


class NamespaceSandboxes:
    """Makes them, with one launcher for each runtime: started on first need, replaced when it ended."""

    isolation = "strict"

    def __init__(self, data: Path, code: Path) -> None:
        """`data`: the node's directory, whose name also names its control groups; `code`: where packages are unpacked."""
        self._mountpoint = data / "run" / "root"
        self._code = code
        digest = hashlib.sha256(str(data.resolve()).encode()).hexdigest()
        self._group_name = f"stoker-{digest[:12]}"
        self._uid_first = UID_FIRST + int(digest[:8], 16) % NODES_MAX * UIDS_PER_NODE
        self._is_privileged = os.geteuid() == 0
        self._hierarchies = cg.Hierarchies({}, None, frozenset())
        self._launchers: dict[tuple[str, bool], asyncio.Task[lp.LauncherProcess]] = {}
        self._sandboxes: set[NamespaceSandbox] = set()
        self._free_slots: list[int] = []
        self._slots_used = 0

    @property
    def hierarchies(self) -> cg.Hierarchies:
        return self._hierarchies

    async def __aenter__(self) -> "NamespaceSandboxes":
        self._mountpoint.mkdir(parents=True, exist_ok=True)
        self._hierarchies = cg.find_hierarchies(self._group_name)
        swept = await asyncio.to_thread(cg.sweep, self._hierarchies)
        if swept:
            log.info("removed %d sandboxes that a former node left", swept)
        return self

    async def __aexit__(self, *_: object) -> None:
        for sandbox in list(self._sandboxes):
            sandbox.kill()
        for sandbox in list(self._sandboxes):
            await sandbox.wait_closed()
        for task in self._launchers.values():
            with contextlib.suppress(SandboxError):
                await (await task).close()
        cg.remove_node_group(self._hierarchies)

    async def prepare(self, build: RuntimeBuild, fork: bool) -> None:
        """Start the runtime's launcher ahead. Raises SandboxError."""
        await self._launcher(build, fork)

    async def make(self, spec: SandboxSpec, first: ProcessSpec, on_exit: OnExit) -> NamespaceSandbox:
        try:
            return await self._make(spec, first, on_exit)
        except OSError as error:
            raise SandboxError(f"making a sandbox failed at: {error.strerror} ({error.filename})") from error

    async def _make(self, spec: SandboxSpec, first: ProcessSpec, on_exit: OnExit) -> NamespaceSandbox:
        launcher = await self._launcher(spec.build, first.fork)
        group = cg.Cgroup(self._hierarchies, spec.name, spec.memory_mb, spec.tmp_mb, PROCESSES_MAX)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pipes, writers = _pipes()
        slot = self._take_slot()
        sandbox = NamespaceSandbox(spec, slot, group, ours, pipes, on_exit)
        self._sandboxes.add(sandbox)
        attach, is_v2 = group.attach_descriptors()
        passed = [theirs.fileno(), *writers, *attach]
        try:
            _, pidfd = await launcher.make(self._order(spec, first, slot, is_v2), passed)
        except BaseException:
            sandbox.abandon()
            await self._forget(sandbox)
            sandbox.close_pipes()
            raise
        finally:
            theirs.close()
            for descriptor in (*writers, *attach):
                os.close(descriptor)
        sandbox.attach(pidfd, launcher)
        try:
            async with asyncio.timeout(MAKE_LIMIT_S):
                await sandbox.wait_ready()
        except BaseException as error:
            sandbox.kill()
            await self._forget(sandbox)
            sandbox.close_pipes()
            if isinstance(error, TimeoutError):
                raise SandboxError("making a sandbox took too long") from None
            raise
        return sandbox

    async def close(self, sandbox: NamespaceSandbox) -> None:
        """Wait for a killed sandbox's end and give back what it held."""
        await self._forget(sandbox)

    async def _forget(self, sandbox: NamespaceSandbox) -> None:
        await sandbox.wait_closed()
        if sandbox in self._sandboxes:
            self._sandboxes.discard(sandbox)
            heapq.heappush(self._free_slots, sandbox.slot)

    def _take_slot(self) -> int:
        if self._free_slots:
            return heapq.heappop(self._free_slots)
        self._slots_used += 1
        return self._slots_used - 1

    def _order(self, spec: SandboxSpec, first: ProcessSpec, slot: int, is_v2: bool) -> dict[str, Any]:
        binds = [[f"{CODE}/{spec.task.relative_to(self._code)}", "/var/task"]]
        if spec.opt is not None:
            binds.append([f"{CODE}/{spec.opt.relative_to(self._code)}", "/opt"])
        return {
            "id": spec.name,
            "cgroup_v2": is_v2,
            "binds": binds,
            "hidden": [CODE, LAUNCHER],
            "tmp_bytes": spec.tmp_mb * 1024 * 1024,
            "hostname": "169.254.100.1",
            "ports": [RUNTIME_API_PORT],
            "outside_uid": self._uid_first + slot,
            "start": order_to_start(first),
        }

    async def _launcher(self, build: RuntimeBuild, fork: bool) -> lp.LauncherProcess:
        key = (build.name, fork)
        former = self._launchers.get(key)
        if former is not None and not _has_ended(former):
            return await asyncio.shield(former)
        task = asyncio.get_running_loop().create_task(
            self._start_launcher(build, fork, former), name=f"launcher of {build.name}"
        )
        self._launchers[key] = task
        return await asyncio.shield(task)

    async def _start_launcher(
        self, build: RuntimeBuild, fork: bool, former: asyncio.Task[lp.LauncherProcess] | None
    ) -> lp.LauncherProcess:
        if former is not None and former.exception() is None:
            await former.result().close()
        zygote = None
        if fork:
            zygote = {
                "interpreter": build.interpreter,
                "environment": {**BASE_ENVIRONMENT, **build.environment, "AWS_LAMBDA_RUNTIME_API": RUNTIME_API},
                "preload": {"client": _CLIENT, "libraries": _LIBRARIES},
            }
        recipe = root_recipe(build, self._mountpoint, self._code)
        return await lp.LauncherProcess.start(
            {"root": recipe, "is_privileged": self._is_privileged, "zygote": zygote}, self._launcher_ended
        )

    def _launcher_ended(self, launcher: lp.LauncherProcess) -> None:
        """The kernel ends a dead launcher's sandboxes, but not frozen ones (cgroup v1): see to all of them."""
        for sandbox in self._sandboxes:
            if sandbox.launcher is launcher:
                sandbox.kill()


def _has_ended(task: asyncio.Task[lp.LauncherProcess]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None or not task.result().is_alive)


def _pipes() -> tuple[Pipes, list[int]]:
    readers, writers = [], []
    for _ in range(3):
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        readers.append(reader)
        writers.append(writer)
    return Pipes(*readers), writers
