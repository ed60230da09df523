"""Images on this machine: OCI image layouts below the directory of the setting `images_dir`.

A layout is a directory, or the same as a tar file: `docker save` (from Docker 25 on), `skopeo copy … oci-archive:` and
`podman save --format oci-archive` write one. Source: OCI image specification 1.1, image-layout.md.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from stoker import limits
from stoker.images.errors import ImageError, invalid
from stoker.images.manifest import INDEXES, MANIFESTS, Descriptor
from stoker.images.source import Document
from stoker.images.tar import EntryKind, SeekableBytes, TarReader

CHUNK_BYTES = 256 * 1024
_REFERENCE_NAME = "org.opencontainers.image.ref.name"
_IMAGE_NAME = "io.containerd.image.name"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Files(Protocol):
    place: Path

    def open(self, path: str) -> AbstractContextManager[tuple[_Readable, int]]: ...


class LayoutRepository:
    """A `Source`: the layout `<directory>/<repository>`, or `<repository>.tar`."""

    def __init__(self, directory: Path, repository: str) -> None:
        self._repository = repository
        place = directory / repository
        self._files: _Files
        archive = place.with_name(f"{place.name}.tar")
        if place.is_dir():
            self._files = _Directory(place)
        elif archive.is_file():
            self._files = _Archive(archive)
        else:
            raise ImageError("ImageDeleted", f"neither {place} nor {archive} exists")

    def manifest(self, wanted: str) -> Document:
        index = self._read("index.json", limits.IMAGE_MANIFEST_BYTES_MAX)
        try:
            entries = json.loads(index)["manifests"]
            entry = next(entry for entry in entries if self._is_meant(entry, wanted))
            media_type, digest = str(entry["mediaType"]), str(entry["digest"])
        except StopIteration:
            # Below an index an image has no name of its own there.
            if not wanted.startswith("sha256:"):
                raise ImageError("ImageDeleted", f"{self._files.place} has no image with this tag") from None
            media_type, digest = "", wanted
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise invalid(f"{self._files.place} is not an OCI image layout") from None
        content = self._read(_blob(digest.removeprefix("sha256:")), limits.IMAGE_MANIFEST_BYTES_MAX)
        return Document(media_type or _media_type(content), content)

    def chunks(self, descriptor: Descriptor) -> Iterator[bytes]:
        with self._files.open(_blob(descriptor.digest)) as (file, _):
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def _is_meant(self, entry: Any, wanted: str) -> bool:
        if entry["digest"] == wanted:
            return True
        notes = entry.get("annotations") or {}
        names = [str(notes[key]) for key in (_REFERENCE_NAME, _IMAGE_NAME) if key in notes]
        # Some write the tag, others the name with it, with or without a host.
        return any(name == wanted or name.endswith(f"{self._repository}:{wanted}") for name in names)

    def _read(self, path: str, limit_bytes: int) -> bytes:
        with self._files.open(path) as (file, size_bytes):
            if size_bytes > limit_bytes:
                raise invalid(f"{path} is larger than {limit_bytes} bytes")
            return file.read(size_bytes)


class _Directory:
    def __init__(self, place: Path) -> None:
        self.place = place

    @contextmanager
    def open(self, path: str) -> Iterator[tuple[_Readable, int]]:
        """A file of the layout with its size. Raises ImageError."""
        try:
            file = (self.place / path).open("rb")
        except OSError as error:
            raise invalid(f"{self.place / path} cannot be read ({error.strerror})") from None
        with file:
            yield file, os.fstat(file.fileno()).st_size


class _Archive:
    def __init__(self, place: Path) -> None:
        self.place = place
        self._members: dict[str, tuple[int, int]] = {}
        with place.open("rb") as file:
            for entry in TarReader(SeekableBytes(file)):
                if entry.kind is EntryKind.FILE:
                    self._members["/".join(entry.parts)] = (file.tell(), entry.size_bytes)

    @contextmanager
    def open(self, path: str) -> Iterator[tuple[_Readable, int]]:
        """As of a directory."""
        if path not in self._members:
            raise invalid(f"{self.place} has no {path}: `docker save` writes such archives from Docker 25 on")
        start, size_bytes = self._members[path]
        with self.place.open("rb") as file:
            file.seek(start)
            yield _Window(file, size_bytes), size_bytes


class _Window:
    """A part of a file, to be read once."""

    def __init__(self, file: _Readable, size_bytes: int) -> None:
        self._file = file
        self._left = size_bytes

    def read(self, size: int) -> bytes:
        chunk = self._file.read(min(size, self._left))
        self._left -= len(chunk)
        return chunk


def _blob(digest: str) -> str:
    if not _SHA256.fullmatch(digest):
        raise invalid("its index names something by another digest than SHA-256")
    return f"blobs/sha256/{digest}"


def _media_type(content: bytes) -> str:
    """A manifest's own word; one without it has layers, an index has not."""
    try:
        members = json.loads(content)
        said = members.get("mediaType")
    except (ValueError, AttributeError, RecursionError):
        raise invalid("a part of it is not a JSON object") from None
    return str(said or (INDEXES[0] if "manifests" in members else MANIFESTS[0]))
