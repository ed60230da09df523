"""The control groups of a node's sandboxes, as a test finds them on the host."""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

BASE = Path("/sys/fs/cgroup")
EMPTY_WITHIN_S = 10.0


def groups_of(data: Path) -> Iterator[tuple[Path, list[str]]]:
    """The groups named after the node of `data`, and the names of what lies in each: its sandboxes."""
    name = f"stoker-{hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]}"
    # os.walk and not rglob: groups come and go meanwhile, and it passes over what is gone.
    for root in _hierarchies():
        for folder, groups, _ in os.walk(root):
            if folder.endswith(f"/{name}"):
                yield Path(folder), groups


def remove_groups_of(data: Path) -> None:
    """What a killed node leaves to the next one, when there will be none. Its processes die with it."""
    deadline_s = time.monotonic() + EMPTY_WITHIN_S
    while left := [folder for folder, _ in groups_of(data)]:
        for folder in left:
            for inner, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):
                    Path(inner).rmdir()
        if time.monotonic() > deadline_s:
            raise AssertionError(f"the control groups of a killed node are still in use: {left}")
        time.sleep(0.01)


def _hierarchies() -> list[Path]:
    return [BASE] if (BASE / "cgroup.controllers").exists() else [path for path in BASE.glob("*") if path.is_dir()]
