"""Runs the bench as a person would, and sees what it leaves behind."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PR_SET_CHILD_SUBREAPER = 36
END_LIMIT_S = 10.0


class BenchRun:
    """One run, in a directory for temporary files of its own."""

    def __init__(
        self, temporary: Path, *arguments: str, module: str = "bench.goals", cache: Path | None = None
    ) -> None:
        self.temporary = temporary
        environment = {**os.environ, "TMPDIR": str(temporary)}
        if cache is not None:
            environment["XDG_CACHE_HOME"] = str(cache)
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def wait(self, timeout_s: float) -> tuple[int, str, str]:
        output, errors = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, output, errors


@pytest.fixture
def orphans() -> Iterator["Orphans"]:
    """What a process leaves behind when it ends becomes a child of this one (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield Orphans()
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class Orphans:
    def __init__(self) -> None:
        self._before = _living_children()

    def left(self) -> dict[int, str]:
        """Command lines of those that still live; what is just ending gets a moment."""
        deadline_s = time.monotonic() + END_LIMIT_S
        while (left := _living_children().items() - self._before.items()) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        return dict(left)


def _living_children() -> dict[int, str]:
    children = {}
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z":
                    children[int(pid)] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
    return children
