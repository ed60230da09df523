"""One sandbox's control groups: what limits, freezes and counts it.

The node makes them, hands descriptors of them to the launcher, and keeps those through which it freezes, measures and
kills. A host without some controller lacks that limit only; `stoker doctor` says which.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from stoker.sandbox.cgroup_files import CgroupFiles, put
from stoker.sandbox.cgroup_hierarchies import Hierarchies
from stoker.sandbox.memory_watch import LegacyMemoryWatch, MemoryAccount, UnifiedMemoryWatch

MB = 1024 * 1024
# Not shorter: with a period of 20 ms a 5 ms handler at 128 MB takes 47 ms instead of 5.6.
CPU_PERIOD_US = 100_000
CPU_QUOTA_US_MIN = 1_000


class Cgroup:
    """All methods are synchronous and quick, and may raise OSError."""

    def __init__(
        self, hierarchies: Hierarchies, name: str, processes_max: int, account: MemoryAccount | None = None
    ) -> None:
        """Makes the groups and limits the number of processes; memory and processors come with the function."""
        self._account = account or MemoryAccount()
        self._memory_bytes = 0
        self._files = CgroupFiles()
        self._watch: LegacyMemoryWatch | UnifiedMemoryWatch | None = None
        self._exhausted = False
        self._oom_kills_seen = 0
        self._peak_seen_bytes = 0
        self._legacy = {
            controller: root / name
            for controller, root in hierarchies.legacy.items()
            # Version 2 freezes better: a frozen process still dies.
            if controller != "freezer" or hierarchies.unified is None
        }
        self._unified = hierarchies.unified / name if hierarchies.unified is not None else None
        self._unified_controllers = hierarchies.unified_controllers
        # Read at the end of every invocation, and a path takes longer to make than the file to read.
        self._legacy_peak = self._legacy["memory"] / "memory.max_usage_in_bytes" if "memory" in self._legacy else None
        try:
            for path in self._paths():
                path.mkdir()
            self._limit_processes(processes_max)
        except OSError:
            self.remove()
            raise

    def attach_descriptors(self) -> tuple[list[int], bool]:
        """For the launcher: (descriptors, whether the first is a v2 directory to clone into), the rest v1 procs files.

        The caller closes them.
        """
        descriptors = []
        if self._unified is not None:
            descriptors.append(os.open(self._unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        descriptors += [os.open(path / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for path in self._legacy.values()]
        return descriptors, self._unified is not None

    def begins_with(self, pid: int) -> None:
        """The sandbox's first process, which is in the groups now, is `pid`."""
        self._account.begins_with(pid)

    def set_cpu(self, vcpus: float) -> None:
        quota_us = max(CPU_QUOTA_US_MIN, int(vcpus * CPU_PERIOD_US))
        if "cpu" in self._legacy:
            self._files.write(self._legacy["cpu"] / "cpu.cfs_quota_us", str(quota_us))
        elif self._unified is not None and "cpu" in self._unified_controllers:
            self._files.write(self._unified / "cpu.max", f"{quota_us} {CPU_PERIOD_US}")

    def lift_cpu(self) -> None:
        """No bound. For what is to end: a thousand processes die in a second, and not in the minute that a small share
        of a processor takes."""
        if "cpu" in self._legacy:
            self._files.write(self._legacy["cpu"] / "cpu.cfs_quota_us", "-1")
        elif self._unified is not None and "cpu" in self._unified_controllers:
            self._files.write(self._unified / "cpu.max", "max")

    def freeze(self) -> bool:
        """Whether there is something to freeze with."""
        return self._set_frozen(is_frozen=True)

    def thaw(self) -> bool:
        """The same, the other way."""
        return self._set_frozen(is_frozen=False)

    def kill(self) -> None:
        """Kill all its processes where the kernel has a file for it (v2); the caller also signals the first process."""
        if self._unified is not None:
            with contextlib.suppress(OSError):  # before Linux 5.14 there is no such file
                put(self._unified / "cgroup.kill", "1")

    def memory_max_mb(self) -> int | None:
        """Peak use in MB, at most the function's memory: what goes beyond it is /tmp or cache. None if not counted."""
        if self._legacy_peak is not None:
            peak = self._files.read_number(self._legacy_peak)
        elif self._unified is not None and "memory" in self._unified_controllers:
            peak = self._unified_peak_bytes(self._unified)
        else:
            return None
        peak = max(peak - self._account.idle_bytes, 0)
        return -(-min(peak, self._memory_bytes) // MB)

    def watch_memory(self, on_exhausted: Callable[[], None]) -> None:
        """Call `on_exhausted` once when the processes use more than the function's memory. Watching twice is fine."""
        if self._watch is not None:
            return

        def exhausted() -> None:
            self._exhausted = True
            self._stop_watching()
            on_exhausted()

        if "memory" in self._legacy:
            self._watch = LegacyMemoryWatch(self._legacy["memory"], self._account, self._memory_bytes, exhausted)
        elif self._unified is not None and "memory" in self._unified_controllers:
            self._watch = watch = UnifiedMemoryWatch(
                self._unified, self._files, self._account, self._memory_bytes, exhausted
            )
            watch.look()

    def ran_out_of_memory(self) -> bool:
        """Whether, since the last look, the watch rang or the kernel killed a process at its own limit."""
        exhausted, self._exhausted = self._exhausted, False
        kills = 0
        if "memory" in self._legacy:
            kills = self._files.read_numbers(self._legacy["memory"] / "memory.oom_control").get("oom_kill", 0)
        elif self._unified is not None and "memory" in self._unified_controllers:
            kills = self._files.read_numbers(self._unified / "memory.events").get("oom_kill", 0)
        seen, self._oom_kills_seen = self._oom_kills_seen, kills
        if exhausted or kills > seen:
            self._peak_seen_bytes = self._memory_bytes
            return True
        return False

    def close(self) -> None:
        """Let go of every descriptor."""
        self._stop_watching()
        self._files.close()

    def remove(self) -> bool:
        """Remove the groups; False while a dying process is still in one."""
        done = True
        for path in self._paths():
            try:
                path.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                done = False
        return done

    def _paths(self) -> list[Path]:
        return [*self._legacy.values(), *([self._unified] if self._unified is not None else [])]

    def limit_memory(self, memory_mb: int, tmp_mb: int) -> None:
        """The kernel's limit is both together; `watch_memory` sees to the first."""
        self._memory_bytes = memory_mb * MB
        hard_bytes = self._memory_bytes + tmp_mb * MB + self._account.overhead_bytes
        if "memory" in self._legacy:
            put(self._legacy["memory"] / "memory.limit_in_bytes", str(hard_bytes))
            with contextlib.suppress(OSError):  # only where swap is accounted
                put(self._legacy["memory"] / "memory.memsw.limit_in_bytes", str(hard_bytes))
        elif self._unified is not None and "memory" in self._unified_controllers:
            put(self._unified / "memory.max", str(hard_bytes))
            with contextlib.suppress(OSError):
                put(self._unified / "memory.swap.max", "0")

    def _limit_processes(self, processes_max: int) -> None:
        if "pids" in self._legacy:
            put(self._legacy["pids"] / "pids.max", str(processes_max))
        elif self._unified is not None and "pids" in self._unified_controllers:
            put(self._unified / "pids.max", str(processes_max))

    def _unified_peak_bytes(self, group: Path) -> int:
        try:
            return self._files.read_number(group / "memory.peak")
        except FileNotFoundError:
            # Before Linux 5.19 (Ubuntu 22.04): the most that was seen at the end of an invocation.
            current = self._files.read_number(group / "memory.current")
            self._peak_seen_bytes = max(self._peak_seen_bytes, current)
            return self._peak_seen_bytes

    def _set_frozen(self, *, is_frozen: bool) -> bool:
        if self._unified is not None:
            self._files.write(self._unified / "cgroup.freeze", "1" if is_frozen else "0")
        elif "freezer" in self._legacy:
            self._files.write(self._legacy["freezer"] / "freezer.state", "FROZEN" if is_frozen else "THAWED")
        else:
            return False
        return True

    def _stop_watching(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
