"""What a zip archive claims to contain, checked before one byte of it is written.

The directory of the archive is read by the standard library; everything it says is then doubted here: names, types,
positions, methods. Nothing is repaired or renamed: two readers that repair differently are how archives smuggle.
"""

import calendar
import io
import re
import stat
import struct
import zipfile
from dataclasses import dataclass
from enum import Enum

from stoker import limits
from stoker.errors import InvalidParameterValueException

NOT_A_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
EMPTY_ZIP = "Uploaded file must be a non-empty zip"

CENTRAL_SIGNATURE = b"PK\x01\x02"
LOCAL_SIGNATURE = b"PK\x03\x04"
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000  # encrypted; strong encryption; encrypted directory (APPNOTE.TXT 4.4.4)
COUNTED_AT_ONCE_BYTES = limits.MIB
DRIVE_LETTER = re.compile(r"[A-Za-z]:")
MODE_OF_MAVEN = 0xFFFF
EPOCH_OF_ZIP_S = calendar.timegm((1980, 1, 1, 0, 0, 0))


class BadPackageError(InvalidParameterValueException):
    """The archive is refused: AWS's text, and which entry and why where AWS is silent."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(f"{NOT_A_ZIP} {reason}".rstrip(), code="InvalidParameterValueException")


class EntryKind(Enum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "symbolic link"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `path` is relative, with single slashes; its data are `packed_bytes` from `start` in the archive."""

    path: str
    kind: EntryKind
    is_executable: bool
    modified_s: int
    start: int
    packed_bytes: int
    is_deflated: bool
    size_bytes: int
    crc: int


def read_entries(archive: bytes) -> list[Entry]:
    """The entries of `archive` in its own order. Raises InvalidParameterValueException."""
    # Before the library makes an object of each: an archive of 50 MB can list a million entries. Counted over the whole
    # file since only the library knows where the directory is; a nested archive counts too, within a generous limit.
    if _count(archive, CENTRAL_SIGNATURE) > limits.PACKAGE_ENTRIES_MAX:
        raise BadPackageError(f"It has more than {limits.PACKAGE_ENTRIES_MAX} entries.")
    infos, directory_start = _read_directory(archive) if archive else ([], 0)
    if not infos:
        raise InvalidParameterValueException(EMPTY_ZIP)
    entries = [_entry(archive, info) for info in infos]
    _check_positions(infos, entries, directory_start)
    _check_tree(entries)
    return [entry for entry in entries if entry.path]


def _count(archive: bytes, signature: bytes) -> int:
    """How often `signature` occurs. In steps, since one search through 50 MB would keep every other thread waiting."""
    overlap = len(signature) - 1
    return sum(
        archive.count(signature, start, start + COUNTED_AT_ONCE_BYTES + overlap)
        for start in range(0, len(archive), COUNTED_AT_ONCE_BYTES)
    )


def _read_directory(archive: bytes) -> tuple[list[zipfile.ZipInfo], int]:
    try:
        # Names without the UTF-8 flag are UTF-8 too where today's tools write them, and refused otherwise.
        with zipfile.ZipFile(io.BytesIO(archive), metadata_encoding="utf-8") as opened:
            return opened.infolist(), opened.start_dir
    except (zipfile.BadZipFile, NotImplementedError, struct.error, OSError, EOFError, IndexError, OverflowError):
        raise BadPackageError from None
    except UnicodeDecodeError:
        raise BadPackageError("The name of an entry is not UTF-8.") from None
    except ValueError:
        raise BadPackageError from None


def _entry(archive: bytes, info: zipfile.ZipInfo) -> Entry:
    # Not `filename`: the library has already cut that at a NUL and may have replaced it.
    name = info.orig_filename
    kind = _kind(info, name)
    if kind is not EntryKind.DIRECTORY:
        _check_readable(info, name)
    start, packed_bytes = _position(archive, info, name)
    path = _path(name)
    if not path and kind is not EntryKind.DIRECTORY:
        raise BadPackageError(f"The name {_shown(name)} names nothing.")
    return Entry(
        path=path,
        kind=kind,
        is_executable=bool(_unix_mode(info) & 0o111),
        modified_s=_modified_s(info),
        start=start,
        packed_bytes=packed_bytes,
        is_deflated=info.compress_type == zipfile.ZIP_DEFLATED,
        size_bytes=info.file_size,
        crc=info.CRC,
    )


def _kind(info: zipfile.ZipInfo, name: str) -> EntryKind:
    file_type = stat.S_IFMT(_unix_mode(info))
    if name.endswith("/"):
        if file_type not in (0, stat.S_IFDIR):
            raise BadPackageError(f"The entry {_shown(name)} is a directory by name and something else by type.")
        return EntryKind.DIRECTORY
    if file_type in (0, stat.S_IFREG):
        return EntryKind.FILE
    if file_type == stat.S_IFLNK:
        return EntryKind.LINK
    if file_type == stat.S_IFDIR:
        return EntryKind.DIRECTORY
    raise BadPackageError(f"The entry {_shown(name)} is neither a file, nor a directory, nor a symbolic link.")


