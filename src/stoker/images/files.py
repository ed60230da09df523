"""Images on disk: `<root>/layers/<diff id>/` unpacked once, `<root>/roots/<manifest's digest>/` made of their links.

Whatever is in one of the two directories is whole: it was made under a temporary name, flushed, and then renamed.
"""

import contextlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stoker import limits
from stoker.code.durable import flush_directory, flush_file_system
from stoker.images.errors import invalid
from stoker.images.layers import read_changes, unpack_layer
from stoker.images.manifest import GZIP_LAYERS, Descriptor, ImageSettings, read_configuration
from stoker.images.roots import build_root
from stoker.images.source import Stop

TEMPORARY = ".temporary-"
LAYERS, ROOTS = "layers", "roots"
TREE, CONFIGURATION, LAYER_LIST = "tree", "configuration.json", "layers.json"

Save = Callable[[Descriptor, Path], None]
"""Fetches a layer into a file. Raises ImageError."""


class ImageFiles:
    """Everything here blocks; never two at a time for one digest."""

    def __init__(self, root: Path, stop: Stop) -> None:
        self._root = root
        self._stop = stop

    def recover(self) -> None:
        """Make the directories and sweep what a crash left behind."""
        for place in (self._root / LAYERS, self._root / ROOTS):
            place.mkdir(mode=0o755, parents=True, exist_ok=True)
        for place in list(self._root.glob(f"{TEMPORARY}*")):
            shutil.rmtree(place)

    def tree(self, digest: str) -> Path:
        """The root directory of the image, if it is there."""
        return self._root / ROOTS / digest / TREE

    def settings(self, digest: str) -> ImageSettings | None:
        """What the image says of its process; None if it is not there."""
        try:
            document = (self._root / ROOTS / digest / CONFIGURATION).read_bytes()
        except FileNotFoundError:
            return None
        return read_configuration(document).settings

    def ensure_layer(self, layer: Descriptor, diff_id: str, limit_bytes: int, save: Save) -> int:
        """Unpack the layer unless it is there: its size, uncompressed. Raises ImageError, OSError, leaving nothing."""
        place = self._root / LAYERS / diff_id
        if not place.exists():
            with self._temporary() as temporary:
                save(layer, temporary / "blob")
                is_gzip = layer.media_type in GZIP_LAYERS
                with (temporary / "blob").open("rb") as file:
                    unpack_layer(file, diff_id, temporary / "layer", limit_bytes, self._stop, is_gzip=is_gzip)
                self._keep(temporary / "layer", place)
        size_bytes = read_changes(place).size_bytes
        if size_bytes > limit_bytes:
            raise invalid(f"its layers are larger than {limits.IMAGE_BYTES_MAX} bytes uncompressed")
        return size_bytes

    def make_root(self, digest: str, configuration: bytes, diff_ids: Sequence[str]) -> None:
        """Merge the layers, which must be there. Raises OSError, leaving nothing."""
        with self._temporary() as temporary:
            place = temporary / "root"
            place.mkdir(mode=0o755)
            build_root(place / TREE, [self._root / LAYERS / diff_id for diff_id in diff_ids])
            (place / CONFIGURATION).write_bytes(configuration)
            (place / LAYER_LIST).write_text(json.dumps(diff_ids))
            self._keep(place, self._root / ROOTS / digest)

    def roots(self) -> set[str]:
        """The digests of the images that are there."""
        return {place.name for place in (self._root / ROOTS).iterdir()}

    def unused_layers(self) -> set[str]:
        """The diff ids of the layers that no image has."""
        lists = [json.loads(path.read_text()) for path in (self._root / ROOTS).glob(f"*/{LAYER_LIST}")]
        present = {place.name for place in (self._root / LAYERS).iterdir()}
        return present - {diff_id for diff_ids in lists for diff_id in diff_ids}

    def delete_root(self, digest: str) -> None:
        self._delete(self._root / ROOTS / digest)

    def delete_layer(self, diff_id: str) -> None:
        self._delete(self._root / LAYERS / diff_id)

    def _delete(self, place: Path) -> None:
        # Renamed first, so that it is either whole or gone.
        with self._temporary() as temporary:
            place.rename(temporary / place.name)

    def _keep(self, temporary: Path, place: Path) -> None:
        flush_file_system(self._root)
        temporary.rename(place)
        flush_directory(place.parent)

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[Path]:
        place = self._root / f"{TEMPORARY}{secrets.token_hex(8)}"
        place.mkdir(mode=0o755)
        try:
            yield place
        finally:
            shutil.rmtree(place)
