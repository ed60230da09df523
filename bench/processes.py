"""Servers that the bench starts: what they and their children hold in memory, and that none of them is left."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

STOP_LIMIT_S = 10.0
KILL_LIMIT_S = 5.0


class Started:
    """One process in a session of its own, whose output goes to a file."""

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "it printed nothing"

    async def end(self) -> None:
        """Ask it to end, wait, and kill what is left of it and of its descendants. Does not wait on strangers."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        # A descriptor names a process for ever, while its number may be given to another one (pidfd_open(2)).
        descriptors = _descriptors(family(self.pid))
        try:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_LIMIT_S)
            for descriptor in descriptors:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            self._process.wait(KILL_LIMIT_S)
            for descriptor in descriptors:
                select.select([descriptor], [], [], KILL_LIMIT_S)  # readable when it has ended
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def _descriptors(pids: Iterable[int]) -> list[int]:
    descriptors = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptors.append(os.pidfd_open(pid))
    return descriptors


def family(pid: int) -> list[int]:
    """The process and all its descendants (proc(5))."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, ())
    return found


def family_memory_mb(pid: int) -> float:
    """What the process and its descendants hold, where a page that several share counts once (PSS of proc(5))."""
    total_kb = 0
    for each in family(pid):
        # It may have ended meanwhile.
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total_kb += int(line.split()[1])
    return total_kb / 1024
