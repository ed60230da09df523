"""Sandboxes made of Linux namespaces: the ordinary kind of isolation (`docs/security.md` says what it holds off)."""

import asyncio
import contextlib
import hashlib
import heapq
import itertools
import logging
import os
import socket
from pathlib import Path
from typing import Any

from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox import cgroup_hierarchies as hierarchies
from stoker.sandbox import launcher_process as lp
from stoker.sandbox.cgroup import Cgroup
from stoker.sandbox.namespace_sandbox import RUNTIME_API, RUNTIME_API_PORT, NamespaceSandbox, order_to_start
from stoker.sandbox.recipe import BASE_ENVIRONMENT, CODE, LAUNCHER, root_recipe
from stoker.sandbox.sandbox import OnExit, ProcessSpec, SandboxError, SandboxSpec

log = logging.getLogger("stoker.sandbox")

PROCESSES_MAX = 1024
MAKE_LIMIT_S = 20.0
# Above what systemd hands out to containers, below 2^31 (systemd, UIDS-GIDS): no user of the host has these.
UID_FIRST = 0x70000000
UIDS_PER_NODE = 65536
HOSTNAME = "169.254.100.1"
MB = 1024 * 1024
# How many sandboxes of a runtime wait, made ahead; and how long after one was taken the next is made.
BLANKS = 2
REFILL_AFTER_S = 0.03
NODES_MAX = 4000

_CLIENT = ["awslambdaric", "awslambdaric.bootstrap", "awslambdaric.__main__", "http.client", "json", "decimal"]
_LIBRARIES = ["boto3", "botocore.session", "botocore.client", "boto3.session", "urllib3", "s3transfer"]


