"""Finding an image and fetching its parts, each verified by its digest. Everything here blocks and runs in threads."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from stoker import limits
from stoker.images.credentials import Registries, repository_at
from stoker.images.errors import UnreachableError, UnsupportedImageError, invalid
from stoker.images.layout import LayoutRepository
from stoker.images.manifest import (
    INDEXES,
    MANIFESTS,
    Descriptor,
    ImageConfiguration,
    Manifest,
    is_for,
    read_configuration,
    read_index,
    read_manifest,
)
from stoker.images.reference import Reference
from stoker.images.registry import RegistryRepository
from stoker.images.source import Document, Patience, Source, Stop, TransientError

log = logging.getLogger("stoker.images")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PulledImage:
    """What an image says of itself; `document` is its configuration as it was fetched."""

    manifest: Manifest
    configuration: ImageConfiguration
    document: bytes


class Pull:
    """One image's source, asked patiently."""

    def __init__(self, source: Source, patience: Patience, stop: Stop) -> None:
        self._source = source
        self._patience = patience
        self._stop = stop

    def resolve(self, reference: Reference, architecture: str) -> str:
        """The digest (hex) of the manifest that `reference` means for `architecture`. Raises ImageError."""
        document = self._document(reference.wanted)
        digest = _sha256(document.content)
        if document.media_type in INDEXES:
            digest = read_index(document.content, architecture).digest
        if not is_for(self.image(digest).configuration, architecture):
            raise invalid(f"it is not for the architecture {architecture}")
        return digest

    def image(self, digest: str) -> PulledImage:
        """The image of a manifest. Raises ImageError."""
        document = self._document(f"sha256:{digest}")
        if document.media_type not in MANIFESTS:
            raise UnsupportedImageError(f"its manifest has the media type {document.media_type[:128]!a}")
        manifest = read_manifest(document.content)
        content = self._patiently(lambda: b"".join(self._verified(manifest.config)))
        configuration = read_configuration(content)
        if len(configuration.diff_ids) != len(manifest.layers):
            raise invalid("its configuration and its manifest name different numbers of layers")
        return PulledImage(manifest, configuration, content)

    def save(self, descriptor: Descriptor, path: Path) -> None:
        """Fetch a layer into the file `path`. Raises ImageError, leaving whatever came."""
        self._patiently(lambda: self._save(descriptor, path))

    def _save(self, descriptor: Descriptor, path: Path) -> None:
        with path.open("wb") as file:
            for chunk in self._verified(descriptor):
                file.write(chunk)

    def _document(self, wanted: str) -> Document:
        document = self._patiently(lambda: self._source.manifest(wanted))
        if len(document.content) > limits.IMAGE_MANIFEST_BYTES_MAX:
            raise invalid(f"its manifest is larger than {limits.IMAGE_MANIFEST_BYTES_MAX} bytes")
        if wanted.startswith("sha256:") and wanted != f"sha256:{_sha256(document.content)}":
            raise invalid(f"what came as the manifest {wanted} has another digest")
        return document

    def _verified(self, descriptor: Descriptor) -> Iterator[bytes]:
        """The bytes of `descriptor`; the last of them only if the digest is right."""
        sha256 = hashlib.sha256()
        size_bytes = 0
        for chunk in self._source.chunks(descriptor):
            sha256.update(chunk)
            size_bytes += len(chunk)
            if size_bytes > descriptor.size_bytes:
                raise invalid(f"what came as sha256:{descriptor.digest} is larger than the manifest says")
            yield chunk
        if size_bytes < descriptor.size_bytes:
            raise TransientError(f"only {size_bytes} of {descriptor.size_bytes} bytes came of {descriptor.digest}")
        if sha256.hexdigest() != descriptor.digest:
            raise invalid(f"what came as sha256:{descriptor.digest} has the digest sha256:{sha256.hexdigest()}")

    def _patiently(self, work: Callable[[], T]) -> T:
        for pause_s in (*self._patience.pauses_s, None):
            try:
                return work()
            except TransientError as error:
                if pause_s is None:
                    raise UnreachableError(
                        f"the registry failed {len(self._patience.pauses_s) + 1} times: {error}"
                    ) from None
                log.info("trying a registry again: %s", error)
                self._stop.wait(max(pause_s, min(error.retry_after_s, self._patience.retry_after_s_max)))
        raise AssertionError


class Sources:
    """Where references lead."""

    def __init__(self, registries: Registries, images_dir: Path | None, patience: Patience, stop: Stop) -> None:
        """`images_dir` is where `localhost/…` lies; without one that is a registry as any other."""
        self._registries = registries
        self._images_dir = images_dir
        self._patience = patience
        self._stop = stop

    def pull(self, reference: Reference) -> Pull:
        """Raises ImageError."""
        return Pull(self._source(reference), self._patience, self._stop)

    def _source(self, reference: Reference) -> Source:
        if reference.is_local and self._images_dir is not None:
            return LayoutRepository(self._images_dir, reference.repository)
        repository = repository_at(reference.host, reference.repository)
        return RegistryRepository(self._registries.address(reference.host), repository, self._patience, self._stop)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
