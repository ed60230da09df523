"""Control groups: what limits, freezes and counts a sandbox. Version 1, version 2 and the hybrid of both.

The node makes a group for each sandbox under one of its own (`stoker-<node>`), hands descriptors of it to the launcher,
and keeps those through which it freezes, measures and kills. A node that starts first sweeps what a crashed one left.

Memory: a tmpfs counts as its user's memory, while on AWS /tmp is a disk. So the kernel's limit is memory plus /tmp, and
the node is told (v1: a usage threshold; v2: memory.high) when use passes the function's memory, looks at how much of it
is not /tmp or cache, and only then declares the function out of memory (decision 0006).
"""

import asyncio
import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MB = 1024 * 1024
CPU_PERIOD_US = 100_000  # decision D6: with 20 ms a 5 ms handler at 128 MB takes 47 ms instead of 5.6
THRESHOLD_STEP_BYTES = MB
SWEEP_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Where this node may make groups: v1 directories by controller, and the v2 directory if there is one.

    `unified` has controllers only when `is_unified_full`; on a hybrid host it still freezes and kills.
    """

    legacy: dict[str, Path]
    unified: Path | None
    unified_controllers: frozenset[str]

    def has(self, controller: str) -> bool:
        return controller in self.legacy or controller in self.unified_controllers


def find_hierarchies(group: str) -> Hierarchies:
    """Make this node's own group named `group` wherever the kernel lets it. Never raises: what cannot be had is left out."""
    legacy: dict[str, Path] = {}
    unified: Path | None = None
    controllers: frozenset[str] = frozenset()
    mounts = _cgroup_mounts()
    for line in Path("/proc/self/cgroup").read_text().splitlines() if Path("/proc/self/cgroup").exists() else []:
        _, names, own = line.split(":", 2)
        for name in names.split(",") if names else [""]:
            mountpoint = mounts.get(name)
            if mountpoint is None:
                continue
            if name == "":
                unified, controllers = _unified_group(mountpoint, own, group)
            elif name in ("memory", "cpu", "pids", "freezer"):
                with contextlib.suppress(OSError):
                    legacy[name] = _made(mountpoint / own.lstrip("/") / group)
    return Hierarchies(legacy, unified, controllers)


def _cgroup_mounts() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            found[""] = Path(before.split(" ")[4])
        elif kind == "cgroup":
            for option in options.split(","):
                found.setdefault(option.split(" ")[-1], Path(before.split(" ")[4]))
    return found


def _made(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    # A directory that can be made but not used (a read-only controller) is as good as none.
    if not os.access(path / "cgroup.procs", os.W_OK):
        raise PermissionError(path)
    return path


def _unified_group(mountpoint: Path, own: str, group: str) -> tuple[Path | None, frozenset[str]]:
    parent = mountpoint / own.lstrip("/")
    try:
        available = frozenset((parent / "cgroup.controllers").read_text().split()) & {"memory", "cpu", "pids"}
        if available:
            _free_of_processes(parent)
            wanted = " ".join(f"+{name}" for name in sorted(available))
            (parent / "cgroup.subtree_control").write_text(wanted)
        path = _made(parent / group)
        if available:
            (path / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(available)))
    except OSError:
        with contextlib.suppress(OSError):
            return _made(parent / group), frozenset()
        return None, frozenset()
    return path, available


def _free_of_processes(group: Path) -> None:
    """cgroups(7): a v2 group with controllers for its children may hold no processes but the root's: move ours to a leaf."""
    if group.name == "" or not (group / "cgroup.type").exists():
        return
    leaf = group / "stoker-node"
    leaf.mkdir(exist_ok=True)
    for pid in (group / "cgroup.procs").read_text().split():
        (leaf / "cgroup.procs").write_text(pid)


def sweep(hierarchies: Hierarchies) -> int:
    """Kill and remove every sandbox group a former node left; returns how many there were. Raises TimeoutError."""
    deadline = time.monotonic() + SWEEP_LIMIT_S
    roots = [path for path in (*hierarchies.legacy.values(), hierarchies.unified) if path is not None]
    left = sorted({child.name for root in roots for child in root.iterdir() if child.is_dir()})
    for name in left:
        groups = [root / name for root in roots if (root / name).is_dir()]
        while any(_kill_group(group) for group in groups):
            if time.monotonic() > deadline:
                raise TimeoutError(f"processes in the control group {name} do not end")
            time.sleep(0.005)
        for group in groups:
            _remove(group, deadline)
    return len(left)


def _kill_group(group: Path) -> bool:
    """Signal all its processes; whether there were any."""
    try:
        pids = [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
    except FileNotFoundError:
        return False
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    # A frozen process dies only once it is thawed.
    for name, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
        if (group / name).exists():
            (group / name).write_text(word)
    return bool(pids)


def _remove(group: Path, deadline: float) -> None:
    while True:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.002)
        else:
            return


