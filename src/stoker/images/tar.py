"""Reading tar archives that anybody may have written: every header doubted, nothing repaired, no step unbounded.

Not the standard library's reader: that one believes sizes of extended headers and maps of sparse files, which a few
kilobytes of compressed zeros can make as large as memory. Formats: POSIX.1-2001 (pax, ustar) and GNU's long names.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import BinaryIO, Protocol

from stoker.images.errors import invalid

BLOCK_BYTES = 512
EXTENDED_BYTES_MAX = 1024 * 1024
PATH_BYTES_MAX = 4096  # PATH_MAX, limits.h
NAME_BYTES_MAX = 255  # NAME_MAX
_MODIFIED_S_MAX = 1 << 33


class ByteStream(Protocol):
    """What an archive is read from."""

    def read(self, size: int, /) -> bytes:
        """As many bytes, or what is left before the end."""

    def skip(self, size: int, /) -> None:
        """Leave out as many; the end is no error here."""


class EntryKind(Enum):
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symbolic link"
    HARD_LINK = "hard link"
    DEVICE = "device"  # or a FIFO: what no image needs


@dataclass(frozen=True, slots=True)
class TarEntry:
    """`parts` of its path, without `.` and empty ones; `target` as it is written, of links only."""

    parts: tuple[str, ...]
    kind: EntryKind
    is_executable: bool
    modified_s: int
    size_bytes: int
    target: str = ""

    @property
    def path(self) -> str:
        return "/".join(self.parts)


class SeekableBytes:
    """A file as a `ByteStream`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read = file.read

    def skip(self, size: int) -> None:
        self._file.seek(size, os.SEEK_CUR)


_KINDS = {
    b"0": EntryKind.FILE,
    b"\0": EntryKind.FILE,
    b"7": EntryKind.FILE,
    b"1": EntryKind.HARD_LINK,
    b"2": EntryKind.SYMLINK,
    b"3": EntryKind.DEVICE,
    b"4": EntryKind.DEVICE,
    b"5": EntryKind.DIRECTORY,
    b"6": EntryKind.DEVICE,
}


_ZEROS = bytes(BLOCK_BYTES)


@dataclass(frozen=True, slots=True)
class _Overrides:
    """What extended headers say of the entry that follows them."""

    path: str | None = None
    target: str | None = None
    size_bytes: int | None = None


