"""What this host allows, found by really trying: `stoker doctor`'s facts, and which isolation a node can have.

Everything that is tried is undone, and nothing here raises: a host that hides something is a host without it.
"""

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from stoker.sandbox.cgroup_hierarchies import unified_parent, usable_unified_controllers
from stoker.sandbox.gvisor import find_runsc, gvisor_lack
from stoker.sandbox.host_remedies import Lack, controller_lack, isolation_lack, memory_note
from stoker.sandbox.network.host_support import network_lack

PROBE = Path(__file__).parent / "host_probe.py"
PROBE_LIMIT_S = 1.5

NAMESPACE_KINDS = ("user", "mount", "pid", "net", "ipc", "uts", "cgroup", "time")
# What the launcher needs to make a sandbox at all. What is missing of the rest costs a limit, not the isolation.
NEEDED = ("mount", "pid", "net", "ipc", "uts", "tmpfs", "proc", "read-only bind")
NEEDED_OF_THE_KERNEL = ("seccomp", "pidfd", "clone3")
GVISOR = "gVisor"
CONTROLLERS = ("memory", "cpu", "pids", "freezer")


@dataclass(frozen=True, slots=True)
class NamespaceSupport:
    """`privileged` is None when the node does not run as root and so cannot try."""

    kind: str
    privileged: bool | None
    unprivileged: bool


@dataclass(frozen=True, slots=True)
class ControlGroupSupport:
    """`controllers` has, for each that can be used, the directory under which groups may be made."""

    version: Literal["v1", "v2", "hybrid", "none"]
    controllers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Feature:
    """`detail` says why it is not available."""

    name: str
    is_available: bool
    detail: str


@dataclass(frozen=True, slots=True)
class HostReport:
    """`isolation` is the best this node can have; `reason` says why in a sentence; `lacks` how to get more."""

    kernel: str
    machine: str
    is_root: bool
    isolation: Literal["namespaces", "plain"]
    reason: str
    namespaces: tuple[NamespaceSupport, ...]
    control_groups: ControlGroupSupport
    features: tuple[Feature, ...]
    lacks: tuple[Lack, ...]

    @property
    def gvisor_lack(self) -> str:
        """Why isolation `gvisor` cannot be had; empty if it can."""
        return next(feature.detail for feature in self.features if feature.name == GVISOR)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(runsc: str = "") -> HostReport:
    """Look at this host. Takes a few tens of milliseconds, at most two seconds. `runsc`: as the setting."""
    tried = _try_everything()
    groups = examine_control_groups()
    is_root = os.geteuid() == 0
    missing = _missing(tried, "privileged" if is_root else "unprivileged")
    lacks = [isolation_lack(missing, is_root)] if missing else []
    lacks += [controller_lack(name, groups.version, is_root) for name in CONTROLLERS if name not in groups.controllers]
    lacks += memory_note(groups.version)
    has_namespaces = not missing and tried.get("privileged user" if is_root else "unprivileged user") == 0
    no_gvisor = gvisor_lack(find_runsc(runsc), is_root=is_root, has_namespaces=has_namespaces)
    no_way_out = network_lack()
    lacks += [no_way_out] if no_way_out is not None else []
    return HostReport(
        kernel=platform.release(),
        machine=platform.machine(),
        is_root=is_root,
        isolation="plain" if missing else "namespaces",
        reason=_reason(missing, is_root),
        namespaces=tuple(_namespace(kind, tried, is_root) for kind in NAMESPACE_KINDS),
        control_groups=groups,
        features=(*_features(tried, is_root), _way_out(no_way_out), Feature(GVISOR, not no_gvisor, no_gvisor)),
        lacks=tuple(lacks),
    )


