"""Unpacking one layer: `<place>/tree/` and `<place>/layer.json`, which says what it takes away from those below.

A layer's paths are resolved on paper, from the links that this very layer has brought, as if its tree were the root:
nothing is written through a symbolic link, and nothing outside. Files become readable for everybody and writable for
nobody but us, as a package's do; owners, set-uid bits, extended attributes and devices are left out.

Sources: OCI image specification 1.1, layer.md; path_resolution(7).
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from stoker import limits
from stoker.images.errors import invalid
from stoker.images.source import Stop
from stoker.images.tar import EntryKind, TarEntry, TarReader

TREE, CHANGES = "tree", "layer.json"
CHUNK_BYTES = 256 * 1024
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_WHITEOUT_META = ".wh..wh."
_DEPTH_MAX = 255
_HOPS_MAX = 40  # the kernel's own bound on links in one path
# All links of one layer together: targets like a/../a/../… would otherwise cost minutes.
_STEPS_MAX = 50_000_000


@dataclass(frozen=True, slots=True)
class LayerChanges:
    """`size_bytes` uncompressed; paths that are `removed`, and directories that are `emptied`, in the layers below."""

    size_bytes: int
    removed: tuple[str, ...]
    emptied: tuple[str, ...]


def unpack_layer(blob: BinaryIO, diff_id: str, place: Path, limit_bytes: int, stop: Stop, *, is_gzip: bool) -> None:
    """Unpack `blob` into the new directory `place`. Raises ImageError, leaving it half full.

    `diff_id` is what the uncompressed bytes must amount to (hex SHA-256), `limit_bytes` how many there may be.
    """
    place.mkdir(mode=0o755)
    stream = _LayerStream(blob, limit_bytes, stop, is_gzip=is_gzip)
    unpacking = _Unpacking(place / TREE)
    reader = TarReader(stream)
    for number, entry in enumerate(reader):
        if number >= limits.IMAGE_LAYER_ENTRIES_MAX:
            raise invalid(f"a layer has more than {limits.IMAGE_LAYER_ENTRIES_MAX} entries")
        unpacking.add(entry, reader)
    stream.skip(limit_bytes)
    if stream.digest != diff_id:
        raise invalid(f"a layer's content has the digest sha256:{stream.digest}, its configuration says {diff_id}")
    changes = {"size_bytes": stream.size_bytes, "removed": unpacking.removed, "emptied": unpacking.emptied}
    (place / CHANGES).write_text(json.dumps(changes))


def read_changes(place: Path) -> LayerChanges:
    """Of an unpacked layer."""
    members = json.loads((place / CHANGES).read_text())
    return LayerChanges(members["size_bytes"], tuple(members["removed"]), tuple(members["emptied"]))


class _LayerStream:
    """A layer's uncompressed bytes: counted, digested, and never more than the limit."""

    def __init__(self, blob: BinaryIO, limit_bytes: int, stop: Stop, *, is_gzip: bool) -> None:
        self._chunks = _inflated(blob) if is_gzip else _stored(blob)
        self._limit_bytes = limit_bytes
        self._stop = stop
        self._sha256 = hashlib.sha256()
        self._pending = memoryview(b"")
        self.size_bytes = 0

    @property
    def digest(self) -> str:
        return self._sha256.hexdigest()

    def read(self, size: int, /) -> bytes:
        parts = []
        while size > 0 and self._fill():
            parts.append(bytes(self._pending[:size]))
            self._pending = self._pending[size:]
            size -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def skip(self, size: int, /) -> None:
        while size > 0 and self._fill():
            skipped = min(size, len(self._pending))
            self._pending = self._pending[skipped:]
            size -= skipped

    def _fill(self) -> bool:
        """Whether there is more."""
        if not self._pending:
            self._stop.check()
            chunk = next(self._chunks, b"")
            self._sha256.update(chunk)
            self.size_bytes += len(chunk)
            if self.size_bytes > self._limit_bytes:
                raise invalid(f"its layers are larger than {limits.IMAGE_BYTES_MAX} bytes uncompressed")
            self._pending = memoryview(chunk)
        return bool(self._pending)


def _stored(blob: BinaryIO) -> Iterator[bytes]:
    while chunk := blob.read(CHUNK_BYTES):
        yield chunk


