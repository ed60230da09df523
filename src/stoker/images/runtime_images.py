"""Images as root directories of runtimes (`runtimes/roots/named.py`): found, fetched and unpacked."""

import platform
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from stoker import limits
from stoker.config import Settings
from stoker.images.credentials import Registries
from stoker.images.errors import ImageError
from stoker.images.files import LAYERS, ImageFiles
from stoker.images.pull import Pull, Sources
from stoker.images.reference import Reference, parse_reference
from stoker.images.roots import build_root
from stoker.images.source import Patience, Stop
from stoker.runtimes.records import RuntimeInstallError

_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}


class RuntimeImages:
    """Everything here blocks."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError."""
        self._stop = Stop()
        self._sources = Sources(Registries(settings.registries), settings.images_dir, Patience(), self._stop)

    def resolve(self, uri: str) -> str:
        """The digest (hex) that `uri` means now, for this machine. Raises RuntimeInstallError."""
        reference = _parsed(uri)
        try:
            return self._pull(reference).resolve(reference, _ARCHITECTURES[platform.machine()])
        except ImageError as error:
            raise RuntimeInstallError(f"the image {uri} cannot be used: {error.text}") from None

    def unpack(self, uri: str, digest: str, tree: Path, progress: Callable[[str], None]) -> Mapping[str, str]:
        """Make the image's root directory at the new path `tree`: the variables it sets. Raises RuntimeInstallError."""
        scratch = tree.with_name("scratch")
        try:
            return self._unpack(_parsed(uri), digest, tree, scratch, progress)
        except ImageError as error:
            raise RuntimeInstallError(f"the image {uri} cannot be used: {error.text}") from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _unpack(
        self, reference: Reference, digest: str, tree: Path, scratch: Path, progress: Callable[[str], None]
    ) -> Mapping[str, str]:
        pull = self._pull(reference)
        image = pull.image(digest)
        files = ImageFiles(scratch, self._stop)
        files.recover()
        diff_ids = image.configuration.diff_ids
        left_bytes = limits.IMAGE_BYTES_MAX
        for number, (layer, diff_id) in enumerate(zip(image.manifest.layers, diff_ids, strict=True), 1):
            progress(f"Fetching layer {number} of {len(diff_ids)} ({layer.size_bytes / 1e6:.0f} MB)")
            left_bytes -= files.ensure_layer(layer, diff_id, left_bytes, pull.save)
        build_root(tree, [scratch / LAYERS / diff_id for diff_id in diff_ids], for_packages=True)
        return image.configuration.settings.environment

    def _pull(self, reference: Reference) -> Pull:
        return self._sources.pull(reference)


def _parsed(uri: str) -> Reference:
    reference = parse_reference(uri)
    if reference is None:
        raise RuntimeInstallError(
            f"{uri!r} is neither the absolute path of a directory nor the name of an image, such as host/name:tag"
        )
    return reference
