"""The packages of a node, by the digest of their zip: `<root>/<sha256>/package.zip` and, unpacked, `…/tree/`.

A package never changes, so functions, versions and environments share it. The zip is on disk before a package is
acknowledged; the tree can be made again from it, so it is flushed afterwards, and a tree that a power cut may have
caught unflushed is made anew at the next start.
"""

import asyncio
import contextlib
import hashlib
import logging
import secrets
import shutil
import sys
import zipfile
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from stoker.code.bytecode import compile_tree, has_bytecode
from stoker.code.durable import flush_directory, flush_file_system, write_file
from stoker.code.machine_code import machine_code_for_others
from stoker.code.records import CodePackage
from stoker.code.unzip import unzip
from stoker.errors import LambdaError
from stoker.runtimes.records import RuntimeBuild
from stoker.supervision import Background

log = logging.getLogger("stoker.code")
T = TypeVar("T")

UNPACKING_AT_ONCE = 2
FRESH_S = 600.0  # far longer than a deployment takes from its package to its record
TEMPORARY = ".temporary-"
ZIP, TREE = "package.zip", "tree"
FLUSHED = "flushed"  # a file that exists once the tree is known to be on disk
BYTECODE = "bytecode-"  # followed by the runtime's name; holds the runtime's version


class CodeStore:
    """To be used from the event loop's thread; files are touched in threads of its own."""

    def __init__(self, root: Path, background: Background, unzipped_bytes_max: int) -> None:
        self._root = root
        self._unzipped_bytes_max = unzipped_bytes_max
        self._background = background
        self._threads = ThreadPoolExecutor(UNPACKING_AT_ONCE, "stoker-code")
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._last_write: dict[str, object] = {}
        self._last_put_s: dict[str, float] = {}

    async def open(self) -> None:
        """Make the directory, sweep what a crash left behind, and unpack again what may not have reached the disk."""
        await self._run(self._recover)

    async def close(self) -> None:
        """Wait for the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    async def put(self, zip_bytes: bytes) -> CodePackage:
        """Check, unpack and keep a package; the same bytes are kept once.

        Raises InvalidParameterValueException with AWS's texts.
        """
        digest = await self._run(lambda: hashlib.sha256(zip_bytes).hexdigest())
        package = CodePackage(digest, len(zip_bytes))
        async with self._turn(digest):
            self._last_put_s[digest] = asyncio.get_running_loop().time()
            if not self.contains(package):
                await self._run(self._store, digest, zip_bytes)
                self._flush_later(digest)
        return package

    def contains(self, package: CodePackage) -> bool:
        return self.zip_file(package.sha256).exists()

    def keep_for_now(self, package: CodePackage) -> None:
        """Keep a package as if it had just been put: somebody is about to write down that it is in use."""
        self._last_put_s[package.sha256] = asyncio.get_running_loop().time()

    async def unzipped_bytes(self, package: CodePackage) -> int:
        """What the package's files add up to, as its archive says; `put` has checked that this is the truth."""
        return await self._run(_unzipped_bytes, self.zip_file(package.sha256))

    async def machine_code_for_others(self, package: CodePackage, architecture: str) -> str | None:
        """A file of the package that only runs on another kind of processor; None if there is none."""
        return await self._run(machine_code_for_others, self.tree(package), architecture)

    @property
    def root(self) -> Path:
        """The directory under which everything that sandboxes mount as code has to lie."""
        return self._root

    def tree(self, package: CodePackage) -> Path:
        """The unpacked package, to become /var/task."""
        return self._root / package.sha256 / TREE

    def zip_file(self, sha256: str) -> Path:
        """The bytes as they were uploaded."""
        return self._root / sha256 / ZIP

    async def compile_bytecode(self, package: CodePackage, build: RuntimeBuild) -> None:
        """Compile the package's Python files for `build`, once. Other languages have none; no code makes this fail."""
        marker = self._root / package.sha256 / f"{BYTECODE}{build.name}"
        if not has_bytecode(build):
            return
        async with self._turn(package.sha256):
            if _read_marker(marker) == build.version or not self.contains(package):
                return
            # Removed before the first new file: the journal keeps this order through a power cut.
            self._last_write[package.sha256] = None
            (marker.parent / FLUSHED).unlink(missing_ok=True)
            await compile_tree(self.tree(package), build)
            marker.write_text(build.version)
            self._flush_later(package.sha256)

    async def delete_unused(self, in_use: Collection[str]) -> int:
        """Delete the packages whose digest is not in `in_use`, and say how many.

        Those put a short while ago stay: their functions may not have been written down yet.
        """
        unused = [digest for digest in await self._run(self._packages) if digest not in in_use]
        deleted = 0
        for digest in unused:
            async with self._turn(digest):
                if not self._is_fresh(digest):
                    await self._run(self._delete, digest)
                    deleted += 1
        return deleted

    def _is_fresh(self, digest: str) -> bool:
        """Whether the package was put a short while ago; what is no longer fresh is forgotten."""
        put_s = self._last_put_s.get(digest)
        if put_s is None or asyncio.get_running_loop().time() - put_s > FRESH_S:
            self._last_put_s.pop(digest, None)
            return False
        return True

    def _turn(self, digest: str) -> asyncio.Lock:
        return self._turns.setdefault(digest, asyncio.Lock())

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def _flush_later(self, digest: str) -> None:
        self._last_write[digest] = object()
        self._background.start(self._flush(digest), f"flush of package {digest}")

    async def _flush(self, digest: str) -> None:
        write = self._last_write.get(digest)
        await asyncio.to_thread(flush_file_system, self._root)
        # Unless something was, or is being, written since we began; whoever does that flushes again.
        if write is not None and self._last_write.get(digest) is write:
            del self._last_write[digest]
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                (self._root / digest / FLUSHED).touch()

    # From here on: in threads.

    def _store(self, digest: str, zip_bytes: bytes) -> None:
        temporary = self._make_temporary()
        try:
            unzip(zip_bytes, temporary / TREE, self._unzipped_bytes_max)
            write_file(temporary / ZIP, zip_bytes)
            flush_directory(temporary)
            temporary.rename(self._root / digest)
            flush_directory(self._root)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _make_temporary(self) -> Path:
        temporary = self._root / f"{TEMPORARY}{secrets.token_hex(8)}"
        temporary.mkdir(mode=0o755)
        return temporary

    def _recover(self) -> None:
        self._root.mkdir(mode=0o755, parents=True, exist_ok=True)
        for place in list(self._root.iterdir()):
            if _is_temporary(place):
                shutil.rmtree(place)
            elif (place / ZIP).exists() and not (place / FLUSHED).exists():
                self._unpack_again(place)

    def _unpack_again(self, place: Path) -> None:
        zip_bytes = (place / ZIP).read_bytes()
        temporary = self._make_temporary()
        try:
            if hashlib.sha256(zip_bytes).hexdigest() != place.name:
                raise OSError(f"{place / ZIP} is damaged")
            # It was small enough when it came, whatever the limit is now.
            unzip(zip_bytes, temporary / TREE, sys.maxsize)
        except (LambdaError, OSError) as error:
            log.error("package %s cannot be unpacked again: %s", place.name, error)
        else:
            for marker in place.glob(f"{BYTECODE}*"):
                marker.unlink()
            if (place / TREE).exists():
                (place / TREE).rename(temporary / "old")
            (temporary / TREE).rename(place / TREE)
            flush_file_system(self._root)
            (place / FLUSHED).touch()
        finally:
            shutil.rmtree(temporary)

    def _packages(self) -> list[str]:
        return [place.name for place in self._root.iterdir() if (place / ZIP).exists() and not _is_temporary(place)]

    def _delete(self, digest: str) -> None:
        # Renamed first, so that a package is either whole or gone.
        temporary = self._make_temporary()
        (self._root / digest).rename(temporary / digest)
        shutil.rmtree(temporary)


def _unzipped_bytes(zip_file: Path) -> int:
    with zipfile.ZipFile(zip_file, metadata_encoding="utf-8") as archive:
        return sum(info.file_size for info in archive.infolist())


def _is_temporary(place: Path) -> bool:
    return place.name.startswith(TEMPORARY)


def _read_marker(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
