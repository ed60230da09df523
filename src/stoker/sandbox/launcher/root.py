"""A runtime's (or an image's) root directory, built once when its launcher starts, inherited by every sandbox of it.

The recipe comes from the node (`sandbox/recipe.py`); this file only carries it out, in the recipe's order, inside a
mount namespace of its own, and then makes the result the root of this process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from . import file_systems
from . import syscalls as sc

_READ_ONLY = sc.MS_RDONLY | sc.MS_NOSUID | sc.MS_NODEV


def enter(recipe: dict[str, Any], is_privileged: bool) -> None:
    """Build the root and pivot into it. Raises OSError naming the step.

    `recipe`: {"mountpoint": empty directory, "base": the directory to begin with or None for an empty one, "writable":
    directories of the base that are to be covered by empty ones, which the steps may fill, "steps": [[kind, ...], ...]}
    with the kinds of `_STEPS` below.
    """
    namespaces = sc.CLONE_NEWNS if is_privileged else sc.CLONE_NEWNS | sc.CLONE_NEWUSER
    uid, gid = os.getuid(), os.getgid()
    sc.unshare(namespaces)
    if not is_privileged:
        _map_to_root(uid, gid)
    # Nothing mounted here may show on the host.
    sc.mount("none", "/", "", sc.MS_REC | sc.MS_PRIVATE)
    root: str = recipe["mountpoint"]
    writable: list[str] = recipe["writable"]
    if recipe["base"] is None:
        sc.mount("stoker", root, "tmpfs", sc.MS_NOSUID, "mode=0755,size=16m")
    else:
        sc.mount(recipe["base"], root, "", sc.MS_BIND)
        sc.make_read_only(root)
    for path in writable:
        sc.mount("stoker", root + path, "tmpfs", sc.MS_NOSUID, "mode=0755,size=1m")
    if not is_privileged:
        # The kernel lets a user namespace mount a new /proc only where an unmasked one is already to be seen.
        _directory(root, "/run/stoker/proc")
        sc.mount("/proc", root + "/run/stoker/proc", "", sc.MS_BIND | sc.MS_REC)
    for kind, *arguments in recipe["steps"]:
        _STEPS[kind](root, *arguments)
    _pivot(root)
    for path in [*writable, *(["/"] if recipe["base"] is None else [])]:
        sc.mount("none", path, "", sc.MS_REMOUNT | sc.MS_BIND | sc.MS_RDONLY | sc.MS_NOSUID)


def _map_to_root(uid: int, gid: int) -> None:
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"0 {uid} 1")
    _write("/proc/self/gid_map", f"0 {gid} 1")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123 - pathlib would be one more import in every zygote
        file.write(text)


def _directory(root: str, path: str) -> None:
    os.makedirs(root + path, mode=0o755, exist_ok=True)  # noqa: PTH103


def _private(root: str, path: str) -> None:
    """A directory into which nobody but the launcher may go."""
    _directory(root, path)
    os.chmod(root + path, 0o700)  # noqa: PTH101


def _bind(root: str, source: str, target: str) -> None:
    """A read-only view of a directory (or file) of the host."""
    if os.path.isdir(source):  # noqa: PTH112
        _directory(root, target)
    else:
        _directory(root, os.path.dirname(target))  # noqa: PTH120
        _file(root, target, "")
    sc.mount(source, root + target, "", sc.MS_BIND | sc.MS_REC)
    sc.make_read_only(root + target)


def _device(root: str, path: str) -> None:
    _directory(root, os.path.dirname(path))  # noqa: PTH120
    _file(root, path, "")
    sc.mount(path, root + path, "", sc.MS_BIND)


def _file(root: str, path: str, text: str) -> None:
    _directory(root, os.path.dirname(path))  # noqa: PTH120
    _write(root + path, text)


def _symlink(root: str, target: str, path: str) -> None:
    _directory(root, os.path.dirname(path))  # noqa: PTH120
    os.symlink(target, root + path)  # noqa: PTH211


def _hide(root: str, path: str) -> None:
    """Cover a directory with an empty one."""
    sc.mount("hidden", root + path, "tmpfs", _READ_ONLY, "mode=0755,size=4k")


_STEPS: dict[str, Callable[..., None]] = {
    "directory": _directory,
    "private": _private,
    "bind": _bind,
    "device": _device,
    "file": _file,
    "symlink": _symlink,
    "hide": _hide,
    "lend": lambda root, *sources: file_systems.lend(root, list(sources)),
}


def _pivot(root: str) -> None:
    os.chdir(root)
    # pivot_root(2): with both arguments "." the old root ends up stacked on the new one and can be detached there.
    sc.pivot_root(".", ".")
    sc.umount_detached(".")
    os.chdir("/")
