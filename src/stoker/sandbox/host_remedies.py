"""What to type when a host refuses something that a sandbox wants."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Lack:
    """`consequence` is what the user notices; `remedy` is a command or the one thing to do."""

    what: str
    consequence: str
    remedy: str


# Kernel settings that close user namespaces to ordinary users: name, the value that does, and the one that opens them.
# Debian's own, Ubuntu's since 23.10 (24.04 by default), and the kernel's (user_namespaces(7), namespaces(7)).
_GATES = (
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "15000"),
)

_CONSEQUENCES = {
    "memory": "functions are not limited to their memory and can use up the host's",
    "cpu": "functions get as much processor time as there is, whatever their memory",
    "pids": "a function's processes are counted by user only, not by sandbox",
    "freezer": "idle environments are not frozen, so background work goes on between invocations",
}

_IN_A_SCOPE = "systemd-run --user --scope -p Delegate=yes stoker up"
_DELEGATE = (
    "sudo mkdir -p /etc/systemd/system/user@.service.d && "
    "printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | "
    "sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload, "
    f"log in again, then: {_IN_A_SCOPE}"
)


def isolation_lack(missing: Mapping[str, str], is_root: bool) -> Lack:
    """Sandboxes cannot be made: why, and how to change it."""
    what = ", ".join(f"{name} ({why})" for name, why in missing.items())
    return Lack(what, "functions run as plain processes, with no isolation from the host", _isolation_remedy(is_root))


def _isolation_remedy(is_root: bool) -> str:
    if is_root:
        return "this looks like a container: start it with --privileged, or run Stoker on the host itself"
    for name, closed, opened in _GATES:
        if _sysctl(name) == closed:
            return f"sudo sysctl -w {name}={opened}, or run as root: sudo stoker up"
    return "run as root: sudo stoker up"


def controller_lack(controller: str, version: str, is_root: bool) -> Lack:
    """A controller cannot be used: what that costs, and how to get it."""
    return Lack(
        f"cgroup controller {controller}", _CONSEQUENCES[controller], _controller_remedy(controller, version, is_root)
    )


def _controller_remedy(controller: str, version: str, is_root: bool) -> str:
    if version == "none":
        return "mount -t cgroup2 none /sys/fs/cgroup (in a container: start it with --privileged)"
    if is_root:
        return "mount -o remount,rw /sys/fs/cgroup (in a container: start it with --privileged)"
    if version == "v2":
        return _IN_A_SCOPE if _is_delegated(controller) else _DELEGATE
    return "run as root: sudo stoker up (cgroup v1 cannot be delegated safely)"


def _is_delegated(controller: str) -> bool:
    """Whether systemd's manager of this user has the controller (by default since systemd 252: memory, pids, cpu)."""
    uid = os.getuid()
    file = Path(f"/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers")
    try:
        # Freezing needs no controller (cgroup v2).
        return controller in {"freezer", *file.read_text().split()}
    except OSError:
        return False


def memory_note(version: str) -> list[Lack]:
    """Boards whose boot loader turns the memory controller off say so in /proc/cgroups."""
    if version == "none" or _is_enabled("memory"):
        return []
    remedy = "add cgroup_enable=memory to the kernel's command line and restart"
    return [Lack("memory controller (turned off at boot)", _CONSEQUENCES["memory"], remedy)]


def _is_enabled(controller: str) -> bool:
    try:
        lines = [line.split() for line in Path("/proc/cgroups").read_text().splitlines()]
    except OSError:
        return True
    # Recent kernels leave v2-only controllers out of the file, so only an explicit 0 counts.
    return not any(line[:1] == [controller] and line[-1:] == ["0"] for line in lines)


def _sysctl(name: str) -> str | None:
    try:
        return Path("/proc/sys", name.replace(".", "/")).read_text().strip()
    except OSError:
        return None
