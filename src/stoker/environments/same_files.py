"""Whether a function has every file of a preloaded package itself, and nothing that would be imported instead.

Packages are named after what is in them and never change, so an answer stays true. Everything here reads files: it
belongs into a thread. What it reads is a customer's, so no link is followed and no more is read than was expected.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from stoker.runtimes.python.preload import PreloadFile, PreloadPackage


def found_at(
    packages: tuple[PreloadPackage, ...], task: Path, opt: Path | None, release: str
) -> tuple[str, tuple[PreloadPackage, ...]]:
    """Where a function of Python `release` ("3.12") has how many of `packages`: the place that has most of them.

    `task` is its package and `opt` its merged layers. The place is "" for none.
    """
    places = _places(task, opt, release)
    names = {place: _module_names(directory) for place, directory in places.items()}
    brings_libraries = any(map(_has_libraries, [task, task / "lib", *([] if opt is None else [opt / "lib"])]))
    best: tuple[str, tuple[PreloadPackage, ...]] = ("", ())
    for place, directory in places.items():
        found = tuple(
            package
            for package in packages
            if not (brings_libraries and _is_native(package))
            and _is_alone(package, place, names)
            and _has_all(directory, package)
        )
        if len(found) > len(best[1]):
            best = place, found
    return best


def _places(task: Path, opt: Path | None, release: str) -> dict[str, Path]:
    """Where Python looks for a function's modules before it looks anywhere else, as the function sees it and here."""
    places = {"/var/task": task}
    if opt is not None:
        for folder in (f"python/lib/python{release}/site-packages", "python"):
            places[f"/opt/{folder}"] = opt / folder
    return places


def _module_names(directory: Path) -> frozenset[str]:
    try:
        return frozenset(name.partition(".")[0] for name in os.listdir(directory))  # noqa: PTH208
    except OSError:
        return frozenset()


def _has_libraries(directory: Path) -> bool:
    """Whether the dynamic linker may find one here (LD_LIBRARY_PATH) before it finds a package's own."""
    try:
        return any(name.startswith("lib") and ".so" in name for name in os.listdir(directory))  # noqa: PTH208
    except OSError:
        return False


def _is_native(package: PreloadPackage) -> bool:
    return any(".so" in PurePosixPath(name).name for name in package.files)


def _is_alone(package: PreloadPackage, place: str, names: Mapping[str, frozenset[str]]) -> bool:
    """Whether the function brings no module of a name that the package looked for, but those of the package."""
    own = {name.partition("/")[0].partition(".")[0] for name in package.files}
    return all(
        not (brought & package.names) - (own if brought_at == place else set()) for brought_at, brought in names.items()
    )


def _has_all(directory: Path, package: PreloadPackage) -> bool:
    """The cheap questions first: nearly every function is told from another by the first of its files."""
    root = os.path.realpath(directory)
    try:
        if not all(_has_size(f"{root}/{name}", file) for name, file in package.files.items()):
            return False
        if any(os.path.realpath(f"{root}/{folder}") != f"{root}/{folder}" for folder in _folders(package.files)):
            return False
        if _is_shadowed(root, package):
            return False
        return all(_digest(f"{root}/{name}", file.size_bytes) == file.sha256 for name, file in package.files.items())
    except OSError:
        return False


def _folders(names: Iterable[str]) -> set[str]:
    return {folder for name in names if (folder := os.path.dirname(name))}  # noqa: PTH120


def _has_size(path: str, file: PreloadFile) -> bool:
    found = os.lstat(path)
    return stat.S_ISREG(found.st_mode) and found.st_size == file.size_bytes


def _is_shadowed(root: str, package: PreloadPackage) -> bool:
    """Whether a folder of the package has what Python would take instead of a file, or what was looked for in vain."""
    absent = {name.replace(".", "/") for name in package.absent if "." in name}
    for folder in ("", *(f"{name}/" for name in _folders(package.files))):
        for entry in os.listdir(f"{root}/{folder}"):  # noqa: PTH208
            path = f"{folder}{entry}"
            module = f"{folder}{entry.partition('.')[0]}"
            if module in absent:
                return True
            # Compiled modules come before sources, and packages before both.
            is_first = entry.endswith(".so") or os.path.exists(f"{root}/{path}/__init__.py")  # noqa: PTH110
            if is_first and path not in package.files and f"{module}.py" in package.files:
                return True
    return False


def _digest(path: str, size_bytes: int) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if os.fstat(descriptor).st_size != size_bytes:
            raise OSError(errno.EIO, "it has changed", path)
        return hashlib.file_digest(file, "sha256").hexdigest()
