"""Making an image's root directory of its unpacked layers, as hard links: it costs directories only.

A mount of layers one over the other would save those too, but is not to be had everywhere without privileges, and every
sandbox would pay for looking files up in each layer (decision 0026). Nothing is ever done through a symbolic link.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from stoker.images.layers import TREE, read_changes
from stoker.runtimes.roots.tree import clear, furnish, make_directory


def build_root(root: Path, layers: Sequence[Path], *, for_packages: bool = False) -> None:
    """Merge the unpacked `layers`, the lowest first, into the new directory `root`. Raises OSError.

    `for_packages`: packages will be run in it, so it gets places for them.
    """
    root.mkdir()
    root.chmod(0o755)
    for layer in layers:
        changes = read_changes(layer)
        for path in changes.emptied:
            _empty(root, path)
        for path in changes.removed:
            _remove(root, path)
        _lay_over(layer / TREE, root)
    furnish(root, for_packages=for_packages)


def _lay_over(source: Path, target: Path) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            place = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                make_directory(place)
                _lay_over(Path(entry.path), place)
            else:
                clear(place)
                _link(Path(entry.path), place)


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:  # a file system without links, or with too many to one file (link(2))
        shutil.copy2(source, place, follow_symlinks=False)


def _remove(root: Path, path: str) -> None:
    place = root / path
    if _is_directory(root, str(PurePosixPath(path).parent)):
        clear(place)


def _empty(root: Path, path: str) -> None:
    if _is_directory(root, path):
        for place in list((root / path).iterdir()):
            clear(place)


def _is_directory(root: Path, path: str) -> bool:
    """Whether every step of `path` is a directory itself, not a link to one."""
    place = root
    for part in PurePosixPath(path).parts:
        place = place / part
        if place.is_symlink() or not place.is_dir():
            return False
    return True
