"""Answers sysinfo(2) for everybody in a sandbox: C libraries and JVMs ask it how much memory there is.

The filter (`seccomp.py`) makes that one call wait for the sandbox's first process, which writes its answer into the
caller's memory, as powerless as the caller itself: of the same user, without capabilities. Whom it may not write to
gets the kernel's own answer. Source: seccomp_unotify(2).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time

_RECEIVE, _SEND, _IS_VALID = 0xC0502100, 0xC0182101, 0x80082102
_CONTINUE = 1  # the kernel answers after all
_ADDRESS_AT = 32  # of the first argument in struct seccomp_notif
# struct sysinfo of 64 bits: uptime, loads[3]; total, free, shared, buffer, total swap, free swap; processes; total
# high, free high; bytes in a unit.
_SYSINFO = struct.Struct("=4Q6QHHxxxx2QIxxxx")


class Sysinfo:
    """The sandbox's share of memory, all of it free, as in /proc/meminfo (`resources.py`)."""

    def __init__(self, listener: int, memory_bytes: int = 0) -> None:
        """`listener` is the filter's; it is kept for good. Without `memory_bytes` the kernel answers."""
        self.listener = listener
        self.memory_bytes = memory_bytes

    def answer(self) -> None:
        """One call that waits. Nothing that a caller does makes this raise or wait."""
        notification = bytearray(80)
        try:
            _ioctl(self.listener, _RECEIVE, notification)
        except OSError:  # the caller is gone
            return
        number, pid = struct.unpack_from("=QI", notification)
        (address,) = struct.unpack_from("=Q", notification, _ADDRESS_AT)
        flags = 0 if self.memory_bytes and self._write(number, pid, address) else _CONTINUE
        with contextlib.suppress(OSError):
            _ioctl(self.listener, _SEND, bytearray(struct.pack("=QqiI", number, 0, 0, flags)))

    def _write(self, number: int, pid: int, address: int) -> bool:
        uptime_s, memory_bytes = int(time.clock_gettime(time.CLOCK_BOOTTIME)), self.memory_bytes
        data = _SYSINFO.pack(uptime_s, 0, 0, 0, memory_bytes, memory_bytes, 0, 0, 0, 0, 1, 0, 0, 0, 1)
        try:
            memory = os.open(f"/proc/{pid}/mem", os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            # Still the same process, now that its memory is open.
            _ioctl(self.listener, _IS_VALID, bytearray(struct.pack("=Q", number)))
            return os.pwrite(memory, data, address) == len(data)
        except (OSError, OverflowError):
            return False
        finally:
            os.close(memory)


def _ioctl(descriptor: int, request: int, data: bytearray) -> None:
    while True:
        try:
            fcntl.ioctl(descriptor, request, data)
        except InterruptedError:
            continue
        return
