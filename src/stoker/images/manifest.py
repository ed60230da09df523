"""Manifests and configurations of images, read from JSON that anybody may have written.

Sources: OCI image specification 1.1 (image-index.md, manifest.md, config.md); Docker's "Image Manifest V 2, Schema 2".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stoker import limits
from stoker.images.errors import UnsupportedImageError, invalid

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
PLAIN_LAYERS = ("application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar")
GZIP_LAYERS = (
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)
# AWS's names for processors, and Go's, which images are labelled with.
_PLATFORMS = {"x86_64": "amd64", "arm64": "arm64"}
_INDEX_ENTRIES_MAX = 1_000
_SURROGATE = re.compile("[\ud800-\udfff]")  # half of a pair, which JSON can write and UTF-8 cannot


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Something by its digest (hex SHA-256) and size."""

    media_type: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """`layers` from the lowest to the highest."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """What an image says of its process; `None` where it says nothing. USER counts for nothing, as on AWS."""

    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_directory: str


@dataclass(frozen=True, slots=True)
class ImageConfiguration:
    """`diff_ids` (hex SHA-256 of each layer, uncompressed) are in the order of the manifest's layers."""

    architecture: str
    settings: ImageSettings
    diff_ids: tuple[str, ...]


def read_index(document: bytes, architecture: str) -> Descriptor:
    """The manifest for `architecture` (AWS's name). Raises ImageError."""
    entries = _list(_object(document), "manifests", _INDEX_ENTRIES_MAX)
    platform = _PLATFORMS.get(architecture, architecture)
    for entry in entries:
        wanted = entry.get("platform") if isinstance(entry, dict) else None
        if isinstance(wanted, dict) and (wanted.get("os"), wanted.get("architecture")) == ("linux", platform):
            return _descriptor(entry)
    raise invalid(f"it has no image for linux/{platform}")


def read_manifest(document: bytes) -> Manifest:
    """Raises ImageError; UnsupportedImageError where a kind of layer or configuration is not known."""
    members = _object(document)
    config = _descriptor(members.get("config"))
    if config.media_type not in _CONFIGS:
        raise UnsupportedImageError(f"its configuration has the media type {config.media_type[:128]!a}")
    if config.size_bytes > limits.IMAGE_CONFIG_BYTES_MAX:
        raise invalid(f"its configuration is larger than {limits.IMAGE_CONFIG_BYTES_MAX} bytes")
    layers = tuple(_descriptor(layer) for layer in _list(members, "layers", limits.IMAGE_LAYERS_MAX))
    for layer in layers:
        if layer.media_type not in (*PLAIN_LAYERS, *GZIP_LAYERS):
            raise UnsupportedImageError(f"a layer has the media type {layer.media_type[:128]!a}")
    if sum(layer.size_bytes for layer in layers) > limits.IMAGE_BYTES_MAX:
        raise invalid(f"its layers are larger than {limits.IMAGE_BYTES_MAX} bytes")
    return Manifest(config, layers)


def read_configuration(document: bytes) -> ImageConfiguration:
    """Raises ImageError."""
    members = _object(document)
    said = members.get("config") or {}
    file_systems = members.get("rootfs")
    if not isinstance(said, dict) or not isinstance(file_systems, dict):
        raise invalid("its configuration is not what the image specification describes")
    settings = ImageSettings(
        entry_point=_strings(said, "Entrypoint"),
        command=_strings(said, "Cmd"),
        environment=dict(_variable(text) for text in _strings(said, "Env")),
        working_directory=_string(said.get("WorkingDir") or ""),
    )
    _check_size(settings)
    diff_ids = tuple(_digest(text) for text in _list(file_systems, "diff_ids", limits.IMAGE_LAYERS_MAX))
    return ImageConfiguration(_string(members.get("architecture") or ""), settings, diff_ids)


def is_for(configuration: ImageConfiguration, architecture: str) -> bool:
    """Whether an image runs on `architecture` (AWS's name for it)."""
    return configuration.architecture == _PLATFORMS.get(architecture, architecture)


def _check_size(settings: ImageSettings) -> None:
    texts = [*settings.entry_point, *settings.command, settings.working_directory]
    texts += [f"{name}={value}" for name, value in settings.environment.items()]
    if sum(len(text.encode()) for text in texts) > limits.IMAGE_SETTINGS_BYTES_MAX:
        raise invalid(f"its settings are larger than {limits.IMAGE_SETTINGS_BYTES_MAX} bytes")
    if any("\0" in text for text in texts):
        raise invalid("its settings contain a NUL")


def _object(document: bytes) -> dict[str, Any]:
    try:
        members = json.loads(document)
    except (ValueError, RecursionError):
        raise invalid("a part of it is not JSON") from None
    if not isinstance(members, dict):
        raise invalid("a part of it is not a JSON object")
    return members


def _descriptor(members: Any) -> Descriptor:
    if not isinstance(members, dict):
        raise invalid("its manifest is not what the image specification describes")
    size = members.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise invalid("its manifest states no sizes")
    return Descriptor(_string(members.get("mediaType") or ""), _digest(members.get("digest")), size)


def _digest(text: Any) -> str:
    algorithm, _, digest = text.partition(":") if isinstance(text, str) else ("", "", "")
    if algorithm != "sha256" or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise invalid("it names something by another digest than SHA-256")
    return digest


def _list(members: Mapping[str, Any], name: str, count_max: int) -> list[Any]:
    value = members.get(name) or []
    if not isinstance(value, list):
        raise invalid(f"its {name} are not a list")
    if len(value) > count_max:
        raise invalid(f"it has more than {count_max} {name}")
    return value


def _strings(members: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(_string(text) for text in _list(members, name, limits.IMAGE_SETTINGS_BYTES_MAX))


def _string(value: Any) -> str:
    if not isinstance(value, str) or _SURROGATE.search(value):
        raise invalid("its configuration is not what the image specification describes")
    return value


def _variable(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value
