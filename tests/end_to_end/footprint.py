"""What a node and its sandboxes are on the host, and what of it is still there later."""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

HIERARCHIES = Path("/sys/fs/cgroup")
NAMESPACES = ("mnt", "net", "pid", "ipc", "uts", "user")
GONE_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """`processes`: process id and start time; `namespaces`: those that are not the host's own; `groups`: path and
    number, since a later node has groups of the same names.

    The kernel gives a namespace's number to a later one, so only what was there `at_tick` counts as a member of it.
    """

    data: Path
    processes: frozenset[tuple[int, str]]
    namespaces: frozenset[str]
    groups: frozenset[tuple[Path, int]]
    at_tick: int

    @classmethod
    def of(cls, pid: int, data: Path) -> "Footprint":
        """Of the running node `pid` and all that descends from it."""
        family = [pid, *descendants(pid)]
        host = set(_namespaces(os.getpid()))
        return cls(
            data=data,
            processes=frozenset((member, _start_time(member)) for member in family),
            namespaces=frozenset(name for member in family for name in _namespaces(member)) - host,
            groups=frozenset(
                (group, group.stat().st_ino) for group in sandbox_groups(data) if group.name in _group_names(family)
            ),
            at_tick=int(float(Path("/proc/uptime").read_text().split()[0]) * os.sysconf("SC_CLK_TCK")),
        )

    def left(self) -> list[str]:
        """What of it is still on the host, in words."""
        found = [f"process {pid} ({command(pid)})" for pid, start in self.processes if _start_time(pid) == start]
        found += [f"control group {group}" for group, number in self.groups if _number(group) == number]
        for pid in _all_processes():
            if int(_start_time(pid) or self.at_tick + 1) <= self.at_tick:
                found += [f"{name} of process {pid}" for name in _namespaces(pid) if name in self.namespaces]
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        found += [f"mount {line.split()[4]}" for line in mounts if str(self.data) in line]
        return found

    def wait_gone(self) -> None:
        """Fails the test when something stays: the kernel itself needs a moment for the end of a namespace."""
        deadline_s = time.monotonic() + GONE_WITHIN_S
        while (found := self.left()) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert not found, found


def _number(group: Path) -> int | None:
    try:
        return group.stat().st_ino
    except FileNotFoundError:
        return None


def descendants(pid: int) -> list[int]:
    """All processes below `pid`."""
    below: dict[int, list[int]] = {}
    for member in _all_processes():
        if fields := _stat(member):
            below.setdefault(int(fields[1]), []).append(member)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        next_ones = below.get(waiting.pop(), [])
        found += next_ones
        waiting += next_ones
    return found


def command(pid: int) -> str:
    """The process's name, "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    """The processes that `pid` started itself; empty when it is gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def first_processes(pid: int) -> list[int]:
    """The first process of each sandbox below the node `pid` that has a runtime in it.

    It is number 1 in a process namespace of its own, in which there may be more of them (gVisor's). That of a sandbox
    that was only made ahead still has the node's rights.
    """
    inside = len(_numbers(pid)) + 1
    return [
        member
        for member in descendants(pid)
        if len(numbers := _numbers(member)) == inside
        and numbers[-1] == 1
        and children(member)
        and not _is_privileged(member, pid)
    ]


def _is_privileged(pid: int, node: int) -> bool:
    """Whether it is the node's user still, with capabilities (proc(5))."""
    facts, of_node = _status(pid), _status(node)
    return facts.get("Uid") == of_node.get("Uid") and int(facts.get("CapEff", "0"), 16) != 0


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def node_groups(data: Path) -> list[Path]:
    """The node's own control group in every hierarchy that has one."""
    name = f"stoker-{hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]}"
    return [Path(folder) / name for folder, names, _ in os.walk(HIERARCHIES) if name in names]


def sandbox_groups(data: Path) -> list[Path]:
    """The groups of its sandboxes."""
    return [child for group in node_groups(data) for child in group.iterdir() if child.is_dir()]


def frozen_count(data: Path) -> int:
    """How many of the node's sandboxes the kernel keeps frozen, or (gVisor's) a stop signal."""
    groups = sandbox_groups(data)
    stopped = {group.name for group in groups if _holds_stopped(group)}
    return sum(_is_frozen(group) for group in groups) + len(stopped)


def _holds_stopped(group: Path) -> bool:
    pids = map(int, (group / "cgroup.procs").read_text().split())
    return any(_stat(pid)[:1] == ["T"] for pid in pids)


def _group_names(family: list[int]) -> set[str]:
    """The last part of every control group that one of these processes is in."""
    names = set()
    for pid in family:
        try:
            lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        except OSError:
            continue
        names |= {line.rpartition("/")[2] for line in lines}
    return names


def _is_frozen(group: Path) -> bool:
    for name, word in (("cgroup.events", "frozen 1"), ("freezer.state", "FROZEN")):
        if (group / name).exists():
            return word in (group / name).read_text()
    return False


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/pid/stat after the name; empty for a process that has ended, reaped or not (proc(5))."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] == "Z" else fields


def _start_time(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def _namespaces(pid: int) -> list[str]:
    names = []
    for kind in NAMESPACES:
        try:
            names.append(os.readlink(f"/proc/{pid}/ns/{kind}"))
        except OSError:
            continue
    return names


def _numbers(pid: int) -> list[int]:
    """Its process ids from the host's namespace inward."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return []
    return [int(number) for line in status.splitlines() if line.startswith("NSpid:") for number in line.split()[1:]]
