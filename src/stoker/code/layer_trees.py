"""What functions see at /opt: their layers merged in order, `<root>/layers-<digest>/tree/`, one for each list.

A merged tree is made when a function is activated and shared by all functions with the same list. It consists of hard
links to the packages' files, so it costs directories only, and can always be made again: what a crash may have left
unfinished is deleted at the next start.
"""

import asyncio
import hashlib
import logging
import os
import secrets
import shutil
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from stoker.code.bytecode import compile_tree, has_bytecode
from stoker.code.durable import flush_directory, flush_file_system
from stoker.code.records import CodePackage
from stoker.code.store import BYTECODE, FLUSHED, FRESH_S, TEMPORARY, TREE, CodeStore
from stoker.runtimes.records import RuntimeBuild

log = logging.getLogger("stoker.code")

SHOWN_AS = "/opt"
PREFIX = "layers-"

LayerList = tuple[str, ...]
"""The digests of the packages that are merged, first one lowest."""


def layer_list(packages: Sequence[CodePackage]) -> LayerList:
    return tuple(package.sha256 for package in packages)


class LayerTrees:
    """To be used from the event loop's thread."""

    def __init__(self, code_store: CodeStore) -> None:
        """The store has to be open, and the layers' packages in it, whenever a tree is asked for."""
        self._code_store = code_store
        self._root = code_store.root
        self._present: set[str] = set()
        self._last_used_s: dict[str, float] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def open(self) -> None:
        """Find the trees that are complete and delete the others."""
        self._present = await asyncio.to_thread(_recover, self._root)

    async def tree(self, packages: Sequence[CodePackage]) -> Path | None:
        """The packages merged, to become /opt; None for none. Waits for nothing when the tree is there already.

        Raises OSError when a package is not there.
        """
        if not packages:
            return None
        name = _name(layer_list(packages))
        self._last_used_s[name] = asyncio.get_running_loop().time()
        if name not in self._present:
            async with self._turn(name):
                if name not in self._present:
                    await asyncio.to_thread(self._build, name, tuple(packages))
                    self._present.add(name)
        return self._root / name / TREE

    async def compile_bytecode(self, packages: Sequence[CodePackage], build: RuntimeBuild) -> None:
        """Make the tree and compile its Python files for `build`, once. No code makes this fail."""
        tree = await self.tree(packages)
        if tree is None or not has_bytecode(build):
            return
        place = tree.parent
        marker = place / f"{BYTECODE}{build.name}"
        async with self._turn(place.name):
            if not place.exists() or (marker.exists() and marker.read_text() == build.version):
                return
            # Until it is there again, the tree counts as unfinished: a power cut may tear the new files.
            (place / FLUSHED).unlink(missing_ok=True)
            await compile_tree(tree, build, SHOWN_AS)
            marker.write_text(build.version)
            await asyncio.to_thread(_flush, place)

    async def delete_unused(self, in_use: Collection[LayerList]) -> int:
        """Delete the trees of other lists, unless they were asked for a short while ago, and say how many."""
        names = {_name(layers) for layers in in_use}
        deleted = 0
        for name in self._present - names:
            async with self._turn(name):
                if not self._is_fresh(name):
                    self._present.discard(name)
                    await asyncio.to_thread(self._delete, name)
                    deleted += 1
        return deleted

    def _is_fresh(self, name: str) -> bool:
        used_s = self._last_used_s.get(name)
        if used_s is not None and asyncio.get_running_loop().time() - used_s <= FRESH_S:
            return True
        self._last_used_s.pop(name, None)
        return False

    def _turn(self, name: str) -> asyncio.Lock:
        return self._turns.setdefault(name, asyncio.Lock())

    # From here on: in threads.

    def _build(self, name: str, packages: tuple[CodePackage, ...]) -> None:
        temporary = self._make_temporary()
        try:
            (temporary / TREE).mkdir(mode=0o755)
            for package in packages:
                _Merge(self._code_store, package, temporary / TREE).run()
            flush_file_system(self._root)
            (temporary / FLUSHED).touch()
            temporary.rename(self._root / name)
            flush_directory(self._root)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _delete(self, name: str) -> None:
        # Renamed first, so that a tree is either whole or gone.
        temporary = self._make_temporary()
        (self._root / name).rename(temporary / name)
        shutil.rmtree(temporary)

    def _make_temporary(self) -> Path:
        """The store sweeps what is left of these at the next start."""
        temporary = self._root / f"{TEMPORARY}{secrets.token_hex(8)}"
        temporary.mkdir(mode=0o755)
        return temporary


class _Merge:
    """Lays one package over a tree. Nothing is ever written through a symbolic link."""

    def __init__(self, code_store: CodeStore, package: CodePackage, target: Path) -> None:
        self._source = code_store.tree(package)
        self._target = target
        with zipfile.ZipFile(code_store.zip_file(package.sha256), metadata_encoding="utf-8") as archive:
            self._names = frozenset(archive.namelist())

    def run(self) -> None:
        self._directory("")

    def _directory(self, path: str) -> None:
        with os.scandir(self._source / path) as entries:
            for entry in entries:
                inner = f"{path}/{entry.name}" if path else entry.name
                if entry.is_dir(follow_symlinks=False):
                    self._make_directory(self._target / inner)
                    self._directory(inner)
                elif self._is_of_package(inner):
                    self._place(Path(entry.path), self._target / inner)

    def _is_of_package(self, path: str) -> bool:
        """Not bytecode that the store made of the package as a function's code: it tells other paths."""
        return not path.endswith(".pyc") or path in self._names

    def _make_directory(self, path: Path) -> None:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            path.mkdir()
            path.chmod(0o755)  # mkdir's own mode is subject to the umask

    def _place(self, source: Path, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        try:
            os.link(source, path, follow_symlinks=False)
        except OSError:  # a file system without links, or with too many to one file (link(2))
            shutil.copy2(source, path, follow_symlinks=False)


def _name(layers: LayerList) -> str:
    return PREFIX + hashlib.sha256("\n".join(layers).encode()).hexdigest()


def _recover(root: Path) -> set[str]:
    present = set()
    for place in list(root.iterdir()):
        if place.name.startswith(PREFIX):
            if (place / FLUSHED).exists():
                present.add(place.name)
            else:
                shutil.rmtree(place)
    return present


def _flush(place: Path) -> None:
    flush_file_system(place)
    (place / FLUSHED).touch()