def _try_everything() -> dict[str, int]:
    """The errno of everything that was tried (0: it works), as far as the probe came in its time."""
    try:
        probe = subprocess.Popen(
            [sys.executable, "-I", "-S", PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
    except OSError:
        return {}
    with probe:
        try:
            output, _ = probe.communicate(timeout=PROBE_LIMIT_S)
        except subprocess.TimeoutExpired:
            # Its children too: they share its session.
            with contextlib.suppress(OSError):
                os.killpg(probe.pid, signal.SIGKILL)
            output, _ = probe.communicate()
    return dict(_results(output))


def _results(output: str) -> Iterator[tuple[str, int]]:
    for line in output.splitlines():
        with contextlib.suppress(ValueError, KeyError):
            result = json.loads(line)
            yield result["what"], result["errno"]


def _missing(tried: Mapping[str, int], way: str) -> dict[str, str]:
    """What a sandbox needs and this host refuses, with the refusal."""
    needed = [*(f"{way} {name}" for name in NEEDED), *NEEDED_OF_THE_KERNEL]
    if way == "unprivileged":
        needed.insert(0, "unprivileged user")
    return {what.removeprefix(f"{way} "): _refusal(tried, what) for what in needed if tried.get(what) != 0}


def _refusal(tried: Mapping[str, int], what: str) -> str:
    return os.strerror(tried[what]) if what in tried else "could not be tried"


def _reason(missing: Mapping[str, str], is_root: bool) -> str:
    if missing:
        first, why = next(iter(missing.items()))
        return f"sandboxes need {first}, which this host refuses ({why})"
    return "running as root" if is_root else "this host lets unprivileged users make namespaces"


def _namespace(kind: str, tried: Mapping[str, int], is_root: bool) -> NamespaceSupport:
    privileged = tried.get(f"privileged {kind}") == 0 if is_root else None
    return NamespaceSupport(kind, privileged, tried.get(f"unprivileged {kind}") == 0)


def _features(tried: Mapping[str, int], is_root: bool) -> Iterator[Feature]:
    way = "privileged" if is_root else "unprivileged"
    for name in ("tmpfs", "overlay", "proc", "read-only bind"):
        yield _feature(name, f"{way} {name}", tried)
    for name in ("seccomp", "pidfd", "clone3", "landlock", "kvm"):
        yield _feature(name, name, tried)


def _feature(name: str, what: str, tried: Mapping[str, int]) -> Feature:
    is_available = tried.get(what) == 0
    return Feature(name, is_available, "" if is_available else _refusal(tried, what))


def _way_out(lack: Lack | None) -> Feature:
    return Feature("internet and VPC", lack is None, "" if lack is None else f"missing: {lack.what}")


def examine_control_groups() -> ControlGroupSupport:
    """Which controllers this process may use and where, by making a group and removing it."""
    try:
        mounts = _cgroup_mounts(Path("/proc/self/mountinfo").read_text())
        own = _own_groups(Path("/proc/self/cgroup").read_text())
    except OSError:
        return ControlGroupSupport("none", {})
    controllers: dict[str, str] = {}
    for name in CONTROLLERS:
        if name in mounts and name in own and _can_make_group(base := mounts[name] / own[name], "cgroup.procs"):
            controllers[name] = str(base)
    if "" in mounts and "" in own:
        base = unified_parent(mounts[""], own[""])
        usable = _unified_controllers(mounts[""], base)
        controllers |= {name: str(base) for name in usable if name not in controllers}
    return ControlGroupSupport(_version(mounts), controllers)


def _version(mounts: Mapping[str, Path]) -> Literal["v1", "v2", "hybrid", "none"]:
    if not any(name in mounts for name in CONTROLLERS):
        return "v2" if "" in mounts else "none"
    return "hybrid" if "" in mounts else "v1"


def _cgroup_mounts(mountinfo: str) -> dict[str, Path]:
    """Mount point by v1 controller, and by "" for v2 (proc(5), mountinfo)."""
    found: dict[str, Path] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, rest = after.partition(" ")
        fields = before.split(" ")
        if len(fields) < 5 or kind not in ("cgroup", "cgroup2"):
            continue
        names = [""] if kind == "cgroup2" else rest.rpartition(" ")[2].split(",")
        for name in names:
            found.setdefault(name, Path(fields[4]))
    return found


def _own_groups(text: str) -> dict[str, str]:
    """This process's group by controller, relative to the mount point (cgroups(7), /proc/[pid]/cgroup)."""
    own = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        own.update(dict.fromkeys(names.split(",") if names else [""], path.lstrip("/")))
    return own


def _unified_controllers(mountpoint: Path, base: Path) -> list[str]:
    """cgroup v2: those that groups below `base` have, or could be given. Freezing needs no controller."""
    if not _can_make_group(base, "cgroup.procs"):
        return []
    usable = ["freezer"] if _can_make_group(base, "cgroup.freeze") else []
    with contextlib.suppress(OSError):
        given = usable_unified_controllers(mountpoint, base)
        usable += [name for name in CONTROLLERS if name in given]
    return usable


def _can_make_group(base: Path, file: str) -> bool:
    """Whether a group can be made below `base` and has a `file` that we may write."""
    group = base / f"stoker-probe-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        return False
    try:
        return os.access(group / file, os.W_OK)
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()
