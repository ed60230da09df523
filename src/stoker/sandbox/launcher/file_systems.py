"""Directories of the host that a function may write, below /mnt (`sandbox/file_systems.py` opens them for us).

On AWS an access point makes everybody who uses it one POSIX user. Here every sandbox has a user of its own, so a
privileged launcher mounts the directory with its owner on disk and the sandbox's user exchanged: whatever one sandbox
writes belongs to that owner, and so to the next sandbox. Unprivileged sandboxes are one user anyway.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
from typing import Any

from . import syscalls as sc

BASE = "/mnt"
# Where a launcher without privileges keeps all directories that the settings name, until a sandbox is complete.
LENT = "/run/stoker/file_systems"


class MountFailedError(OSError):
    """A file system of the function's cannot be mounted; everything else is as it should be."""


def mount_all(
    orders: list[dict[str, Any]], descriptors: list[int], outside_uid: int, keeper_uid: int | None = None
) -> list[int]:
    """Mount each at its place and make /mnt read-only. Closes `descriptors`. Raises MountFailedError.

    `orders`: with privileges {"target": "/mnt/…", "owner": [uid, gid], "is_mapped"} and a tree each, followed by a user
    namespace if it is mapped; without them {"target", "source": path, "identity": [device, inode]}. Answers with the
    user namespaces that it had to make, in the same order: they are good for the next sandbox of this user.
    """
    made: list[int] = []
    if not orders:
        return made
    try:
        sc.mount("mnt", BASE, "tmpfs", sc.MS_NOSUID | sc.MS_NODEV, "mode=0755,size=4k")
        for order in orders:
            os.mkdir(order["target"])  # noqa: PTH102
            if "source" in order:
                _bind(order)
                continue
            tree = descriptors.pop(0)
            if order["is_mapped"]:
                namespace = descriptors.pop(0)
                sc.map_owners(tree, namespace)
                os.close(namespace)
            else:
                made.append(user_namespace(order["owner"], outside_uid, keeper_uid))
                sc.map_owners(tree, made[-1])
            sc.attach_tree(tree, order["target"])
            os.close(tree)
        sc.mount("none", BASE, "", sc.MS_REMOUNT | sc.MS_BIND | sc.MS_RDONLY | sc.MS_NOSUID | sc.MS_NODEV)
    except OSError as error:
        raise MountFailedError(error.errno, f"6. the function's file systems: {error}") from error
    return made


def user_namespace(owner: list[int], outside_uid: int, keeper_uid: int | None = None) -> int:
    """One that maps `owner` (user and group on disk) to the sandbox's, and nobody else.

    But for `keeper_uid`, as whom gVisor makes a file, which it then gives to the function's user.

    Such a thing is only to be had by means of a process in it, which is most of what a file system costs.
    """
    pid, pidfd = sc.clone3(sc.CLONE_NEWUSER)
    if pid == 0:
        sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
        while True:
            signal.pause()
    try:
        for kind, inside in zip(("uid", "gid"), owner):  # noqa: B905 - Python 3.9
            with open(f"/proc/{pid}/{kind}_map", "w") as file:  # noqa: PTH123
                keeper = "" if keeper_uid is None else f"\n{keeper_uid} {keeper_uid} 1"
                file.write(f"{inside} {outside_uid} 1{keeper}")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(pidfd)
        with contextlib.suppress(ChildProcessError):  # a launcher's children need no reaping
            os.waitpid(pid, 0)


def _bind(order: dict[str, Any]) -> None:
    found = os.stat(order["source"])  # noqa: PTH116
    if [found.st_dev, found.st_ino] != order["identity"]:
        raise OSError(errno.ESTALE, "the directory was made or replaced while the node ran, which has to be restarted")
    sc.mount(order["source"], order["target"], "", sc.MS_BIND | sc.MS_REC)
    sc.make_harmless(order["target"])


def lend(root: str, sources: list[str]) -> None:
    """Make `sources` ready below `root` for `_bind`, by number. That one is not there is for a sandbox to find."""
    os.makedirs(root + LENT, mode=0o755, exist_ok=True)  # noqa: PTH103
    sc.mount("lent", root + LENT, "tmpfs", sc.MS_NOSUID | sc.MS_NODEV, "mode=0755,size=4k")
    for number, source in enumerate(sources):
        target = f"{root}{LENT}/{number}"
        os.mkdir(target)  # noqa: PTH102
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            sc.mount(source, target, "", sc.MS_BIND | sc.MS_REC)


def main() -> None:
    """A program of its own: print the errno with which a tree (a descriptor) refuses another owner, or 0."""
    tree, uid, gid, outside_uid = map(int, sys.argv[1:])
    number: int | None = 0
    try:
        sc.map_owners(tree, user_namespace([uid, gid], outside_uid))
    except OSError as error:
        number = error.errno
    print(json.dumps({"errno": number}))
