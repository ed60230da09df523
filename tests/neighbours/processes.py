"""The embedded neighbours' processes, as the kernel lists them."""

import time
from contextlib import suppress
from pathlib import Path


def neighbours_of(node_pid: int) -> list[int]:
    """The ids of those whose parent is the node."""
    return [pid for pid in map(int, _children(node_pid)) if b"stoker.neighbours.process" in _command_line(pid)]


def wait_gone(pid: int, limit_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while _command_line(pid):
        assert time.monotonic() < deadline_s, f"process {pid} is still there"
        time.sleep(0.02)


def _children(pid: int) -> list[str]:
    children: list[str] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread may end between being listed and being read
            children += (task / "children").read_text().split()
    return children


def _command_line(pid: int) -> bytes:
    """Empty for a process that is gone, or dead and not yet waited for."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
