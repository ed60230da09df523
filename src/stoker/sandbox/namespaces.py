"""Sandboxes made of Linux namespaces: the ordinary kind of isolation (`docs/security.md` says what it holds off)."""

import asyncio
import contextlib
import hashlib
import heapq
import itertools
import logging
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stoker.limits import Limits
from stoker.runtimes.python.zygote import CLIENT, LIBRARIES
from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox import cgroup_hierarchies as hierarchies
from stoker.sandbox.ahead import NONE_AHEAD, AheadLimits, Interpreter
from stoker.sandbox.blanks import Blanks, Kind
from stoker.sandbox.cgroup import Cgroup
from stoker.sandbox.file_systems import Directories, OpenedDirectories
from stoker.sandbox.launcher_process import LauncherProcess
from stoker.sandbox.namespace_sandbox import (
    AWS_ENDPOINT_PORT,
    RUNTIME_API,
    RUNTIME_API_PORT,
    NamespaceSandbox,
    order_to_start,
)
from stoker.sandbox.network.networks import Networks
from stoker.sandbox.network.records import ISOLATED, Lease, Network
from stoker.sandbox.network.resolvers import resolv_conf
from stoker.sandbox.passing_launchers import PassingLaunchers
from stoker.sandbox.preloaded import PreloadedLaunchers
from stoker.sandbox.processors import Processors, Share
from stoker.sandbox.recipe import (
    BASE_ENVIRONMENT,
    CODE,
    RESOLV_CONF,
    ZYGOTE,
    hidden_places,
    preload_order,
    root_recipe,
)
from stoker.sandbox.sandbox import (
    SNAPSHOT_VCPUS,
    OnExit,
    ProcessSpec,
    Sandbox,
    SandboxError,
    SandboxSpec,
    Step,
)

log = logging.getLogger("stoker.sandbox")

MAKE_LIMIT_S = 20.0
# Beyond the launcher's own limit, which ends what does not answer.
FORK_LIMIT_S = 8.0
# What a snapshot may use while it is forked, whatever its function has.
FORK_VCPUS = 1.0
# Above what systemd hands out to containers, below 2^31 (systemd, UIDS-GIDS): no user of the host has these.
UID_FIRST = 0x70000000
UIDS_PER_NODE = 65536
HOSTNAME = "169.254.100.1"
PORTS = [RUNTIME_API_PORT, AWS_ENDPOINT_PORT]
MB = 1024 * 1024
NODES_MAX = 4000