class NamespaceSandboxes:
    """Makes them, with one launcher for each runtime: started on first need, replaced when it ended."""

    isolation = "strict"

    def __init__(self, data: Path, code: Path) -> None:
        """`data`: the node's directory, which also names its control groups; `code`: where packages are unpacked."""
        self._mountpoint = data / "run" / "root"
        self._code = code
        digest = hashlib.sha256(str(data.resolve()).encode()).hexdigest()
        self._group_name = f"stoker-{digest[:12]}"
        self._uid_first = UID_FIRST + int(digest[:8], 16) % NODES_MAX * UIDS_PER_NODE
        self._is_privileged = os.geteuid() == 0
        self._hierarchies = hierarchies.NO_HIERARCHIES
        self._launchers: dict[tuple[str, bool], asyncio.Task[lp.LauncherProcess]] = {}
        self._sandboxes: set[NamespaceSandbox] = set()
        self._blanks: dict[tuple[str, bool], list[NamespaceSandbox]] = {}
        self._refilling: dict[tuple[str, bool], asyncio.Task[None]] = {}
        self._numbers = itertools.count(1)
        self._free_slots: list[int] = []
        self._slots_used = 0

    async def __aenter__(self) -> "NamespaceSandboxes":
        self._mountpoint.mkdir(parents=True, exist_ok=True)
        self._hierarchies = hierarchies.find_hierarchies(self._group_name)
        swept = await asyncio.to_thread(hierarchies.sweep, self._hierarchies)
        if swept:
            log.info("removed %d sandboxes that a former node left", swept)
        return self

    async def __aexit__(self, *_: object) -> None:
        for refill in list(self._refilling.values()):
            refill.cancel()
            await asyncio.gather(refill, return_exceptions=True)
        for sandbox in list(self._sandboxes):
            sandbox.kill()
        for sandbox in list(self._sandboxes):
            await sandbox.wait_closed()
        for task in self._launchers.values():
            with contextlib.suppress(SandboxError):
                await (await task).close()
        hierarchies.remove_node_group(self._hierarchies)

    async def prepare(self, build: RuntimeBuild, *, fork: bool) -> None:
        """Start the runtime's launcher, and make the first sandboxes ahead."""
        await self._launcher(build, fork)
        self._refill(build, fork)

    async def make(self, spec: SandboxSpec, first: ProcessSpec, on_exit: OnExit) -> NamespaceSandbox:
        sandbox = self._take_blank(spec.build, first.fork) or await self._blank(spec.build, first.fork)
        try:
            async with asyncio.timeout(MAKE_LIMIT_S):
                await sandbox.complete(self._order(spec, first, sandbox.slot), spec, on_exit)
        except BaseException as error:
            await self._discard(sandbox)
            raise _as_sandbox_error(error) from error
        self._refill(spec.build, first.fork)
        return sandbox

    # Blanks: sandboxes made ahead, up to the point where the function's own directories and limits come in.

    def _take_blank(self, build: RuntimeBuild, fork: bool) -> NamespaceSandbox | None:
        blanks = self._blanks.get((build.name, fork), [])
        sandbox = next((blank for blank in reversed(blanks) if blank.is_alive), None)
        if sandbox is not None:
            blanks.remove(sandbox)
        return sandbox

    async def _blank(self, build: RuntimeBuild, fork: bool) -> NamespaceSandbox:
        """A new one. It takes tens of milliseconds where control groups v1 are: the kernel waits for all processors
        when a process joins a group (decision 0020)."""
        try:
            return await self._made_blank(await self._launcher(build, fork))
        except OSError as error:
            raise _as_sandbox_error(error) from error

    async def _made_blank(self, launcher: lp.LauncherProcess) -> NamespaceSandbox:
        slot = self._take_slot()
        name = f"{slot}-{next(self._numbers)}"
        group = Cgroup(self._hierarchies, name, PROCESSES_MAX)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, writer = _pipe()
        writers = [writer]
        sandbox = NamespaceSandbox(name, slot, group, ours, output, self._release)
        self._sandboxes.add(sandbox)
        try:
            try:
                attach, is_v2 = group.attach_descriptors()
                writers += attach
                order = {"id": name, "cgroup_v2": is_v2, "hostname": HOSTNAME, "ports": [RUNTIME_API_PORT]}
                pid, pidfd = await launcher.make(order, [theirs.fileno(), *writers])
            finally:
                theirs.close()
                for descriptor in writers:
                    os.close(descriptor)
            sandbox.attach(pid, pidfd, launcher)
            async with asyncio.timeout(MAKE_LIMIT_S):
                await sandbox.wait_prepared()
        except BaseException as error:
            await self._discard(sandbox)
            raise _as_sandbox_error(error) from error
        return sandbox

    def _refill(self, build: RuntimeBuild, fork: bool) -> None:
        key = (build.name, fork)
        if key not in self._refilling:
            task = asyncio.get_running_loop().create_task(self._refilled(build, fork), name=f"blanks of {build.name}")
            self._refilling[key] = task
            task.add_done_callback(lambda _: self._refilling.pop(key, None))

    async def _refilled(self, build: RuntimeBuild, fork: bool) -> None:
        # Not at once: the function that took the last one is just starting.
        await asyncio.sleep(REFILL_AFTER_S)
        blanks = self._blanks.setdefault((build.name, fork), [])
        # Those that ended by themselves, with their launcher for one, still hold groups, a pipe and a slot.
        for blank in [blank for blank in blanks if not blank.is_alive]:
            blanks.remove(blank)
            await self._discard(blank)
        try:
            while len(blanks) < BLANKS:
                blanks.append(await self._blank(build, fork))
        except SandboxError as error:
            log.warning("no sandbox could be made ahead for %s: %s", build.name, error)

    async def _discard(self, sandbox: NamespaceSandbox) -> None:
        sandbox.abandon()
        await sandbox.wait_closed()
        sandbox.close_output()

    def _release(self, sandbox: NamespaceSandbox) -> None:
        if sandbox in self._sandboxes:
            self._sandboxes.discard(sandbox)
            heapq.heappush(self._free_slots, sandbox.slot)

    def _take_slot(self) -> int:
        if self._free_slots:
            return heapq.heappop(self._free_slots)
        self._slots_used += 1
        return self._slots_used - 1

    def _order(self, spec: SandboxSpec, first: ProcessSpec, slot: int) -> dict[str, Any]:
        binds = [[f"{CODE}/{spec.task.relative_to(self._code)}", "/var/task"]]
        if spec.opt is not None:
            binds.append([f"{CODE}/{spec.opt.relative_to(self._code)}", "/opt"])
        return {
            "binds": binds,
            "hidden": [CODE, LAUNCHER],
            "tmp_bytes": spec.tmp_mb * MB,
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


def _as_sandbox_error(error: BaseException) -> BaseException:
    match error:
        case TimeoutError():
            return SandboxError("making a sandbox took too long")
        case OSError():
            return SandboxError(f"making a sandbox failed at: {error.strerror} ({error.filename})")
        case _:
            return error


def _pipe() -> tuple[int, int]:
    """(the node's end, the sandbox's end)"""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    return reader, writer
