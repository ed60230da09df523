"""The open files of an initialised function: which of them a fork would share with it, and how it gets its own.

A descriptor that is inherited leads to the same open file, with one position for all. Files are opened again in the
fork; /tmp is another directory there, with a copy of what was in it. Connections to the network are ended before, as
they are on AWS, whose copies find them dead and connect again. Pipes and the like cannot be copied.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from typing import NamedTuple

_TMP = "/tmp"  # noqa: S108
_HARMLESS_DEVICES = 1  # null, zero, random, urandom: memory devices (major number)


class _File(NamedTuple):
    descriptor: int
    path: str
    flags: int
    is_in_tmp: bool


class Files:
    """Those of this process."""

    def __init__(self, known: set[int]) -> None:
        """All but `known`, which are not the function's. `reason`: why they cannot be had twice, "" if they can."""
        self._files: list[_File] = []
        self._datagrams: list[tuple[int, int, object]] = []
        self._directory = os.getcwd()  # noqa: PTH109
        self._tmp = -1
        self.reason = ""
        descriptors = {int(name) for name in os.listdir("/proc/self/fd")} - known  # noqa: PTH208
        for descriptor in sorted(descriptors):
            try:
                self.reason = self.reason or self._look_at(descriptor)
            except OSError:  # that of the listing itself
                continue
        if not self.reason:
            self._tmp = os.open(_TMP, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def reopen(self) -> None:
        """In a fork, where /tmp is its own."""
        if os.listdir(self._tmp):  # noqa: PTH208
            _copy(f"/proc/self/fd/{self._tmp}", _TMP)
        os.close(self._tmp)
        os.chdir(self._directory)
        for file in self._files:
            path = file.path if file.is_in_tmp else f"/proc/self/fd/{file.descriptor}"
            new = os.open(path, file.flags)
            with contextlib.suppress(OSError):  # a directory has no such position
                os.lseek(new, os.lseek(file.descriptor, 0, os.SEEK_CUR), os.SEEK_SET)
            self._put(new, file.descriptor)
        for descriptor, family, peer in self._datagrams:
            made = socket.socket(family, socket.SOCK_DGRAM)
            if peer is not None:
                made.connect(peer)  # type: ignore[arg-type]
            self._put(made.detach(), descriptor)

    def close_all_but(self, kept: list[int]) -> None:
        """In process 1, which has no use for them."""
        low = 3
        for descriptor in sorted({*kept}):
            os.closerange(low, descriptor)
            low = descriptor + 1
        os.closerange(low, 1 << 20)

    def _put(self, new: int, descriptor: int) -> None:
        os.dup2(new, descriptor, inheritable=os.get_inheritable(descriptor))
        os.close(new)

    def _look_at(self, descriptor: int) -> str:
        status = os.fstat(descriptor)
        target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
        if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            return self._look_at_file(descriptor, target, status)
        if stat.S_ISCHR(status.st_mode) and os.major(status.st_rdev) == _HARMLESS_DEVICES:
            return ""
        if stat.S_ISSOCK(status.st_mode):
            return self._look_at_socket(descriptor)
        return f"descriptor {descriptor} is open at the end of init ({target})"

    def _look_at_file(self, descriptor: int, target: str, status: os.stat_result) -> str:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        is_in_tmp = target.startswith(f"{_TMP}/")
        if flags & os.O_ACCMODE != os.O_RDONLY or is_in_tmp:
            try:
                is_same = is_in_tmp and os.path.samestat(os.stat(target), status)  # noqa: PTH116
            except OSError:
                is_same = False
            if not is_same:
                return f"a file is open for writing that is not in /tmp, or deleted ({target})"
        self._files.append(_File(descriptor, target, flags & ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC), is_in_tmp))
        return ""

    def _look_at_socket(self, descriptor: int) -> str:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            is_network = connection.family in (socket.AF_INET, socket.AF_INET6)
            if is_network and connection.type == socket.SOCK_DGRAM:
                peer = None
                with contextlib.suppress(OSError):
                    peer = connection.getpeername()
                self._datagrams.append((descriptor, connection.family, peer))
                return ""
            if not is_network or connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return f"socket {descriptor} is open at the end of init, and is no connection to the network"
        self._end(descriptor)
        return ""

    def _end(self, descriptor: int) -> None:
        """Put a dead connection in its place: a socket belongs to the network that it was made in."""
        dead, other = socket.socketpair()
        other.close()
        self._put(dead.detach(), descriptor)


def _copy(source: str, target: str) -> None:
    import shutil  # only here: most leave /tmp empty

    with contextlib.suppress(shutil.Error):  # sockets and the like are not copied
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
