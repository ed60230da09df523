"""Writing a checked archive to a directory: every byte counted while it is inflated, since declared sizes lie.

Files are root-like and read-only to others (0644, 0755 if executable), as /var/task is on AWS. Links come last, when
nothing is written any more, so that no file can be written through one.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from stoker.code.entries import BadPackageError, Entry, EntryKind, read_entries
from stoker.code.links import TARGET_BYTES_MAX, check_links
from stoker.errors import InvalidParameterValueException

CHUNK_BYTES = 256 * 1024


def unzip(archive: bytes, tree: Path, bytes_max: int) -> None:
    """Unpack `archive`, at most `bytes_max` in files, into the new directory `tree`.

    Raises InvalidParameterValueException, leaving it half full.
    """
    entries = read_entries(archive)
    if sum(entry.size_bytes for entry in entries if entry.kind is EntryKind.FILE) > bytes_max:
        raise _too_large(bytes_max)
    links = {entry.path: _link_target(archive, entry) for entry in entries if entry.kind is EntryKind.LINK}
    check_links(links)
    _make_directories(tree, entries)
    _write_files(archive, tree, entries, bytes_max)
    for path, target in links.items():
        (tree / path).symlink_to(target)


def _make_directories(tree: Path, entries: list[Entry]) -> None:
    made = {""}
    tree.mkdir()
    tree.chmod(0o755)
    for entry in entries:
        path = entry.path if entry.kind is EntryKind.DIRECTORY else entry.path.rpartition("/")[0]
        missing = []
        while path not in made:
            missing.append(path)
            made.add(path)
            path = path.rpartition("/")[0]
        for path in reversed(missing):
            (tree / path).mkdir()
            (tree / path).chmod(0o755)  # mkdir's own mode is subject to the umask


def _write_files(archive: bytes, tree: Path, entries: list[Entry], bytes_max: int) -> None:
    bytes_left = bytes_max
    for entry in entries:
        if entry.kind is not EntryKind.FILE:
            continue
        path = tree / entry.path
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in _inflate(archive, entry):
                bytes_left -= len(chunk)
                if bytes_left < 0:
                    raise _too_large(bytes_max)
                file.write(chunk)
            os.fchmod(descriptor, 0o755 if entry.is_executable else 0o644)
        os.utime(path, (entry.modified_s, entry.modified_s))


def _too_large(bytes_max: int) -> InvalidParameterValueException:
    return InvalidParameterValueException(f"Unzipped size must be smaller than {bytes_max} bytes")


def _link_target(archive: bytes, entry: Entry) -> str:
    target = b""
    for chunk in _inflate(archive, entry):
        target += chunk
        if len(target) > TARGET_BYTES_MAX:
            raise BadPackageError(f"The symbolic link {entry.path!a} is too long.")
    try:
        return target.decode()
    except UnicodeDecodeError:
        raise BadPackageError(f"The symbolic link {entry.path!a} is not UTF-8.") from None


def _inflate(archive: bytes, entry: Entry) -> Iterator[bytes]:
    """The entry's bytes in chunks; at the end they must be as many as declared, with the declared checksum."""
    packed = memoryview(archive)[entry.start : entry.start + entry.packed_bytes]
    size = crc = 0
    for chunk in _inflated(packed) if entry.is_deflated else _stored(packed):
        size += len(chunk)
        crc = zlib.crc32(chunk, crc)
        yield chunk
    if size != entry.size_bytes or crc != entry.crc:
        raise BadPackageError(f"The entry {entry.path!a} is damaged.")


def _stored(packed: memoryview) -> Iterator[bytes]:
    for start in range(0, len(packed), CHUNK_BYTES):
        yield bytes(packed[start : start + CHUNK_BYTES])


def _inflated(packed: memoryview) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for start in range(0, len(packed), CHUNK_BYTES):
            pending = bytes(packed[start : start + CHUNK_BYTES])
            # Bounded in both directions: a chunk of packed bytes may hold a thousand times as many.
            while pending and not inflater.eof:
                yield inflater.decompress(pending, CHUNK_BYTES)
                pending = inflater.unconsumed_tail
        if not inflater.eof:
            yield inflater.flush()
    except zlib.error:
        raise BadPackageError from None
    if not inflater.eof:
        raise BadPackageError
