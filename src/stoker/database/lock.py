"""One node per data directory, enforced by the kernel: a lock that ends with the process that holds it."""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from stoker.database.errors import DataDirectoryError, DataDirectoryInUseError


class DataDirectoryLock:
    """Holds `<data>/lock` (flock(2)) between entering and leaving; the file names the holder's process id.

    The file stays when the lock goes: removing it would let two nodes lock two different files of the same name.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._descriptor: int | None = None

    def __enter__(self) -> "DataDirectoryLock":
        self.acquire()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self) -> None:
        """Make the directory if need be, and lock it. Raises DataDirectoryInUseError, DataDirectoryError."""
        try:
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DataDirectoryError(f"cannot use the data directory {self._data}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            who = f"process {holder}" if holder else "another process"
            raise DataDirectoryInUseError(
                f"the data directory {self._data} is in use by another Stoker ({who}): "
                "stop that one, or choose another directory with --data"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Unlock. Releasing twice is fine."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
