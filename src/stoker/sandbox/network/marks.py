"""What nodes leave on a host while they run, so that whoever starts next can clean up after one that was killed.

Each node's network program holds a lock on a file named after the node for as long as it lives; a file that nobody
holds belongs to a dead one. One more file lists the interfaces on which a node turned forwarding on; the last to stop
turns it off again. All of it lies in /run and so ends with the host. Network namespaces do not know each other's
interfaces: each has a directory of its own.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DIRECTORY = Path("/run/stoker")
_ALL = "network.lock"
_FORWARDING = "forwarding.json"
_SUFFIX = ".node"


class Marks:
    """The marks on this host, and this node's own from `take` to `remove`."""

    def __init__(self, node_id: str) -> None:
        self._directory = DIRECTORY / f"network-{Path('/proc/self/ns/net').stat().st_ino}"
        self._own = self._directory / f"{node_id}{_SUFFIX}"
        self._descriptor = -1

    @contextmanager
    def everything(self) -> Iterator[None]:
        """Nobody else starts or stops meanwhile."""
        descriptor = os.open(DIRECTORY / _ALL, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def take(self) -> dict[str, Any]:
        """Become the one of this name, after the former one has cleaned up. Returns what a killed one noted."""
        while True:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._descriptor = os.open(self._own, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:  # the last one to stop has just removed the directory
                continue
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            # The former one removed the file that we waited for.
            if self._own.exists() and self._own.stat().st_ino == os.fstat(self._descriptor).st_ino:
                return _parsed(os.pread(self._descriptor, 65536, 0))
            os.close(self._descriptor)

    def note(self, members: dict[str, Any]) -> None:
        """Write down what a successor has to know."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(members).encode(), 0)

    def remove(self) -> None:
        self._own.unlink(missing_ok=True)
        os.close(self._descriptor)
        with contextlib.suppress(OSError):  # others are there
            self._directory.rmdir()

    def dead(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Name and notes of each node that is no more. Their marks are removed as they are passed over."""
        for file in sorted(self._directory.glob(f"*{_SUFFIX}")):
            if file == self._own:
                continue
            descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
            try:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield file.name.removesuffix(_SUFFIX), _parsed(os.pread(descriptor, 65536, 0))
                    file.unlink()
            finally:
                os.close(descriptor)

    def has_others(self) -> bool:
        """Whether another node's mark is there; after `dead` only living ones are."""
        return any(file != self._own for file in self._directory.glob(f"*{_SUFFIX}"))

    def forwarding(self) -> list[str]:
        """The interfaces on which a node turned forwarding on."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return [str(name) for name in json.loads((self._directory / _FORWARDING).read_text())]
        return []

    def set_forwarding(self, names: list[str]) -> None:
        file = self._directory / _FORWARDING
        if names:
            file.write_text(json.dumps(names))
        else:
            file.unlink(missing_ok=True)


def _parsed(data: bytes) -> dict[str, Any]:
    """A program that was killed while it wrote left no whole note."""
    with contextlib.suppress(ValueError):
        members = json.loads(data)
        if isinstance(members, dict):
            return members
    return {}