def _unix_mode(info: zipfile.ZipInfo) -> int:
    """The upper half of the attributes; 0 if there is none, as in archives from other systems.

    Maven writes -1 for directories that it has not copied from anywhere.
    """
    mode = info.external_attr >> 16
    return 0 if mode == MODE_OF_MAVEN else mode


def _check_readable(info: zipfile.ZipInfo, name: str) -> None:
    if info.flag_bits & ENCRYPTED_FLAGS:
        raise BadPackageError(f"The entry {_shown(name)} is encrypted.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadPackageError(f"The entry {_shown(name)} uses compression method {info.compress_type}.")


def _path(name: str) -> str:
    """`name` without `.` and empty parts. Raises BadPackageError for a name that is not plainly inside the package."""
    if len(name.encode()) > limits.PACKAGE_PATH_BYTES_MAX:
        raise BadPackageError(f"The name {_shown(name)} is longer than {limits.PACKAGE_PATH_BYTES_MAX} bytes.")
    if "\0" in name or "\\" in name:
        raise BadPackageError(f"The name {_shown(name)} contains a backslash or a NUL.")
    if not name or name.startswith("/") or DRIVE_LETTER.match(name):
        raise BadPackageError(f"The name {_shown(name)} is not relative.")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadPackageError(f"The name {_shown(name)} leaves the package.")
    if any(len(part.encode()) > limits.PACKAGE_NAME_BYTES_MAX for part in parts):
        raise BadPackageError(f"A part of {_shown(name)} is longer than {limits.PACKAGE_NAME_BYTES_MAX} bytes.")
    return "/".join(parts)


def _position(archive: bytes, info: zipfile.ZipInfo, name: str) -> tuple[int, int]:
    """Where the entry's data lie. The header in front of them has to tell the same name as the directory."""
    offset = info.header_offset
    if not 0 <= offset <= len(archive) - LOCAL_HEADER.size:
        raise BadPackageError
    fields = LOCAL_HEADER.unpack_from(archive, offset)
    name_bytes, extra_bytes = fields[-2], fields[-1]
    name_start = offset + LOCAL_HEADER.size
    start = name_start + name_bytes + extra_bytes
    if fields[0] != LOCAL_SIGNATURE or archive[name_start : name_start + name_bytes] != name.encode():
        raise BadPackageError(f"The entry {_shown(name)} is described in two ways.")
    if start + info.compress_size > len(archive):
        raise BadPackageError
    return start, info.compress_size


def _modified_s(info: zipfile.ZipInfo) -> int:
    try:
        return max(calendar.timegm(info.date_time), EPOCH_OF_ZIP_S)
    except ValueError:
        return EPOCH_OF_ZIP_S


def _check_positions(infos: list[zipfile.ZipInfo], entries: list[Entry], directory_start: int) -> None:
    """Entries that share bytes make bombs that no ratio betrays (D. Fifield, "A better zip bomb", 2019)."""
    spans = sorted(
        (info.header_offset, entry.start + entry.packed_bytes) for info, entry in zip(infos, entries, strict=True)
    )
    starts = [start for start, _ in spans[1:]] + [directory_start]
    if any(end > next_start for (_, end), next_start in zip(spans, starts, strict=True)):
        raise BadPackageError("Its entries overlap.")


def _check_tree(entries: list[Entry]) -> None:
    """Every path is one thing only, and what has something below it is a directory."""
    kinds: dict[str, EntryKind] = {}
    for entry in entries:
        parent, _, _ = entry.path.rpartition("/")
        while parent and kinds.get(parent) is not EntryKind.DIRECTORY:
            if parent in kinds:
                raise BadPackageError(f"The entry {_shown(parent)} is used as a directory.")
            kinds[parent] = EntryKind.DIRECTORY
            parent, _, _ = parent.rpartition("/")
        known = kinds.setdefault(entry.path, entry.kind)
        if known is not entry.kind:
            raise BadPackageError(f"The entry {_shown(entry.path)} is used as a directory.")
        if len(kinds) > limits.PACKAGE_ENTRIES_MAX:
            raise BadPackageError(f"It has more than {limits.PACKAGE_ENTRIES_MAX} entries.")
    paths = [entry.path for entry in entries if entry.kind is not EntryKind.DIRECTORY]
    if len(set(paths)) != len(paths):
        raise BadPackageError("Two of its entries have the same name.")


def _shown(name: str) -> str:
    """A name in an error's text: short, and with nothing in it that a terminal would obey."""
    return ascii(name if len(name) <= 100 else name[:100] + "…")
