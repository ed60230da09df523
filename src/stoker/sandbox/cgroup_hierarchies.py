"""Where this node may make control groups, and clearing away what a crashed one left there.

Versions 1 and 2 of control groups and the hybrid of both. The node has one group of its own (`stoker-<node>`) in each
hierarchy that it can use, below the group it was started in, so that limits set for it also hold for its sandboxes.
Sources: cgroups(7), the kernel's cgroup-v2.rst.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

SWEEP_LIMIT_S = 10.0
MOVE_ROUNDS_MAX = 10
# Where version 2 keeps the node itself, and whatever else was in the group in which it was started.
LEAF = "stoker-node"
_LEGACY_CONTROLLERS = ("memory", "cpu", "pids", "freezer")
_UNIFIED_CONTROLLERS = frozenset({"memory", "cpu", "pids"})


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """This node's groups: v1 directories by controller, and the v2 directory if there is one.

    A v2 hierarchy always freezes and kills; `unified_controllers` says what else it does (nothing, on a hybrid host).
    """

    legacy: dict[str, Path]
    unified: Path | None
    unified_controllers: frozenset[str]

    @property
    def roots(self) -> list[Path]:
        return [*self.legacy.values(), *([self.unified] if self.unified is not None else [])]

    @property
    def can_freeze(self) -> bool:
        return self.unified is not None or "freezer" in self.legacy

    def has(self, controller: str) -> bool:
        return controller in self.legacy or controller in self.unified_controllers


NO_HIERARCHIES = Hierarchies({}, None, frozenset())


def find_hierarchies(group: str) -> Hierarchies:
    """Make this node's own group named `group` wherever the kernel lets it; what cannot be had is left out."""
    legacy: dict[str, Path] = {}
    unified: Path | None = None
    controllers: frozenset[str] = frozenset()
    try:
        mounts, memberships = _mounts(), Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return NO_HIERARCHIES
    for line in memberships:
        _, names, own = line.split(":", 2)
        for name in names.split(","):
            mountpoint = mounts.get(name)
            if mountpoint is None:
                continue
            if name == "":
                unified, controllers = _unified_group(mountpoint, unified_parent(mountpoint, own), group)
            elif name in _LEGACY_CONTROLLERS:
                with contextlib.suppress(OSError):
                    legacy[name] = _made(mountpoint / own.lstrip("/") / group)
    return Hierarchies(legacy, unified, controllers)


def _mounts() -> dict[str, Path]:
    """Mount points by v1 controller, and the v2 hierarchy's under the empty name."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        mountpoint = Path(before.split(" ")[4])
        if kind == "cgroup2":
            found.setdefault("", mountpoint)
        elif kind == "cgroup":
            for option in options.split(","):
                found.setdefault(option, mountpoint)
    return found


def _made(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    # A directory that can be made but not used (a read-only controller) is as good as none.
    if not os.access(path / "cgroup.procs", os.W_OK):
        raise PermissionError(path)
    return path


def unified_parent(mountpoint: Path, own: str) -> Path:
    """Below which v2 group a process that is in `own` makes its groups: that one, unless a node moved it to a leaf."""
    started_in = mountpoint / own.lstrip("/")
    return started_in.parent if started_in.name == LEAF else started_in


def usable_unified_controllers(mountpoint: Path, parent: Path) -> frozenset[str]:
    """Those that groups below `parent` have or could be given. Raises OSError."""
    if not os.access(parent / "cgroup.subtree_control", os.W_OK):
        return _listed(parent / "cgroup.subtree_control")
    usable = _listed(parent / "cgroup.controllers")
    if all(os.access(group / "cgroup.subtree_control", os.W_OK) for group in _above(mountpoint, parent)):
        usable |= _listed(mountpoint / "cgroup.controllers")
    return usable


def _unified_group(mountpoint: Path, parent: Path, group: str) -> tuple[Path | None, frozenset[str]]:
    try:
        wanted = usable_unified_controllers(mountpoint, parent)
        if wanted - _listed(parent / "cgroup.subtree_control"):
            # systemd gives the group of a login session only the controllers that somebody asked for before.
            for above in _above(mountpoint, parent):
                _enable(above, wanted)
            _move_processes_to_leaf(parent)
        enabled = _enable(parent, wanted)
        path = _made(parent / group)
        return path, _enable(path, enabled)
    except OSError:
        # Not delegated to this user: without controllers it may still freeze and kill.
        with contextlib.suppress(OSError):
            return _made(parent / group), frozenset()
        return None, frozenset()


def _above(mountpoint: Path, group: Path) -> list[Path]:
    """The groups that `group` is in, from the outermost on."""
    return [above for above in reversed(group.parents) if above.is_relative_to(mountpoint)]


def _listed(file: Path) -> frozenset[str]:
    return frozenset(file.read_text().split()) & _UNIFIED_CONTROLLERS


def _enable(group: Path, controllers: frozenset[str]) -> frozenset[str]:
    """Give the controllers to the groups below `group`; returns those that they then have. Raises OSError."""
    file = group / "cgroup.subtree_control"
    # One by one: a controller that cannot be had shall not cost the others.
    for name in sorted(controllers - _listed(file)):
        with contextlib.suppress(OSError):
            file.write_text(f"+{name}")
    return _listed(file) & controllers


def _move_processes_to_leaf(group: Path) -> None:
    """cgroups(7), "no internal processes": a group, but the root, with controllers for its children holds none."""
    if not (group / "cgroup.type").exists():
        return
    leaf = group / LEAF
    leaf.mkdir(exist_ok=True)
    # More than once: what is not moved yet may start another process.
    for _ in range(MOVE_ROUNDS_MAX):
        pids = (group / "cgroup.procs").read_text().split()
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(pid)


def sweep(hierarchies: Hierarchies) -> int:
    """Kill and remove every sandbox group a former node left; returns how many there were. Raises TimeoutError."""
    deadline_s = time.monotonic() + SWEEP_LIMIT_S
    left = sorted({child.name for root in hierarchies.roots for child in root.iterdir() if child.is_dir()})
    for name in left:
        groups = [root / name for root in hierarchies.roots if (root / name).is_dir()]
        # A list, not a generator: every group is to be signalled, also after one that still had processes.
        while any([_kill_group(group) for group in groups]):  # noqa: C419
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"processes in the control group {name} do not end")
            time.sleep(0.005)
        for group in groups:
            _remove(group, deadline_s)
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


def _remove(group: Path, deadline_s: float) -> None:
    while True:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.002)
        else:
            return


def remove_node_group(hierarchies: Hierarchies) -> None:
    """At the node's end: its own groups go too, unless something is left in one."""
    for path in hierarchies.roots:
        with contextlib.suppress(OSError):
            path.rmdir()
