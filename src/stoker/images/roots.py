"""Making an image's root directory of its unpacked layers, as hard links: it costs directories only.

A mount of layers one over the other would save those too, but is not to be had everywhere without privileges, and every
sandbox would pay for looking files up in each layer (decision 0026). Nothing is ever done through a symbolic link.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from stoker.images.layers import TREE, read_changes

# What a sandbox mounts something on, or writes itself, so that the image's own file system can stay read-only.
_MOUNT_POINTS = ("proc", "sys", "dev", "tmp", "mnt", "run/stoker/proc")
_FILES = {
    "etc/hosts": "127.0.0.1 localhost\n169.254.100.1 sandbox.localdomain sandbox\n",
    "etc/resolv.conf": "",
}


def build_root(root: Path, layers: Sequence[Path]) -> None:
    """Merge the unpacked `layers`, the lowest first, into the new directory `root`. Raises OSError."""
    root.mkdir()
    root.chmod(0o755)
    for layer in layers:
        changes = read_changes(layer)
        for path in changes.emptied:
            _empty(root, path)
        for path in changes.removed:
            _remove(root, path)
        _lay_over(layer / TREE, root)
    _furnish(root)


def _lay_over(source: Path, target: Path) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            place = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                _make_directory(place)
                _lay_over(Path(entry.path), place)
            else:
                _clear(place)
                _link(Path(entry.path), place)


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:  # a file system without links, or with too many to one file (link(2))
        shutil.copy2(source, place, follow_symlinks=False)


def _make_directory(place: Path) -> None:
    if place.is_symlink() or not place.is_dir():
        place.unlink(missing_ok=True)
        place.mkdir()
        place.chmod(0o755)  # mkdir's own mode is subject to the umask


def _clear(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _remove(root: Path, path: str) -> None:
    place = root / path
    if _is_directory(root, str(PurePosixPath(path).parent)):
        _clear(place)


def _empty(root: Path, path: str) -> None:
    if _is_directory(root, path):
        for place in list((root / path).iterdir()):
            _clear(place)


def _is_directory(root: Path, path: str) -> bool:
    """Whether every step of `path` is a directory itself, not a link to one."""
    place = root
    for part in PurePosixPath(path).parts:
        place = place / part
        if place.is_symlink() or not place.is_dir():
            return False
    return True


def _furnish(root: Path) -> None:
    for path in _MOUNT_POINTS:
        _make_directories(root, path)
    for path, text in _FILES.items():
        _make_directories(root, str(PurePosixPath(path).parent))
        # Never written to: the file there is the layer's.
        _clear(root / path)
        (root / path).write_text(text)
        (root / path).chmod(0o644)


def _make_directories(root: Path, path: str) -> None:
    place = root
    for part in PurePosixPath(path).parts:
        place = place / part
        _make_directory(place)
