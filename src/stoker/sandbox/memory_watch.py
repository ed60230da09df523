"""Tells when a sandbox's processes use more memory than the function has (decision 0006).

A tmpfs counts as its user's memory, while on AWS /tmp is a disk. So the kernel's own limit is memory plus /tmp, and
this watch is rung when use passes the function's memory (v1: a usage threshold; v2: `memory.high`). It then looks how
much of it is neither /tmp nor cache, and either declares the memory exhausted or sets the next mark that much higher.
"""

import asyncio
import contextlib
import os
import select
from collections.abc import Callable, Mapping
from pathlib import Path

from stoker.sandbox.cgroup_files import CgroupFiles, put

# The next mark is at least this far away, so that a function at its limit cannot ring us for every page.
STEP_BYTES = 1024 * 1024


class MemoryAccount:
    """What of the memory that is charged to a sandbox's group is its function's: all but /tmp and cache."""

    overhead_bytes = 0
    """What a sandbox may take besides, beyond the function's limit."""
    idle_bytes = 0
    """What of that it takes in any case."""

    def begins_with(self, pid: int) -> None:
        """The sandbox's first process is `pid`."""

    def used_bytes(self, charged: int, stat: Mapping[str, int]) -> int:
        """`stat` is the group's memory.stat, of which version 1 calls the sums with what is below it `total_…`."""
        return max(charged - counted(stat, "cache", "file"), 0)


def counted(stat: Mapping[str, int], legacy: str, unified: str) -> int:
    """A member of either version's memory.stat."""
    return stat.get(f"total_{legacy}", stat.get(unified, 0))


class LegacyMemoryWatch:
    """Version 1. Source: the kernel's cgroup-v1/memory.rst, "Memory thresholds".

    Setting a threshold waits for all processors to pass a quiet point (5 to 15 ms), so it happens in a thread. What is
    used meanwhile is seen by a second look once the threshold stands.
    """

    def __init__(
        self, group: Path, account: MemoryAccount, memory_bytes: int, on_exhausted: Callable[[], None]
    ) -> None:
        self._account = account
        self._memory_bytes = memory_bytes
        self._on_exhausted = on_exhausted
        self._loop = asyncio.get_running_loop()
        self._files = CgroupFiles()
        self._usage = group / "memory.usage_in_bytes"
        self._stat = group / "memory.stat"
        self._control = group / "cgroup.event_control"
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._loop.add_reader(self._event, self._ring)
        self._is_setting = False
        self._is_closed = False
        self._set()

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._event)
        if not self._is_setting:
            self._set()

    def _set(self) -> None:
        self._is_setting = True
        self._loop.run_in_executor(None, self._threshold_set).add_done_callback(self._was_set)

    def _threshold_set(self) -> bool:
        """Whether there is memory left; if so, a threshold stands where that would no longer be certain."""
        while True:
            used, room = self._look()
            if room <= 0:
                return False
            mark = used + max(room, STEP_BYTES)
            descriptor = self._files.descriptor(self._usage, os.O_RDONLY)
            put(self._control, f"{self._event} {descriptor} {mark}")
            if self._look()[0] < mark:
                return True

    def _look(self) -> tuple[int, int]:
        """Bytes in use, and how many more the processes may take if all of them are theirs."""
        used = self._files.read_number(self._usage)
        return used, self._memory_bytes - self._account.used_bytes(used, self._files.read_numbers(self._stat))

    def _was_set(self, result: asyncio.Future[bool]) -> None:
        self._is_setting = False
        # An OSError says that the group is gone: there is nothing left to watch.
        is_exhausted = not result.cancelled() and result.exception() is None and not result.result()
        if self._is_closed:
            self._release()
        elif is_exhausted:
            self._on_exhausted()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._event)
            if not self._is_setting:
                self._release()

    def _release(self) -> None:
        os.close(self._event)
        self._files.close()


class UnifiedMemoryWatch:
    """Version 2. Source: the kernel's cgroup-v2.rst, `memory.high` and `memory.events` (changes wake a poll).

    It begins with the first `look`, which may call `on_exhausted` at once.
    """

    def __init__(
        self,
        group: Path,
        files: CgroupFiles,
        account: MemoryAccount,
        memory_bytes: int,
        on_exhausted: Callable[[], None],
    ) -> None:
        self._group = group
        self._files = files
        self._account = account
        self._memory_bytes = memory_bytes
        self._on_exhausted = on_exhausted
        self._poll = select.epoll()
        self._poll.register(files.descriptor(group / "memory.events", os.O_RDONLY), select.EPOLLPRI)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._poll.fileno(), self._ring)

    def _ring(self) -> None:
        self._poll.poll(0)
        self._files.read(self._group / "memory.events")
        self.look()

    def look(self) -> None:
        """Declare the memory exhausted, or set the next mark. Raises OSError."""
        used = self._files.read_number(self._group / "memory.current")
        stat = self._files.read_numbers(self._group / "memory.stat")
        room = self._memory_bytes - self._account.used_bytes(used, stat)
        if room <= 0:
            self._on_exhausted()
        else:
            self._files.write(self._group / "memory.high", str(used + max(room, STEP_BYTES)))

    def close(self) -> None:
        self._loop.remove_reader(self._poll.fileno())
        self._poll.close()
