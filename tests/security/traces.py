"""What a node's sandboxes leave on the host while they live: processes, control groups, mounts."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.control_groups import groups_of

# Sandboxes run under user numbers that no user of a host has (stoker.sandbox.namespaces, UID_FIRST).
SANDBOX_UID_FIRST = 0x70000000


@dataclass(frozen=True)
class Traces:
    processes: frozenset[str]
    groups: frozenset[str]
    mounts: frozenset[str]

    @classmethod
    def of(cls, platform: Any) -> "Traces":
        family = _descendants(platform.pid)
        return cls(
            processes=frozenset(
                f"process {pid} ({_command(pid)})"
                for pid in family
                if _is_in_a_sandbox(pid) and not _is_a_waiting_first_process(_parent(Path(f"/proc/{pid}")))
            ),
            groups=frozenset(_groups(Path(platform.data))),
            mounts=frozenset(_mounts(platform.pid)) | frozenset(_mounts(os.getpid())),
        )

    def beyond(self, before: "Traces") -> list[str]:
        """What is here and was not `before`."""
        return sorted(
            [*(self.processes - before.processes), *(self.groups - before.groups), *(self.mounts - before.mounts)]
        )


def _descendants(pid: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = set(), [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.add(child)
            waiting.append(child)
    return found


def _parent(entry: Path) -> int | None:
    try:
        # The name in parentheses may hold anything: what follows the last one is regular (proc(5)).
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _is_in_a_sandbox(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}").stat().st_uid >= SANDBOX_UID_FIRST or _uid(pid) >= SANDBOX_UID_FIRST
    except OSError:
        return False


def _uid(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:")))


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"


def _groups(data: Path) -> set[str]:
    """The control groups of a node's sandboxes.

    Not those of sandboxes that were made ahead and wait for a function: their first process is still the node's own.
    """
    return {
        f"control group {folder}/{group}"
        for folder, groups in groups_of(data)
        for group in groups
        if not _waits_for_a_function(folder / group)
    }


def _waits_for_a_function(group: Path) -> bool:
    try:
        pids = [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return False
    return any(_is_a_waiting_first_process(pid) for pid in pids)


def _is_a_waiting_first_process(pid: int | None) -> bool:
    """It has a process namespace of its own, and its rights still (proc(5), NSpid)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
        return len(numbers) > 1 and numbers[-1] == "1" and pid is not None and not _is_in_a_sandbox(pid)
    except OSError:
        return False


def _mounts(pid: int) -> set[str]:
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    except OSError:
        return set()
    points = [line.split()[4] for line in lines]
    # Worlds of tests that run at the same time (tests/sandbox/network_world.py), which look after themselves.
    return {f"mount {point}" for point in points if not point.startswith("/run/netns/stkt")}