def _inflated(blob: BinaryIO) -> Iterator[bytes]:
    """Of every member: parallel compressors and lazily loaded images write many (RFC 1952, 2.2)."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    is_fresh = True
    try:
        while packed := blob.read(CHUNK_BYTES):
            while packed:
                if inflater.eof:
                    inflater, is_fresh = zlib.decompressobj(zlib.MAX_WBITS | 16), True
                # Bounded in both directions: a chunk of packed bytes may hold a thousand times as many.
                if chunk := inflater.decompress(packed, CHUNK_BYTES):
                    yield chunk
                is_fresh = False
                packed = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    except zlib.error:
        raise invalid("a layer is not gzip data, as its media type says") from None
    if not inflater.eof and not is_fresh:
        raise invalid("a layer's gzip data end too early")


class _Unpacking:
    """A tree in the making, and what is known of it: its directories and its links."""

    def __init__(self, tree: Path) -> None:
        self._tree = tree
        self._directories = {""}
        self._links: dict[str, str] = {}
        self._steps_left = _STEPS_MAX
        self.removed: list[str] = []
        self.emptied: list[str] = []
        _make_directory(tree)

    def add(self, entry: TarEntry, reader: TarReader) -> None:
        if not entry.parts:
            return
        *above, name = entry.parts
        if name.startswith(_WHITEOUT):
            self._white_out(above, name)
            return
        match entry.kind:
            case EntryKind.DIRECTORY:
                self._directory(self._resolve(above), name)
            case EntryKind.FILE:
                self._file(self._place(above, name), entry, reader)
            case EntryKind.SYMLINK:
                self._symlink(self._place(above, name), entry)
            case EntryKind.HARD_LINK:
                self._hard_link(self._place(above, name), entry)
            case EntryKind.DEVICE:
                return

    def _white_out(self, above: list[str], name: str) -> None:
        if name == _OPAQUE:
            self.emptied.append("/".join(above))
        elif not name.startswith(_WHITEOUT_META):  # bookkeeping of AUFS
            removed = name.removeprefix(_WHITEOUT)
            if removed in ("", ".", ".."):
                raise invalid(f"a layer has the whiteout {name!a}")
            self.removed.append("/".join([*above, removed]))

    def _directory(self, parent: str, name: str) -> None:
        path = _joined(parent, name)
        if path in self._directories:
            return
        self._remove(path)
        _make_directory(self._tree / path)
        self._directories.add(path)

    def _file(self, path: str, entry: TarEntry, reader: TarReader) -> None:
        descriptor = os.open(self._tree / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for chunk in reader.chunks(CHUNK_BYTES):
                file.write(chunk)
            os.fchmod(descriptor, 0o755 if entry.is_executable else 0o644)
            os.utime(descriptor, (entry.modified_s, entry.modified_s))

    def _symlink(self, path: str, entry: TarEntry) -> None:
        if not entry.target:
            raise invalid(f"the symbolic link {path[:200]!a} leads nowhere")
        (self._tree / path).symlink_to(entry.target)
        self._links[path] = entry.target

    def _hard_link(self, path: str, entry: TarEntry) -> None:
        *above, name = _target_parts(entry)
        target = _joined(self._resolve(above, makes=False), name)
        if target == path:
            raise invalid(f"the hard link {path[:200]!a} leads to itself")
        try:
            os.link(self._tree / target, self._tree / path, follow_symlinks=False)
        except OSError:
            raise invalid(f"the hard link {path[:200]!a} leads to nothing in its layer") from None
        if target in self._links:
            self._links[path] = self._links[target]

    def _place(self, above: list[str], name: str) -> str:
        """Where something new comes to lie, with nothing there any more."""
        path = _joined(self._resolve(above), name)
        self._remove(path)
        return path

    def _remove(self, path: str) -> None:
        """What an earlier entry of the same name left; a directory stays."""
        if path in self._directories:
            raise invalid(f"{path[:200]!a} is a directory, and then something else")
        self._links.pop(path, None)
        (self._tree / path).unlink(missing_ok=True)

    def _resolve(self, parts: list[str], *, makes: bool = True) -> str:
        """The directory that `parts` lead to, made where it is missing. `..` at the root stays there."""
        place: list[str] = []
        ahead = parts[::-1]
        hops = 0
        while ahead:
            self._steps_left -= len(place) + 1
            part = ahead.pop()
            here = "/".join([*place, part])
            if part == "..":
                del place[-1:]
            elif here in self._links:
                hops += 1
                if hops > _HOPS_MAX or self._steps_left < 0:
                    raise invalid("its symbolic links lead in a circle, or are too many")
                if self._links[here].startswith("/"):
                    place.clear()
                ahead.extend(part for part in reversed(self._links[here].split("/")) if part not in ("", "."))
            else:
                if makes and here not in self._directories:
                    self._make_missing(here)
                place.append(part)
            if len(place) > _DEPTH_MAX:
                raise invalid(f"a layer has directories more than {_DEPTH_MAX} levels deep")
        return "/".join(place)

    def _make_missing(self, path: str) -> None:
        try:
            _make_directory(self._tree / path)
        except FileExistsError:
            raise invalid(f"{path[:200]!a} is a file, and then a directory") from None
        self._directories.add(path)


def _target_parts(entry: TarEntry) -> list[str]:
    parts = [part for part in entry.target.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        raise invalid(f"the hard link {entry.path[:200]!a} leads out of the image")
    return parts


def _joined(parent: str, name: str) -> str:
    return f"{parent}/{name}" if parent else name


def _make_directory(path: Path) -> None:
    path.mkdir()
    path.chmod(0o755)  # mkdir's own mode is subject to the umask
