"""Archives for the tests: ordinary ones by the standard library, hostile ones byte by byte."""

import io
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass

UNIX = 3


def archive(files: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A well-formed archive of regular files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return buffer.getvalue()


@dataclass
class RawEntry:
    """One entry with every field free to lie; None says the truth."""

    name: bytes
    content: bytes = b""
    mode: int = stat.S_IFREG | 0o644
    method: int = zipfile.ZIP_STORED
    flags: int = 0x800
    packed: bytes | None = None
    declared_bytes: int | None = None
    packed_bytes: int | None = None
    crc: int | None = None
    local_name: bytes | None = None
    at: int | None = None
    date: int = (2025 - 1980) << 9 | 6 << 5 | 15

    def data(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflate(self.content) if self.method == zipfile.ZIP_DEFLATED else self.content

    def common(self) -> bytes:
        size = len(self.content) if self.declared_bytes is None else self.declared_bytes
        packed = len(self.data()) if self.packed_bytes is None else self.packed_bytes
        crc = zlib.crc32(self.content) if self.crc is None else self.crc
        return struct.pack("<HHHHIII", self.flags, self.method, 0, self.date, crc, packed, size)

    def local(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        return (
            b"PK\x03\x04"
            + struct.pack("<H", 20)
            + self.common()
            + struct.pack("<HH", len(name), 0)
            + name
            + self.data()
        )

    def central(self, offset: int) -> bytes:
        version = struct.pack("<BBH", 20, UNIX, 20)
        tail = struct.pack("<HHHHHII", len(self.name), 0, 0, 0, 0, self.mode << 16, offset)
        return b"PK\x01\x02" + version + self.common() + tail + self.name


def raw_archive(*entries: RawEntry) -> bytes:
    """An archive of exactly these entries; one with `at` has no data of its own but points there."""
    body, directory = bytearray(), bytearray()
    for entry in entries:
        directory += entry.central(len(body) if entry.at is None else entry.at)
        body += entry.local() if entry.at is None else b""
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return bytes(body + directory + end)


def link(name: str, target: str) -> RawEntry:
    return RawEntry(name.encode(), target.encode(), stat.S_IFLNK | 0o777)


def file(name: str, content: bytes = b"x") -> RawEntry:
    return RawEntry(name.encode(), content)


def deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()