def remove_node_group(hierarchies: Hierarchies) -> None:
    """At the node's end: its own group goes too, when it is empty."""
    for path in (*hierarchies.legacy.values(), hierarchies.unified):
        if path is not None:
            with contextlib.suppress(OSError):
                path.rmdir()


class Cgroup:
    """One sandbox's groups. All methods are synchronous: a few microseconds of writing to kernel files."""

    def __init__(self, hierarchies: Hierarchies, name: str, memory_mb: int, tmp_mb: int, processes_max: int) -> None:
        """Makes the groups and sets their limits. Raises OSError."""
        self._hierarchies = hierarchies
        self._memory_bytes = memory_mb * MB
        self._hard_bytes = (memory_mb + tmp_mb) * MB
        self._files: dict[str, int] = {}
        self._pressure_event: int | None = None
        self._pressure_poll: tuple[asyncio.AbstractEventLoop, int] | None = None
        self.ran_out_of_memory = False
        legacy = {controller: root / name for controller, root in hierarchies.legacy.items()}
        if hierarchies.unified is not None:
            legacy.pop("freezer", None)
        self._legacy = legacy
        self._unified = hierarchies.unified / name if hierarchies.unified is not None else None
        try:
            for path in self._paths():
                path.mkdir()
            self._limit(processes_max)
        except OSError:
            self.close()
            self.remove()
            raise

    def _paths(self) -> list[Path]:
        return [*self._legacy.values(), *([self._unified] if self._unified else [])]

    def _limit(self, processes_max: int) -> None:
        if "memory" in self._legacy:
            memory = self._legacy["memory"]
            _put(memory / "memory.limit_in_bytes", str(self._hard_bytes))
            with contextlib.suppress(OSError):  # only where swap is accounted
                _put(memory / "memory.memsw.limit_in_bytes", str(self._hard_bytes))
        if "pids" in self._legacy:
            _put(self._legacy["pids"] / "pids.max", str(processes_max))
        if self._unified is not None:
            if "memory" in self._hierarchies.unified_controllers:
                _put(self._unified / "memory.max", str(self._hard_bytes))
                _put(self._unified / "memory.high", str(self._memory_bytes))
                with contextlib.suppress(OSError):
                    _put(self._unified / "memory.swap.max", "0")
            if "pids" in self._hierarchies.unified_controllers:
                _put(self._unified / "pids.max", str(processes_max))

    def attach_descriptors(self) -> tuple[list[int], bool]:
        """For the launcher: (descriptors, whether the first is a v2 directory to clone into), the rest v1 procs files.

        The caller closes them.
        """
        descriptors = []
        if self._unified is not None:
            descriptors.append(os.open(self._unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        descriptors += [
            os.open(path / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for path in self._legacy.values()
        ]
        return descriptors, self._unified is not None

    def set_cpu(self, vcpus: float) -> None:
        quota_us = max(1000, int(vcpus * CPU_PERIOD_US))
        if "cpu" in self._legacy:
            self._rewrite("cpu", self._legacy["cpu"] / "cpu.cfs_quota_us", str(quota_us))
        elif self._unified is not None and "cpu" in self._hierarchies.unified_controllers:
            self._rewrite("cpu", self._unified / "cpu.max", f"{quota_us} {CPU_PERIOD_US}")

    def freeze(self) -> None:
        if self._unified is not None:
            self._rewrite("freeze", self._unified / "cgroup.freeze", "1")
        elif "freezer" in self._legacy:
            self._rewrite("freeze", self._legacy["freezer"] / "freezer.state", "FROZEN")

    def thaw(self) -> None:
        if self._unified is not None:
            self._rewrite("freeze", self._unified / "cgroup.freeze", "0")
        elif "freezer" in self._legacy:
            self._rewrite("freeze", self._legacy["freezer"] / "freezer.state", "THAWED")

    def kill(self) -> None:
        """Kill all its processes where the kernel has a file for it (v2); the caller also signals the first process."""
        if self._unified is not None:
            with contextlib.suppress(OSError):  # before Linux 5.14 there is no such file
                _put(self._unified / "cgroup.kill", "1")

    def memory_max_mb(self) -> int:
        """Peak use in MB, at most the function's memory: /tmp and cache may take it beyond, which is not its memory."""
        if "memory" in self._legacy:
            text = self._reread("peak", self._legacy["memory"] / "memory.max_usage_in_bytes")
        elif self._unified is not None and "memory" in self._hierarchies.unified_controllers:
            text = self._reread("peak", self._unified / "memory.peak")
        else:
            return 0
        return -(-min(int(text or 0), self._memory_bytes) // MB)

    def watch_memory(self, on_exhausted: Callable[[], None]) -> None:
        """Call `on_exhausted` once when the processes use more than the function's memory. Watching twice is fine."""
        if self._pressure_poll is not None:
            return
        if "memory" in self._legacy:
            self._watch_legacy(on_exhausted)
        elif self._unified is not None and "memory" in self._hierarchies.unified_controllers:
            self._watch_unified(on_exhausted)

    def _watch_legacy(self, on_exhausted: Callable[[], None]) -> None:
        # cgroup-v1/memory.txt, "Memory thresholds": an eventfd rings when usage passes the number, in either direction.
        memory = self._legacy["memory"]
        event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._pressure_event = event
        usage = self._opened("usage", memory / "memory.usage_in_bytes", os.O_RDONLY)
        control = self._opened("events", memory / "cgroup.event_control", os.O_WRONLY)
        loop = asyncio.get_running_loop()

        def arm() -> None:
            used, unreclaimable = self._usage_legacy()
            room = max(self._memory_bytes - unreclaimable, THRESHOLD_STEP_BYTES)
            os.write(control, f"{event} {usage} {used + room}".encode())

        def ring() -> None:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(event)
            _, unreclaimable = self._usage_legacy()
            if unreclaimable >= self._memory_bytes:
                self._exhausted(on_exhausted)
            else:
                arm()

        arm()
        loop.add_reader(event, ring)
        self._pressure_poll = (loop, event)

    def _usage_legacy(self) -> tuple[int, int]:
        """(all that is charged, what is neither /tmp nor cache), in bytes."""
        memory = self._legacy["memory"]
        used = int(self._reread("usage", memory / "memory.usage_in_bytes") or 0)
        stat = _numbers(self._reread("stat", memory / "memory.stat"))
        return used, max(used - stat.get("total_cache", 0), 0)

    def _watch_unified(self, on_exhausted: Callable[[], None]) -> None:
        # cgroup-v2.rst, "memory.events": changes of the file wake whoever polls it for POLLPRI.
        assert self._unified is not None
        events = self._opened("memory.events", self._unified / "memory.events", os.O_RDONLY)
        poll = select.epoll()
        poll.register(events, select.EPOLLPRI)
        loop = asyncio.get_running_loop()

        def ring() -> None:
            poll.poll(0)
            assert self._unified is not None
            os.pread(events, 4096, 0)
            used = int(self._reread("current", self._unified / "memory.current") or 0)
            stat = _numbers(self._reread("stat", self._unified / "memory.stat"))
            unreclaimable = max(used - stat.get("file", 0), 0)
            if unreclaimable >= self._memory_bytes:
                self._exhausted(on_exhausted)
            else:
                room = max(self._memory_bytes - unreclaimable, THRESHOLD_STEP_BYTES)
                self._rewrite("high", self._unified / "memory.high", str(used + room))

        loop.add_reader(poll.fileno(), ring)
        self._files["poll"] = os.dup(poll.fileno())
        self._pressure_poll = (loop, poll.fileno())
        self._poll = poll

    def _exhausted(self, on_exhausted: Callable[[], None]) -> None:
        self._stop_watching()
        self.ran_out_of_memory = True
        on_exhausted()

    def _stop_watching(self) -> None:
        if self._pressure_poll is not None:
            loop, descriptor = self._pressure_poll
            loop.remove_reader(descriptor)
            self._pressure_poll = None
        if self._pressure_event is not None:
            os.close(self._pressure_event)
            self._pressure_event = None

    def oom_kills(self) -> int:
        """How often the kernel itself killed a process at the hard limit."""
        if "memory" in self._legacy:
            return _numbers(self._reread("oom", self._legacy["memory"] / "memory.oom_control")).get("oom_kill", 0)
        if self._unified is not None and "memory" in self._hierarchies.unified_controllers:
            return _numbers(self._reread("oom", self._unified / "memory.events")).get("oom_kill", 0)
        return 0

    def close(self) -> None:
        """Let go of every descriptor."""
        self._stop_watching()
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()

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

    def _opened(self, key: str, path: Path, flags: int) -> int:
        if key not in self._files:
            self._files[key] = os.open(path, flags | os.O_CLOEXEC)
        return self._files[key]

    def _rewrite(self, key: str, path: Path, text: str) -> None:
        os.pwrite(self._opened(f"w:{key}", path, os.O_WRONLY), text.encode(), 0)

    def _reread(self, key: str, path: Path) -> str:
        return os.pread(self._opened(key, path, os.O_RDONLY), 8192, 0).decode()


def _put(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _numbers(text: str) -> dict[str, int]:
    numbers = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if value.isdecimal():
            numbers[name] = int(value)
    return numbers
