"""What a function sees of the machine: its own cores and memory where files would show the host's.

Thread pools, heaps and caches are sized by what these files say. They say it once: only the kernel could make them
move, and it has no such files for one sandbox. What a function gets is bounded by its control groups in any case.
"""

from __future__ import annotations

import contextlib
import os

from . import syscalls as sc

_CPU = "/sys/devices/system/cpu"
_CGROUP = "/sys/fs/cgroup"
# Where a file system of the sandbox's own is mounted until its two directories have got to their places.
_OWN = "/tmp"  # noqa: S108
_FLAGS = sc.MS_NOSUID | sc.MS_NODEV | sc.MS_NOEXEC
_PAGE_BYTES = 4096
_UNLIMITED_V1_BYTES = 0x7FFFFFFFFFFFF000  # what the kernel says where nobody set a limit, with pages of 4 KiB
_CONTROLLERS = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n" + "".join(
    f"{name}\t0\t1\t1\n" for name in ("cpuset", "cpu", "cpuacct", "memory", "pids")
)
# What there is besides, in the kernel's order: nothing of it is counted here.
_MEMINFO_ZEROS = "".join(
    f"{name + ':':<16}{0:>8} kB\n"
    for name in (
        *("Buffers", "Cached", "SwapCached", "Active", "Inactive", "Active(anon)", "Inactive(anon)", "Active(file)"),
        *("Inactive(file)", "Unevictable", "Mlocked", "SwapTotal", "SwapFree", "Dirty", "Writeback", "AnonPages"),
        *("Mapped", "Shmem", "Slab", "SReclaimable", "SUnreclaim"),
    )
)


class Host:
    """The host's own files, read once for all sandboxes of a launcher: some take a millisecond on many cores."""

    def __init__(self, texts: dict[str, str]) -> None:
        """`texts` are those of `read_host`."""
        self.possible = texts["possible"]
        # "4:memory:/…": version 1 names the controllers, version 2 none (cgroups(7)).
        self.is_memory_v1 = any("memory" in line.split(":")[1].split(",") for line in texts["cgroup"].splitlines())
        # Where our files of version 2 are: where systemd has them on a host that has both versions.
        self.unified = f"{_CGROUP}/unified" if self.is_memory_v1 else _CGROUP
        blocks = [block for block in texts["cpuinfo"].split("\n\n") if block.strip()]
        self._cpuinfo = {int(_value(block)): block for block in blocks if block.startswith("processor")}
        stat = [line for line in texts["stat"].splitlines() if line]
        # The first line is the sum of the others that begin with "cpu" (proc(5)).
        self._times = {line.split()[0]: line for line in stat[1:] if line.startswith("cpu")}
        self._counters = "".join(f"{line}\n" for line in stat if not line.startswith("cpu"))

    def cpuinfo(self, cores: list[int]) -> str:
        return "".join(self._cpuinfo[core] + "\n\n" for core in cores if core in self._cpuinfo)

    def stat(self, cores: list[int]) -> str:
        own = [self._times[f"cpu{core}"] for core in cores if f"cpu{core}" in self._times]
        columns = zip(*(line.split()[1:] for line in own))  # noqa: B905 - Python 3.9
        sums = " ".join(str(sum(map(int, column))) for column in columns)
        return "\n".join([f"cpu  {sums}", *own, self._counters])


def read_host() -> dict[str, str]:
    """Before the launcher enters a root where none of this is to be seen. A file that is not there is empty."""
    paths = {
        "cpuinfo": "/proc/cpuinfo",
        "stat": "/proc/stat",
        "cgroup": "/proc/self/cgroup",
        "possible": f"{_CPU}/possible",
    }
    texts = dict.fromkeys(paths, "")
    for name, path in paths.items():
        with contextlib.suppress(OSError), open(path) as file:  # noqa: PTH123 - pathlib would be one more import
            texts[name] = file.read()
    return texts


