"""Sandboxes whose functions run on gVisor's kernel instead of the host's (`docs/isolation.md`).

They are made as those of namespaces are; then process 1 starts `runsc` in them (`launcher/gvisor.py`). What differs on
the node's side stands here: no zygotes, gVisor's own user, and what of a sandbox's memory is the function's.
"""

import logging
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stoker.limits import Limits
from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.ahead import Interpreter
from stoker.sandbox.cgroup import MB, Cgroup
from stoker.sandbox.launcher.gvisor import DIRECTORY, RUNSC
from stoker.sandbox.memory_watch import MemoryAccount, counted
from stoker.sandbox.namespace_sandbox import NamespaceSandbox
from stoker.sandbox.namespaces import HOSTNAME, UIDS_PER_NODE, NamespaceSandboxes
from stoker.sandbox.network.networks import Networks
from stoker.sandbox.network.records import ISOLATED, Network
from stoker.sandbox.sandbox import OnExit, ProcessSpec, SandboxSpec

log = logging.getLogger("stoker.sandbox")

# gVisor's own memory: measured with one process that sleeps, and with room for what grows with what a function does.
IDLE_MB = 16
OVERHEAD_MB = 32
# A process of the function's is up to two of the host's, besides gVisor's own.
GVISOR_PROCESSES_MAX = 64


def find_runsc(setting: str) -> Path | None:
    """The program that the setting `runsc` names, else the one on PATH."""
    found = shutil.which(setting or "runsc")
    return Path(found).resolve() if found is not None else None


def gvisor_lack(runsc: Path | None, *, is_root: bool, has_namespaces: bool) -> str:
    """What this host lacks for it, with what to do; empty if nothing."""
    if runsc is None:
        return "gVisor's program runsc is not on PATH: install gVisor, or name the program with the setting runsc"
    if not is_root:
        return "it needs root, to give each sandbox two users of its own: sudo stoker up"
    if not has_namespaces:
        return "it needs namespaces, user namespaces among them"
    return ""


class GvisorMemory(MemoryAccount):
    """To the host, all memory of the sentry's processes is one file in memory, as /tmp is: shared memory, not cache."""

    overhead_bytes = OVERHEAD_MB * MB
    idle_bytes = IDLE_MB * MB

    def __init__(self) -> None:
        self._tmp = Path()

    def begins_with(self, pid: int) -> None:
        self._tmp = Path(f"/proc/{pid}/root/tmp")

    def used_bytes(self, charged: int, stat: Mapping[str, int]) -> int:
        cache = counted(stat, "cache", "file") - counted(stat, "shmem", "shmem")
        return max(charged - cache - self._tmp_bytes() - self.overhead_bytes, 0)

    def _tmp_bytes(self) -> int:
        try:
            tmp = os.statvfs(self._tmp)
        except OSError:  # the sandbox has ended
            return 0
        return (tmp.f_blocks - tmp.f_bfree) * tmp.f_frsize


class GvisorSandbox(NamespaceSandbox):
    """Stopped by its first process, because gVisor does not bear being frozen (`launcher/gvisor.py`, `_signal_all`)."""

    def freeze(self) -> None:
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)


class GvisorSandboxes(NamespaceSandboxes):
    """Makes them."""

    isolation = "gvisor"
    _sandbox_class = GvisorSandbox

    def __init__(
        self,
        runsc: Path,
        data: Path,
        code: Path,
        networks: Networks | None = None,
        *,
        limits: Limits,
        directories: Sequence[Path] = (),
    ) -> None:
        """`runsc`: gVisor's program; the rest as for namespaces."""
        super().__init__(data, code, networks, limits=limits, directories=directories)
        self._runsc = runsc

    async def __aenter__(self) -> "GvisorSandboxes":
        await super().__aenter__()
        if self._directories.are_lent:
            log.warning("isolation gvisor: functions share files, but their locks hold within one environment only")
        return self

    async def prepare(
        self, build: RuntimeBuild, *, fork: bool, network: Network = ISOLATED, ahead: Interpreter | None = None
    ) -> None:
        """A zygote's children would run on the host's kernel: every interpreter is a fresh one."""
        await super().prepare(build, fork=False, network=network)

    async def make(self, spec: SandboxSpec, first: ProcessSpec, on_exit: OnExit) -> NamespaceSandbox:
        return await super().make(spec, replace(first, fork=False, ahead=()), on_exit)

    def _group(self, name: str) -> Cgroup:
        processes_max = 2 * self._limits.processes_max + GVISOR_PROCESSES_MAX
        return Cgroup(self._hierarchies, name, processes_max, GvisorMemory())

    def _order(self, spec: SandboxSpec, first: ProcessSpec, sandbox: NamespaceSandbox) -> dict[str, Any]:
        order = super()._order(spec, first, sandbox)
        return order | {"keeper_uid": self._uid_first + UIDS_PER_NODE // 2 + sandbox.slot, "hostname": HOSTNAME}

    def _recipe(self, build: RuntimeBuild) -> dict[str, Any]:
        recipe = super()._recipe(build)
        recipe["steps"] += [["bind", str(self._runsc), RUNSC], ["directory", DIRECTORY]]
        return recipe
