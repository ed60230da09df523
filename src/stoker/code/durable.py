"""Files that survive a power cut: what has to be flushed, and when (fsync(2), rename(2), syncfs(2))."""

import ctypes
import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Create `path` with `content` and flush it; its name is durable once its directory is flushed too."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def secret_of(file: Path) -> bytes:
    """The secret that `file` holds, made when it is not there yet."""
    if not file.exists():
        temporary = file.with_name(f"{file.name}.new")
        temporary.unlink(missing_ok=True)
        write_file(temporary, secrets.token_bytes(SECRET_BYTES), mode=0o600)
        temporary.rename(file)
        flush_directory(file.parent)
    return file.read_bytes()


def flush_directory(path: Path) -> None:
    """Make names that were created, renamed or removed in `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_file_system(path: Path) -> None:
    """Flush all that was written to the file system of `path`: one call instead of one for each of 10,000 files."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "syncfs"):  # not Linux
            os.sync()
        elif libc.syncfs(descriptor) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), str(path))
    finally:
        os.close(descriptor)