def prepare(host: Host, *, is_part: bool, is_ahead: bool) -> None:
    """All that needs no function: files that `show` only has to fill.

    `is_part`: the host has cores that the sandbox will not be shown. `is_ahead`: nobody waits for it.
    """
    sc.mount("sys", _OWN, "tmpfs", _FLAGS, "mode=0755,size=1m")
    os.mkdir(f"{_OWN}/proc")  # noqa: PTH102
    for name in ("meminfo", "cpuinfo", "stat") if is_part else ("meminfo",):
        _write(f"{_OWN}/proc/{name}", "")
        sc.mount(f"{_OWN}/proc/{name}", f"/proc/{name}", "", sc.MS_BIND)
    for path in (_CPU, f"{_CGROUP}/memory", host.unified):
        os.makedirs(f"{_OWN}{path}", exist_ok=True)  # noqa: PTH103
    sc.mount(f"{_OWN}/sys", "/sys", "", sc.MS_BIND)
    _seem_unified(host.unified)
    sc.umount_detached(_OWN)
    os.symlink("online", f"{_CPU}/present")  # noqa: PTH211
    if host.possible:  # the largest number that getcpu(2) may give, which allocators make tables for
        _write(f"{_CPU}/possible", host.possible)
    # No quota: on AWS a function sees whole cores, and pools are sized by what is seen.
    _write(f"{host.unified}/cpu.max", "max 100000\n")
    _write(f"{host.unified}/memory.high", "max\n")
    if host.is_memory_v1:
        _write(f"{_CGROUP}/memory/memory.soft_limit_in_bytes", f"{_UNLIMITED_V1_BYTES}\n")
    if is_ahead:
        # To be written again: with pages that are there, by code that has run, it takes a third of the time.
        _fill(host, 0, [0], is_part=is_part)


def show(host: Host, memory_mb: int, cores: list[int], *, is_part: bool) -> None:
    """Let the files tell the function's memory and cores for good; `is_part` as it was for `prepare`."""
    _fill(host, memory_mb, cores, is_part=is_part)
    # The file system itself and not only this view of it: what covers files below /proc belongs to it.
    sc.mount("none", "/sys", "", sc.MS_REMOUNT | sc.MS_RDONLY | _FLAGS)
    sc.mount("none", host.unified, "", sc.MS_REMOUNT | sc.MS_BIND | sc.MS_RDONLY | _FLAGS)


def _fill(host: Host, memory_mb: int, cores: list[int], *, is_part: bool) -> None:
    _write(f"{_CPU}/online", _listed(cores))
    # A JVM takes no notice of a limit that is not below what the machine seems to have, so it is, by a page.
    _write(f"{host.unified}/memory.max", f"{max(memory_mb * 1024 * 1024 - _PAGE_BYTES, 0)}\n")
    # Where others look for it, by what /proc/self/cgroup tells them.
    if host.is_memory_v1:
        _write(f"{_CGROUP}/memory/memory.limit_in_bytes", f"{memory_mb * 1024 * 1024}\n")
    _write("/proc/meminfo", _meminfo(memory_mb * 1024))
    if is_part:
        _write("/proc/cpuinfo", host.cpuinfo(cores))
        _write("/proc/stat", host.stat(cores))


def _seem_unified(directory: str) -> None:
    """Let our files be taken for control groups of version 2, whatever the host has.

    A JVM believes them if /proc/cgroups says that version 2 has every controller and /proc/self/mountinfo that it is
    mounted where they are. So it is, as the sandbox's own group, which these files then cover.
    """
    with contextlib.suppress(OSError):  # a kernel without it, or a container that forbids it
        sc.mount("cgroup2", directory, "cgroup2", _FLAGS | sc.MS_RDONLY)
    sc.mount(f"{_OWN}{directory}", directory, "", sc.MS_BIND)
    _write(f"{_OWN}/proc/cgroups", _CONTROLLERS)
    sc.mount(f"{_OWN}/proc/cgroups", "/proc/cgroups", "", sc.MS_BIND)


def _meminfo(total_kb: int) -> str:
    """All of it free, as it is before the function has begun."""
    own = [f"{name:<16}{total_kb:>8} kB\n" for name in ("MemTotal:", "MemFree:", "MemAvailable:")]
    return "".join(own) + _MEMINFO_ZEROS


def _listed(cores: list[int]) -> str:
    if len(cores) > 1 and cores[-1] - cores[0] == len(cores) - 1:
        return f"{cores[0]}-{cores[-1]}\n"
    return ",".join(map(str, cores)) + "\n"


def _value(block: str) -> str:
    return block.split("\n", 1)[0].partition(":")[2]


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o444)
    try:
        data = text.encode()
        os.write(descriptor, data)
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)
