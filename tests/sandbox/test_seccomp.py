"""The system call filter, run by a small interpreter of the kernel's filter language, call by call.

What it means for a function is tried for real in tests/security.
"""

import errno
import os
import struct
from itertools import product

import pytest

from stoker.sandbox.launcher import seccomp
from stoker.sandbox.launcher.syscalls import APART

ALLOW, KILL_PROCESS, ERRNO, TRACE = 0x7FFF0000, 0x80000000, 0x00050000, 0x7FF00000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = list(ARCHITECTURES).index(os.uname().machine)
# Calls that every program needs.
ORDINARY = {"read": (0, 63), "write": (1, 64), "mmap": (9, 222), "futex": (202, 98), "execve": (59, 221)}
INSTRUCTIONS_MAX = 4096  # BPF_MAXINSNS, linux/bpf_common.h
CLONE_NEW = {
    "time": 0x80,
    "mount": 0x20000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}


def instructions(*, forks_apart: bool = False) -> list[tuple[int, int, int, int]]:
    """(code, jump if true, jump if false, value)."""
    program = seccomp.program(notifies=False, forks_apart=forks_apart)
    assert len(program) % 8 == 0
    return list(struct.iter_unpack("=HBBI", program))


def verdict(
    number: int,
    argument: int = 0,
    architecture: int = ARCHITECTURES[os.uname().machine],
    *,
    forks_apart: bool = False,
) -> int:
    """What the kernel would do with the call. struct seccomp_data: number, architecture, pointer, six arguments."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, argument, 0, 0, 0, 0, 0)
    code, position, accumulator = instructions(forks_apart=forks_apart), 0, 0
    while True:
        operation, if_true, if_false, value = code[position]
        position += 1
        match operation:
            case 0x20:
                accumulator = struct.unpack_from("=I", data, value)[0]
            case 0x15:
                position += if_true if accumulator == value else if_false
            case 0x25:
                position += if_true if accumulator > value else if_false
            case 0x45:
                position += if_true if accumulator & value else if_false
            case 0x06:
                return value
            case _:
                raise AssertionError(f"unknown operation {operation:#x}")


def test_the_program_is_short_enough_and_every_jump_lands_in_it() -> None:
    code = instructions()
    assert len(code) <= INSTRUCTIONS_MAX
    for position, (operation, if_true, if_false, _) in enumerate(code):
        if operation & 0x07 == 0x05:
            assert position + 1 + max(if_true, if_false) < len(code)
    assert code[-1][0] == 0x06


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_calls_are_allowed(name: str) -> None:
    assert verdict(ORDINARY[name][COLUMN]) == ALLOW


@pytest.mark.parametrize(
    ("name", "error"),
    [*product(seccomp.DENIED, [errno.EPERM]), *product(seccomp.ABSENT, [errno.ENOSYS])],
)
def test_what_is_on_the_list_is_refused(name: str, error: int) -> None:
    number = {**seccomp.DENIED, **seccomp.ABSENT}[name][COLUMN]
    if number is not None:
        assert verdict(number) == ERRNO | error


@pytest.mark.parametrize("name", ["mount", "ptrace", "bpf", "keyctl", "unshare", "setns", "pivot_root", "kexec_load"])
def test_the_dangerous_ones_are_on_the_list(name: str) -> None:
    assert name in seccomp.DENIED


def test_calls_that_are_newer_than_the_list_do_not_exist() -> None:
    for number in (seccomp.NEWEST_KNOWN + 1, 1000, 0x40000000, 0x40000000 + 59, 0xFFFFFFFF):
        assert verdict(number) == ERRNO | errno.ENOSYS
    assert verdict(seccomp.NEWEST_KNOWN) == ALLOW


@pytest.mark.parametrize("architecture", [0x40000003, 0x40000028, 0, 0xFFFFFFFF])
def test_another_architectures_calls_end_the_process(architecture: int) -> None:
    for number in (0, 59, 165):
        assert verdict(number, architecture=architecture) == KILL_PROCESS


def test_a_thread_or_process_may_be_made_but_no_namespace() -> None:
    clone = seccomp.CLONE[COLUMN]
    thread, fork = 0x003D0F00, 0x01200011
    assert verdict(clone, thread) == verdict(clone, fork) == ALLOW
    for kind, flag in CLONE_NEW.items():
        # In clone(2) that bit is part of the signal's number; only clone3, which is absent, can make one (clone(2)).
        if kind != "time":
            assert verdict(clone, flag) == verdict(clone, flag | fork) == ERRNO | errno.EPERM, kind


def test_one_form_of_clone_and_of_unshare_is_a_tracers_where_an_initialised_function_may_be_forked() -> None:
    clone, unshare = seccomp.CLONE[COLUMN], seccomp.UNSHARE[COLUMN]
    cgroup = CLONE_NEW["cgroup"]
    for number, argument in ((clone, APART), (unshare, cgroup)):
        assert verdict(number, argument, forks_apart=True) == TRACE
        assert verdict(number, argument) == ERRNO | errno.EPERM
        for bit in range(64):
            other = verdict(number, argument ^ 1 << bit, forks_apart=True)
            assert other == ERRNO | errno.EPERM, (number, bit)
    for name in ORDINARY:
        assert verdict(ORDINARY[name][COLUMN], APART, forks_apart=True) == ALLOW
    for number in range(seccomp.NEWEST_KNOWN + 2):
        if number not in (clone, unshare):
            assert verdict(number, APART, forks_apart=True) == verdict(number, APART)


@pytest.mark.parametrize(("family", "expected"), [(1, ALLOW), (2, ALLOW), (10, ALLOW), (16, ALLOW)])
def test_ordinary_sockets_are_allowed(family: int, expected: int) -> None:
    assert verdict(seccomp.SOCKET[COLUMN], family) == expected


@pytest.mark.parametrize("family", [0, 3, 9, 17, 21, 29, 38, 40, 44, 45])
def test_all_other_address_families_are_unknown(family: int) -> None:
    assert verdict(seccomp.SOCKET[COLUMN], family) == ERRNO | errno.EAFNOSUPPORT