class NamespaceSandboxes:
    """Makes them, with one launcher for each runtime: started on first need, replaced when it ended."""

    isolation = "namespaces"
    _sandbox_class = NamespaceSandbox

    def __init__(
        self,
        data: Path,
        code: Path,
        networks: Networks | None = None,
        *,
        limits: Limits,
        directories: Sequence[Path] = (),
        ahead: AheadLimits = NONE_AHEAD,
    ) -> None:
        """`data`: the node's directory, which also names its control groups; `code`: where packages are unpacked.

        `networks`: the ways out of a sandbox; None where there are none. `directories`: those of the host that
        sandboxes can be given. `ahead`: how many interpreters may be started before they are needed.
        """
        self._limits = limits
        self._mountpoint = data / "run" / "root"
        self._code = code
        digest = hashlib.sha256(str(data.resolve()).encode()).hexdigest()
        self._group_name = f"stoker-{digest[:12]}"
        self._uid_first = UID_FIRST + int(digest[:8], 16) % NODES_MAX * UIDS_PER_NODE
        self._is_privileged = os.geteuid() == 0
        self._directories = Directories(directories, is_privileged=self._is_privileged)
        self._hierarchies = hierarchies.NO_HIERARCHIES
        self._launchers: dict[tuple[str, bool], asyncio.Task[LauncherProcess]] = {}
        self._sandboxes: set[NamespaceSandbox] = set()
        self._networks = networks
        self._lease_numbers: dict[str, int] = {}
        self._processors = Processors(os.sched_getaffinity(0))
        self._shares: dict[str, Share] = {}
        self._blanks = Blanks(self._waiting_blank, self._discard, ahead)
        self._numbers = itertools.count(1)
        self._free_slots: list[int] = []
        self._slots_used = 0
        self._passing = PassingLaunchers(self._end_if_unused)
        self._preloaded = PreloadedLaunchers(lambda build: self._launcher(build, fork=True), ahead.has_room)

    async def __aenter__(self) -> "NamespaceSandboxes":
        self._mountpoint.mkdir(parents=True, exist_ok=True)
        if self._networks is not None:
            self._networks.on_ended(self._network_ended)
        self._hierarchies = hierarchies.find_hierarchies(self._group_name)
        swept = await asyncio.to_thread(hierarchies.sweep, self._hierarchies)
        if swept:
            log.info("removed %d sandboxes that a former node left", swept)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._passing.close()
        await self._preloaded.close()
        await self._blanks.close()
        for sandbox in list(self._sandboxes):
            sandbox.kill()
        for sandbox in list(self._sandboxes):
            await sandbox.wait_closed()
        for task in self._launchers.values():
            with contextlib.suppress(SandboxError):
                await (await task).close()
        if self._networks is not None:
            await self._networks.close()
        self._directories.close()
        hierarchies.remove_node_group(self._hierarchies)

    async def prepare(
        self, build: RuntimeBuild, *, fork: bool, network: Network = ISOLATED, ahead: Interpreter | None = None
    ) -> None:
        """Start the runtime's launcher, and make the first sandboxes ahead."""
        if not self._passing.may_prepare(build):
            return
        self._passing.used(build)
        build = await self._preloaded.prepare(build)
        await self._launcher(build, fork)
        self._blanks.refill(Kind(build.launcher_name, fork, network, build, ahead))

    def give_way(self) -> None:
        """End what holds memory and is nobody's: somebody needs it."""
        self._blanks.give_way()
        self._passing.give_way()

    async def make(self, spec: SandboxSpec, first: ProcessSpec, on_exit: OnExit) -> NamespaceSandbox:
        interpreter = Interpreter(first.ahead, spec.memory_mb) if first.ahead else None
        build = self._preloaded.usable(spec.build)
        kind = Kind(build.launcher_name, first.fork, spec.network, build, interpreter)
        self._passing.used(build)
        # A snapshot's processes have a filter of their own, also those that would wait in a sandbox already.
        ready = None if first.is_snapshot else self._blanks.take(kind)
        sandbox = ready or await self._blank(replace(kind, ahead=None))
        sandbox.is_ahead = False
        try:
            async with asyncio.timeout(MAKE_LIMIT_S):
                opened = await self._opened(spec, sandbox.slot)
                if first.is_snapshot:
                    sandbox.holds_snapshot()
                try:
                    order = self._order(spec, first, sandbox) | {"file_systems": opened.orders}
                    kept = await sandbox.complete(order, spec, on_exit, opened.descriptors)
                    self._directories.keep(opened, kept)
                finally:
                    opened.close()
        except BaseException as error:
            await self._discard(sandbox)
            raise _as_sandbox_error(error) from error
        self._blanks.refill(kind)
        return sandbox

    # Snapshots (decision 0044)

    @property
    def can_fork(self) -> bool:
        """Whether an initialised function can be forked here (`launcher/snapshot.py`)."""
        return self.isolation == "namespaces" and self._is_privileged and os.uname().machine == "x86_64"

    def held(self, snapshot: Sandbox) -> "asyncio.Future[str]":
        assert isinstance(snapshot, NamespaceSandbox)
        assert snapshot.snapshot is not None
        return snapshot.snapshot.held

    async def fork(self, snapshot: Sandbox, spec: SandboxSpec, first: ProcessSpec, on_exit: OnExit) -> NamespaceSandbox:
        """Not made ahead: what takes long, joining control groups, needs the process."""
        assert isinstance(snapshot, NamespaceSandbox)
        assert snapshot.snapshot is not None
        sandbox, output, theirs = self._new_sandbox()
        try:
            try:
                sandbox.copies(snapshot, spec, on_exit)
                async with snapshot.snapshot.turn:
                    await self._forked(sandbox, snapshot, spec, first, [theirs.fileno(), output])
            finally:
                theirs.close()
                os.close(output)
            async with asyncio.timeout(FORK_LIMIT_S):
                await sandbox.wait_copied()
        except BaseException as error:
            await self._discard(sandbox)
            raise _as_sandbox_error(error) from error
        return sandbox

    async def _forked(
        self,
        sandbox: NamespaceSandbox,
        original: NamespaceSandbox,
        spec: SandboxSpec,
        first: ProcessSpec,
        ends: list[int],
    ) -> None:
        assert original.snapshot is not None
        if original.launcher is None or not original.is_alive:
            raise SandboxError("the snapshot has ended")
        channel, (first_pid, first_pidfd) = original.snapshot.reached(), original.first
        groups, is_v2 = sandbox.group.attach_descriptors()
        order = self._common_order(sandbox, spec.memory_mb) | {
            "id": sandbox.name,
            "fork": original.snapshot.pid,
            "first": first_pid,
            "start": {"name": first.name},
            "cgroup_v2": is_v2,
            "ports": PORTS,
            "tmp_bytes": spec.tmp_mb * MB,
        }
        original.set_cpu(FORK_VCPUS)
        try:
            descriptors = [*ends, channel.fileno(), first_pidfd, *groups]
            async with asyncio.timeout(FORK_LIMIT_S):
                pid, pidfd = await original.launcher.make(order, descriptors)
        finally:
            original.set_cpu(SNAPSHOT_VCPUS)
            for descriptor in groups:
                os.close(descriptor)
        sandbox.attach(pid, pidfd, original.launcher)

    # Blanks: sandboxes made ahead, up to the point where the function's own directories and limits come in.

    async def _blank(self, kind: Kind, *, is_ahead: bool = False) -> NamespaceSandbox:
        """A new one. It takes tens of milliseconds where control groups v1 are: the kernel waits for all processors
        when a process joins a group (decision 0020)."""
        try:
            sandbox = await self._made_blank(await self._launcher(kind.build, kind.fork), kind.network, is_ahead)
        except OSError as error:
            raise _as_sandbox_error(error) from error
        return sandbox

    async def _waiting_blank(self, kind: Kind) -> NamespaceSandbox:
        """One that nobody waits for, with an interpreter in it if there can be one."""
        sandbox = await self._blank(kind, is_ahead=True)
        if kind.ahead is not None:
            await self._start_ahead(sandbox, self._interpreter_order(sandbox, kind.build, kind.ahead))
        elif kind.fork:
            await self._start_ahead(sandbox, {"waits": "copy", **self._order_of_identity(sandbox)})
        return sandbox

    def _interpreter_order(
        self, sandbox: NamespaceSandbox, build: RuntimeBuild, interpreter: Interpreter
    ) -> dict[str, Any]:
        """To let it wait there with what every function of the runtime gets, and nothing else.

        It stands where functions do, since some interpreters never ask again where that is.
        """
        assert build.cover is not None
        environment = {**BASE_ENVIRONMENT, **build.environment, "AWS_LAMBDA_RUNTIME_API": RUNTIME_API}
        process = ProcessSpec("ahead", interpreter.argv, environment, "/var/task", "", fork=False)
        return self._common_order(sandbox, interpreter.memory_mb) | {
            "waits": "interpreter",
            "cover": {"source": build.cover.source, "target": build.cover.target},
            "start": order_to_start(process),
        }

    async def _start_ahead(self, sandbox: NamespaceSandbox, order: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(MAKE_LIMIT_S):
                await sandbox.start_ahead(order)
        except BaseException as error:
            await self._discard(sandbox)
            raise _as_sandbox_error(error) from error

    async def _made_blank(self, launcher: LauncherProcess, network: Network, is_ahead: bool) -> NamespaceSandbox:
        lease = await self._lease(network)
        sandbox, writer, theirs = self._new_sandbox()
        sandbox.is_ahead = is_ahead
        writers, name, group = [writer], sandbox.name, sandbox.group
        if lease is not None:
            self._lease_numbers[name] = lease.number
        try:
            try:
                attach, is_v2 = group.attach_descriptors()
                writers += attach
                order = {
                    "id": name,
                    "cgroup_v2": is_v2,
                    "hostname": HOSTNAME,
                    "ports": PORTS,
                    "has_network": not network.is_isolated,
                    "is_part": self._processors.are_shown_in_part,
                    "is_ahead": is_ahead,
                }
                if lease is not None:
                    # The last one: that is how the launcher knows it.
                    writers.append(lease.descriptor)
                sandbox.steps.append(Step("asked for", time.monotonic()))
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

    def _new_sandbox(self) -> tuple[NamespaceSandbox, int, socket.socket]:
        """One without processes; its end of the pipe for output, and of the connection with its first process."""
        slot = self._take_slot()
        name = f"{slot}-{next(self._numbers)}"
        group = self._group(name)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, writer = _pipe()
        sandbox = self._sandbox_class(name, slot, group, ours, output, self._release)
        self._sandboxes.add(sandbox)
        return sandbox, writer, theirs

    def _group(self, name: str) -> Cgroup:
        return Cgroup(self._hierarchies, name, self._limits.processes_max)

    async def _lease(self, network: Network) -> Lease | None:
        if network.is_isolated:
            return None
        if self._networks is None:
            raise SandboxError(f"this node has no network of kind {network.kind}. See: stoker doctor")
        return await self._networks.lease(network)

    async def _discard(self, sandbox: NamespaceSandbox) -> None:
        sandbox.abandon()
        await sandbox.wait_closed()
        sandbox.close_output()

    def _release(self, sandbox: NamespaceSandbox) -> None:
        if sandbox in self._sandboxes:
            self._sandboxes.discard(sandbox)
            heapq.heappush(self._free_slots, sandbox.slot)
            if (share := self._shares.pop(sandbox.name, None)) is not None:
                self._processors.give_back(share)
            number = self._lease_numbers.pop(sandbox.name, None)
            if number is not None and self._networks is not None:
                self._networks.release(number)
            self._passing.released(sandbox.launcher)

    def _network_ended(self) -> None:
        """A new program would give their addresses to others."""
        for sandbox in self._sandboxes:
            if sandbox.name in self._lease_numbers:
                sandbox.kill()

    def _take_slot(self) -> int:
        if self._free_slots:
            return heapq.heappop(self._free_slots)
        self._slots_used += 1
        return self._slots_used - 1

    async def _opened(self, spec: SandboxSpec, slot: int) -> OpenedDirectories:
        if not spec.directories:
            return OpenedDirectories()
        # In a thread: a file system may be far away.
        work = asyncio.to_thread(self._directories.opened, spec.directories, self._uid_first + slot)
        opening = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)
            raise

    def _order(self, spec: SandboxSpec, first: ProcessSpec, sandbox: NamespaceSandbox) -> dict[str, Any]:
        binds = []
        if spec.task is not None:
            binds.append([f"{CODE}/{spec.task.relative_to(self._code)}", "/var/task"])
        if spec.opt is not None:
            binds.append([f"{CODE}/{spec.opt.relative_to(self._code)}", "/opt"])
        if not spec.network.is_isolated:
            binds.append([RESOLV_CONF, "/etc/resolv.conf"])
        return self._common_order(sandbox, spec.memory_mb) | {
            "binds": binds,
            "hidden": sandbox.covered + hidden_places(spec.build) + self._directories.hidden,
            "tmp_bytes": spec.tmp_mb * MB,
            "keeper_uid": None,
            "is_snapshot": first.is_snapshot,
            "start": order_to_start(first),
        }

    def _common_order(self, sandbox: NamespaceSandbox, memory_mb: int) -> dict[str, Any]:
        """What of a function's order an interpreter that is started ahead gets, too: the second time it is the same."""
        share = self._shares.get(sandbox.name)
        if share is None:
            share = self._shares[sandbox.name] = self._processors.take(memory_mb)
            # Its first process waits for an order.
            sandbox.run_on(share.cores)
        return {
            "memory_mb": memory_mb,
            "cores": share.cores,
            "is_part": self._processors.are_shown_in_part,
            **self._order_of_identity(sandbox),
        }

    def _order_of_identity(self, sandbox: NamespaceSandbox) -> dict[str, Any]:
        return {
            "outside_uid": self._uid_first + sandbox.slot,
            "files_max": self._limits.file_descriptors_max,
            "processes_max": self._limits.processes_max,
        }

    async def _launcher(self, build: RuntimeBuild, fork: bool) -> LauncherProcess:
        key = (build.launcher_name, fork)
        former = self._launchers.get(key)
        if former is not None and not _has_ended(former):
            return await asyncio.shield(former)
        task = asyncio.get_running_loop().create_task(
            self._start_launcher(build, fork, former), name=f"launcher of {build.launcher_name}"
        )
        self._launchers[key] = task
        return await asyncio.shield(task)

    async def _start_launcher(
        self, build: RuntimeBuild, fork: bool, former: asyncio.Task[LauncherProcess] | None
    ) -> LauncherProcess:
        if former is not None and former.exception() is None:
            await former.result().close()
        zygote = None
        if fork:
            zygote = {
                "interpreter": build.interpreter,
                "script": ZYGOTE,
                "environment": {**BASE_ENVIRONMENT, **build.environment, "AWS_LAMBDA_RUNTIME_API": RUNTIME_API},
                "imports": {"client": CLIENT, "libraries": LIBRARIES, "preloaded": preload_order(build)},
            }
        launcher = await LauncherProcess.start(
            {"root": self._recipe(build), "is_privileged": self._is_privileged, "zygote": zygote}, self._launcher_ended
        )
        self._passing.started(build, launcher)
        return launcher

    def _recipe(self, build: RuntimeBuild) -> dict[str, Any]:
        nameservers = self._networks.declared.nameservers if self._networks is not None else ()
        recipe = root_recipe(build, self._mountpoint, self._code, resolv_conf(nameservers))
        recipe["steps"] += self._directories.steps
        return recipe

    async def _end_if_unused(self, build: RuntimeBuild) -> None:
        """End a launcher that is not a runtime's own if nothing runs in it but sandboxes that nobody waits for."""
        name = build.launcher_name
        # Nothing is preloaded but by a fork; and no fork has an image in it.
        key = name, build.preload is not None
        task = self._launchers.get(key)
        if task is None or not task.done() or task.cancelled() or task.exception() is not None:
            return
        launcher = task.result()
        if any(sandbox.launcher is launcher and not sandbox.is_ahead for sandbox in self._sandboxes):
            return
        del self._launchers[key]
        await self._blanks.drop(name)
        await launcher.close()

    def _launcher_ended(self, launcher: LauncherProcess) -> None:
        """The kernel ends a dead launcher's sandboxes, but not frozen ones (cgroup v1): see to all of them."""
        for sandbox in self._sandboxes:
            if sandbox.launcher is launcher:
                sandbox.kill()


def _has_ended(task: asyncio.Task[LauncherProcess]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None or not task.result().is_alive)


def _close_opened(opening: asyncio.Future[OpenedDirectories]) -> None:
    """Nobody waits any longer for what was to be opened."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


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
