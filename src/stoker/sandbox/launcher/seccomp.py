"""The system call filter of every sandbox, as a classic BPF program.

It takes away what reaches the kernel's less travelled parts or what a function has no business with; everything that is
left still meets an unprivileged identity without capabilities. Numbers newer than this list was written for answer
ENOSYS, to which C libraries have fallbacks, so that a future kernel's calls are refused until somebody looked at them.

Linux caches the answer for calls that the program always allows (seccomp bitmap, 5.11), so its length costs nothing
per call. Sources: seccomp(2), bpf(2), the kernel's unistd headers.
"""

from __future__ import annotations

import errno
import os
import struct
from functools import lru_cache

from . import syscalls as sc

# name: (x86_64, aarch64), None where the architecture has no such call.
DENIED = {
    "_sysctl": (156, None),
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "create_module": (174, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "get_kernel_syms": (177, None),
    "init_module": (175, 105),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "query_module": (178, None),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sysfs": (139, None),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "ustat": (136, None),
    "vhangup": (153, 58),
    "vmsplice": (278, 75),
}
# ENOSYS, so that the caller falls back: clone3 because a filter cannot read its flags, io_uring for its history.
ABSENT = {
    "clone3": (435, 435),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
}
CLONE = (56, 220)
UNSHARE = (272, 97)
SYSINFO = (99, 179)
SOCKET = (41, 198)
NEWEST_KNOWN = 450

_AUDIT_ARCH = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_CLONE_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_ADDRESS_FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (which getifaddrs(3) needs)

_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_SET, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT_0, _ARGUMENT_0_HIGH = 0, 4, 16, 20
_ALLOW, _KILL_PROCESS, _ERRNO, _NOTIFY, _TRACE = 0x7FFF0000, 0x80000000, 0x00050000, 0x7FC00000, 0x7FF00000


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(number: int, error: int) -> bytes:
    """Two instructions: answer `error` for this call, else go on."""
    return _instruction(_JUMP_EQUAL, number, 0, 1) + _instruction(_RETURN, _ERRNO | error)


def _traced(number: int, argument: int) -> bytes:
    """Let this very call pass while somebody traces the caller, who looks at it; ENOSYS otherwise. Else go on."""
    return (
        _instruction(_JUMP_EQUAL, number, 0, 6)
        + _instruction(_LOAD, _ARGUMENT_0)
        + _instruction(_JUMP_EQUAL, argument, 0, 3)
        + _instruction(_LOAD, _ARGUMENT_0_HIGH)
        + _instruction(_JUMP_EQUAL, 0, 0, 1)
        + _instruction(_RETURN, _TRACE)
        + _instruction(_LOAD, _NUMBER)
    )


def install(*, forks_apart: bool = False) -> int:
    """Install the filter for good. Answers with its listener, or -1 where the kernel has none (before Linux 5.0, or
    inside a container whose own filter has one already)."""
    try:
        return sc.install_seccomp(program(notifies=True, forks_apart=forks_apart), listens=True)
    except OSError:
        return sc.install_seccomp(program(notifies=False, forks_apart=forks_apart), listens=False)


def make_ahead() -> None:
    """For all sandboxes of a launcher, which have its memory: `install` finds what it asks for."""
    for forks_apart in (False, True):
        program(notifies=True, forks_apart=forks_apart)


@lru_cache(maxsize=4)
def program(*, notifies: bool, forks_apart: bool) -> bytes:
    """The filter for this machine's architecture.

    `notifies`: sysinfo(2) is answered by whoever has the listener. `forks_apart`: for a function of which there may be
    a snapshot (`snapshot.py`).
    """
    architecture, column = _AUDIT_ARCH[os.uname().machine]
    code = _instruction(_LOAD, _ARCHITECTURE)
    # Another architecture's calls (32-bit on x86-64) have other numbers: no filter of ours would mean anything.
    code += _instruction(_JUMP_EQUAL, architecture, 1, 0) + _instruction(_RETURN, _KILL_PROCESS)
    code += _instruction(_LOAD, _NUMBER)
    # Also catches the x32 calls of x86-64, whose numbers begin at 0x40000000.
    code += _instruction(_JUMP_GREATER, NEWEST_KNOWN, 0, 1) + _instruction(_RETURN, _ERRNO | errno.ENOSYS)
    if forks_apart:
        code += _traced(CLONE[column], sc.APART) + _traced(UNSHARE[column], sc.CLONE_NEWCGROUP)
    for table, error in ((DENIED, errno.EPERM), (ABSENT, errno.ENOSYS)):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                code += _refuse(number, error)
    if notifies:
        code += _instruction(_JUMP_EQUAL, SYSINFO[column], 0, 1) + _instruction(_RETURN, _NOTIFY)
    code += _instruction(_JUMP_EQUAL, CLONE[column], 0, 4)
    code += _instruction(_LOAD, _ARGUMENT_0)
    code += _instruction(_JUMP_SET, _CLONE_NAMESPACES, 0, 1) + _instruction(_RETURN, _ERRNO | errno.EPERM)
    code += _instruction(_RETURN, _ALLOW)
    code += _instruction(_JUMP_EQUAL, SOCKET[column], 0, 2 + len(_ADDRESS_FAMILIES))
    code += _instruction(_LOAD, _ARGUMENT_0)
    for index, family in enumerate(_ADDRESS_FAMILIES):
        code += _instruction(_JUMP_EQUAL, family, len(_ADDRESS_FAMILIES) - index, 0)
    code += _instruction(_RETURN, _ERRNO | errno.EAFNOSUPPORT)
    code += _instruction(_RETURN, _ALLOW)
    return code
