"""A program that sleeps for ever, as bytes: process 1 of what gVisor calls a container.

It must run in any image, so it needs nothing, not even a C library; it lets the kernel reap what is orphaned.
Sources: elf(5), rt_sigaction(2), pause(2), ppoll(2).
"""

from __future__ import annotations

import os
import struct

_BASE = 0x400000
_HEADERS_BYTES = 64 + 56
_SIG_IGN = struct.pack("<4Q", 1, 0, 0, 0)  # struct sigaction: handler, flags, restorer, mask
_X86_64 = (
    62,
    (
        b"\xb8\x0d\x00\x00\x00"  # mov eax, 13        rt_sigaction(
        b"\xbf\x11\x00\x00\x00"  # mov edi, 17          SIGCHLD,
        b"\x48\x8d\x35\x17\x00\x00\x00"  # lea rsi, [rip+23]    the bytes after this code,
        b"\x31\xd2"  # xor edx, edx         NULL,
        b"\x41\xba\x08\x00\x00\x00"  # mov r10d, 8          8)
        b"\x0f\x05"  # syscall
        b"\xb8\x22\x00\x00\x00"  # mov eax, 34        pause()
        b"\x0f\x05"  # syscall
        b"\xeb\xf7"  # jmp -9
        b"\x90\x90\x90\x90"  # nop, to a multiple of eight
    ),
)
_AARCH64 = (
    183,
    struct.pack(
        "<14I",
        0xD2800220,  # mov x0, #17        rt_sigaction(SIGCHLD,
        0x100001A1,  # adr x1, .+52         the bytes after this code,
        0xD2800002,  # mov x2, #0           NULL,
        0xD2800103,  # mov x3, #8           8)
        0xD28010C8,  # mov x8, #134
        0xD4000001,  # svc #0
        0xD2800000,  # mov x0, #0         ppoll(NULL,
        0xD2800001,  # mov x1, #0           0,
        0xD2800002,  # mov x2, #0           NULL,
        0xD2800003,  # mov x3, #0           NULL)
        0xD2800928,  # mov x8, #73
        0xD4000001,  # svc #0
        0x17FFFFFA,  # b -24
        0xD503201F,  # nop, to a multiple of eight
    ),
)


def program() -> bytes:
    """The executable file for this machine's architecture."""
    machine, code = {"x86_64": _X86_64, "aarch64": _AARCH64}[os.uname().machine]
    code += _SIG_IGN
    size = _HEADERS_BYTES + len(code)
    entry = _BASE + _HEADERS_BYTES
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<16sHHIQQQIHHHHHH", identity, 2, machine, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    readable_and_executable = 5
    segment = struct.pack("<IIQQQQQQ", 1, readable_and_executable, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + code