class TarReader:
    """Iterating gives the entries in the archive's order, `chunks` the data of the one at hand. Raises ImageError."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._data_left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[TarEntry]:
        overrides = _Overrides()
        while (header := self._next_header()) is not None:
            kind, size_bytes = header[156:157], _number(header[124:136])
            if kind in (b"x", b"g", b"L", b"K"):
                overrides = _with_extended(overrides, kind, self._extended(size_bytes))
                continue
            entry = _entry(header, kind, size_bytes, overrides)
            overrides = _Overrides()
            if entry.kind is EntryKind.FILE:
                self._expect(entry.size_bytes)
            yield entry

    def chunks(self, chunk_bytes: int) -> Iterator[bytes]:
        """The data of the entry at hand, once."""
        while self._data_left:
            chunk = self._stream.read(min(chunk_bytes, self._data_left))
            if not chunk:
                raise invalid("an archive ends in the middle of a file")
            self._data_left -= len(chunk)
            yield chunk

    def _next_header(self) -> bytes | None:
        """None at the end: a block of zeros, or no block at all."""
        self._stream.skip(self._data_left + self._padding)
        self._data_left = self._padding = 0
        header = self._stream.read(BLOCK_BYTES)
        if not header or header == _ZEROS:
            return None
        if len(header) < BLOCK_BYTES:
            raise invalid("an archive ends in the middle of a header")
        if _checksum(header) != _number(header[148:156]):
            raise invalid("a header of an archive is damaged")
        return header

    def _expect(self, size_bytes: int) -> None:
        self._data_left = size_bytes
        self._padding = -size_bytes % BLOCK_BYTES

    def _extended(self, size_bytes: int) -> bytes:
        if size_bytes > EXTENDED_BYTES_MAX:
            raise invalid(f"an archive has an extended header of more than {EXTENDED_BYTES_MAX} bytes")
        self._expect(size_bytes)
        return b"".join(self.chunks(EXTENDED_BYTES_MAX))


def _with_extended(before: _Overrides, kind: bytes, content: bytes) -> _Overrides:
    if kind == b"L":
        return replace(before, path=_text(content))
    if kind == b"K":
        return replace(before, target=_text(content))
    records = dict(_pax_records(content))
    if any(key.startswith(b"GNU.sparse") for key in records):
        raise invalid("an archive has a sparse file")
    if kind == b"g":  # of the whole archive, where no image has anything to say
        return before
    size = records.get(b"size")
    return _Overrides(
        path=_text(records[b"path"]) if b"path" in records else before.path,
        target=_text(records[b"linkpath"]) if b"linkpath" in records else before.target,
        size_bytes=before.size_bytes if size is None else _decimal(size),
    )


def _pax_records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """`<length> <key>=<value>` and a line feed, where the length counts all of it (POSIX.1-2001, pax)."""
    start = 0
    while start < len(content):
        digits = content[start : start + 8].partition(b" ")[0]
        length = _decimal(digits)
        record = content[start + len(digits) + 1 : start + length]
        key, separator, value = record[:-1].partition(b"=")
        if not separator or record[-1:] != b"\n":
            raise invalid("an extended header of an archive is damaged")
        yield key, value
        start += length


def _entry(header: bytes, kind: bytes, size_bytes: int, overrides: _Overrides) -> TarEntry:
    known = _KINDS.get(kind)
    if known is None:
        raise invalid(f"an archive has an entry of the unknown type {kind!a}")
    name = overrides.path if overrides.path is not None else _name(header)
    if known is EntryKind.FILE and name.endswith("/"):  # as archives older than the type "directory" have them
        known = EntryKind.DIRECTORY
    if overrides.size_bytes is not None:
        size_bytes = overrides.size_bytes
    return TarEntry(
        parts=path_parts(name),
        kind=known,
        is_executable=bool(_number(header[100:108]) & 0o111),
        modified_s=min(_number(header[136:148]), _MODIFIED_S_MAX),
        size_bytes=size_bytes if known is EntryKind.FILE else 0,
        target=overrides.target if overrides.target is not None else _text(header[157:257]),
    )


def path_parts(name: str) -> tuple[str, ...]:
    """A path below the root, whether or not it begins with a slash. Raises ImageError for `..` and what is too long."""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise invalid(f"an archive has the path {name[:200]!a}")
    if len(os.fsencode(name)) > PATH_BYTES_MAX or any(len(os.fsencode(part)) > NAME_BYTES_MAX for part in parts):
        raise invalid(f"an archive has the path {name[:200]!a}…, which is too long")
    return parts


def _name(header: bytes) -> str:
    """`ustar` splits long names in two; GNU's own format, `ustar  `, uses that place for something else."""
    prefix = header[345:500] if header[257:263] == b"ustar\0" else b""
    prefix = prefix.partition(b"\0")[0]
    name = header[:100].partition(b"\0")[0]
    return _text(prefix + b"/" + name if prefix else name)


def _text(field: bytes) -> str:
    """Names are bytes; Python's way of carrying those that are not UTF-8."""
    return os.fsdecode(field.partition(b"\0")[0])


def _number(field: bytes) -> int:
    """Octal digits, or binary with the first bit set (GNU); a negative time counts as none."""
    if field[0] & 0x80:
        return 0 if field[0] & 0x40 else int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:], "big")
    digits = field.partition(b"\0")[0].strip(b" ")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        raise invalid("a header of an archive is damaged") from None


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 19:
        raise invalid("an extended header of an archive is damaged")
    return int(digits)


def _checksum(header: bytes) -> int:
    return sum(header) - sum(header[148:156]) + 8 * ord(" ")
