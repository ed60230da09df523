"""Directories that hold one build of one thing, made completely or not at all.

A build's directory is named after the digest of its recipe and never changes once it is there, so a running node keeps
what its sandboxes have mounted while another version of Stoker makes its own build beside it. Nothing here removes an
old build: the whole runtimes directory is a cache and may be deleted while no node runs.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Raise it when the way builds are put together changes: every older build is then made again.
LAYOUT = 1

STAMP = "build.json"


def build_path(root: Path, recipe: Mapping[str, str]) -> Path:
    """Where the build of `recipe` lies under `root`, whether or not it has been made."""
    text = json.dumps({"layout": str(LAYOUT), **recipe}, sort_keys=True)
    return root / hashlib.sha256(text.encode()).hexdigest()[:12]


def is_built(path: Path) -> bool:
    return (path / STAMP).is_file()


def read_stamp(path: Path) -> dict[str, str]:
    """What `make_build` noted about a finished build."""
    stamp: dict[str, str] = json.loads((path / STAMP).read_text())
    return stamp


def make_build(path: Path, fill: Callable[[Path], Mapping[str, str]]) -> None:
    """Make the build at `path` unless it is there; `fill` fills an empty directory and returns what to note.

    Two processes that want the same build wait for each other; a build that fails leaves nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(path.with_name(f".{path.name}.lock")):
        if is_built(path):
            return
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            stamp = fill(staging)
            (staging / STAMP).write_text(json.dumps(stamp, indent=1, sort_keys=True))
            make_readable(staging)
            shutil.rmtree(path, ignore_errors=True)
            staging.rename(path)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_readable(directory: Path) -> None:
    """Let every user read `directory`: a sandbox's user is nobody in particular, and our umask may be strict."""
    directory.chmod(0o755)
    for folder, folders, files in os.walk(directory):
        for name in folders:
            _add_mode(Path(folder, name), 0o755)
        for name in files:
            _add_mode(Path(folder, name), 0o644)


def _add_mode(path: Path, mode: int) -> None:
    if not path.is_symlink():
        path.chmod(path.stat().st_mode | mode)
