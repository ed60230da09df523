"""Reading and writing the kernel's control group files: a few microseconds each, on descriptors that stay open."""

import os
from pathlib import Path

READ_BYTES = 8192


class CgroupFiles:
    """The files of one sandbox's groups, opened when first needed. Every method may raise OSError."""

    def __init__(self) -> None:
        self._descriptors: dict[tuple[Path, int], int] = {}

    def descriptor(self, path: Path, flags: int) -> int:
        """`path` opened; this object closes it."""
        key = (path, flags)
        if key not in self._descriptors:
            self._descriptors[key] = os.open(path, flags | os.O_CLOEXEC)
        return self._descriptors[key]

    def write(self, path: Path, text: str) -> None:
        os.pwrite(self.descriptor(path, os.O_WRONLY), text.encode(), 0)

    def read(self, path: Path) -> str:
        return os.pread(self.descriptor(path, os.O_RDONLY), READ_BYTES, 0).decode()

    def read_number(self, path: Path) -> int:
        return int(self.read(path))

    def read_numbers(self, path: Path) -> dict[str, int]:
        """A file of `name number` lines."""
        pairs = (line.partition(" ")[::2] for line in self.read(path).splitlines())
        return {name: int(value) for name, value in pairs if value.isdecimal()}

    def close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()


def put(path: Path, text: str) -> None:
    """Write a file once, without keeping it open. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
