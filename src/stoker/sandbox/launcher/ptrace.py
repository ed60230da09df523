"""ptrace(2) for 64-bit x86, as far as `snapshot.py` needs it; each call raises OSError with its name."""

from __future__ import annotations

import ctypes
import os
import signal
import struct

TRACE_SYSGOOD = 0x01
TRACE_FORK = 0x02
TRACE_SECCOMP = 0x80
EXIT_KILL = 0x100000
EVENT_FORK, EVENT_SECCOMP, EVENT_STOP = 1, 7, 128
# Not an event of the kernel's: a system call begins or ends (PTRACE_O_TRACESYSGOOD).
CALL = -1

_PEEKDATA, _POKEDATA, _CONT, _GETREGS, _SETREGS, _DETACH, _SYSCALL = 2, 5, 7, 12, 13, 17, 24
_SETOPTIONS, _GETEVENTMSG, _SEIZE, _GET_RSEQ = 0x4200, 0x4201, 0x4206, 0x420F
_NUMBER = 101  # of ptrace(2) itself
_WALL = 0x40000000
# struct user_regs_struct: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp …
_REGISTERS = 27
_R10, _R9, _R8, _RAX, _RDX, _RSI, _RDI, _RIP, _RSP = 7, 8, 9, 10, 12, 13, 14, 16, 19
_ARGUMENTS = (_RDI, _RSI, _RDX, _R10, _R8, _R9)
_INSTRUCTION = b"\x0f\x05"  # syscall
_SYSCALL_BYTES = len(_INSTRUCTION)
_RSEQ_CS = 8  # where in struct rseq a sequence is named, 0 for none
# Below what a function may use without moving its stack pointer (the ABI's red zone is 128 bytes).
_SCRATCH_BYTES = 512
_STOPS_MAX = 16

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long


class UnexpectedError(OSError):
    """The process did something else than what it was let go for."""


def seize(pid: int, options: int) -> None:
    """Trace a process, which goes on undisturbed."""
    _ptrace("seize", _SEIZE, pid, 0, options)


def set_options(pid: int, options: int) -> None:
    _ptrace("set options", _SETOPTIONS, pid, 0, options)


def go_on(pid: int, *, to_call: bool = False) -> None:
    """Until an event; with `to_call` also until a system call begins or ends."""
    _ptrace("go on", _SYSCALL if to_call else _CONT, pid, 0, 0)


def detach(pid: int) -> None:
    """Let a stopped process go on by itself."""
    _ptrace("detach", _DETACH, pid, 0, 0)


def new_child(pid: int) -> int:
    """The child of a process that is stopped at EVENT_FORK."""
    message = ctypes.c_ulong(0)
    _ptrace("event", _GETEVENTMSG, pid, 0, ctypes.addressof(message))
    return message.value


def wait(pid: int, *, passes_signals: bool = True) -> int:
    """The next event at which it stops, or CALL. Raises UnexpectedError if it ends.

    Signals reach it on the way, where its handlers may run; otherwise they are unexpected.
    """
    for _ in range(_STOPS_MAX):
        _, status = os.waitpid(pid, _WALL)
        if not os.WIFSTOPPED(status):
            raise UnexpectedError(0, "the process ended")
        event, number = status >> 16, os.WSTOPSIG(status)
        if event:
            return event
        if number == signal.SIGTRAP | 0x80:
            return CALL
        if not passes_signals:
            raise UnexpectedError(0, f"the process got signal {number}")
        _ptrace("go on", _CONT, pid, 0, number)
    raise UnexpectedError(0, "the process got too many signals")


def result(pid: int) -> int:
    """Of the system call that it has just ended."""
    return _signed(_registers(pid)[_RAX])


def own_code(pid: int) -> None:
    """See to it that `call` executes one instruction of ours, and nothing that somebody else put there.

    The process is stopped just after a system call, and nobody may write its memory through /proc; but its code may be
    memory that others share, or a file that they write, and the kernel itself leads a thread elsewhere from within a
    restartable sequence (rseq(2)). What lies in a private mapping is the process's own once it has been written.
    """
    address = _registers(pid)[_RIP] - _SYSCALL_BYTES
    aligned = address & ~7
    areas = _private_areas(pid)
    for word in (aligned, aligned + 8):
        _require_private(word, areas)
        _ptrace("write", _POKEDATA, pid, word, _read(pid, word))
    whole = bytearray(struct.pack("=2Q", _read(pid, aligned), _read(pid, aligned + 8)))
    whole[address - aligned : address - aligned + _SYSCALL_BYTES] = _INSTRUCTION
    _write(pid, aligned, bytes(whole))
    configuration = (ctypes.c_ulong * 3)()
    _ptrace("rseq", _GET_RSEQ, pid, ctypes.sizeof(configuration), ctypes.addressof(configuration))
    if configuration[0]:
        _require_private(configuration[0] + _RSEQ_CS, areas)
        _ptrace("write", _POKEDATA, pid, configuration[0] + _RSEQ_CS, 0)


def _private_areas(pid: int) -> list[tuple[int, int]]:
    areas = []
    with open(f"/proc/{pid}/maps") as file:  # noqa: PTH123
        for line in file:
            area, rights, _ = line.split(" ", 2)
            if rights[3] == "p":
                begin, _, end = area.partition("-")
                areas.append((int(begin, 16), int(end, 16)))
    return areas


def _require_private(address: int, areas: list[tuple[int, int]]) -> None:
    if not any(begin <= address and address + 8 <= end for begin, end in areas):
        raise UnexpectedError(0, "the process's memory is not its own")


def _read(pid: int, address: int) -> int:
    # The system call's own way, not the C library's, which returns the word: it is put where `data` points.
    word = ctypes.c_ulong(0)
    number = ctypes.c_long(_NUMBER)
    arguments = (ctypes.c_long(_PEEKDATA), ctypes.c_long(pid), ctypes.c_ulong(address), ctypes.byref(word))
    if _libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace read: {os.strerror(ctypes.get_errno())}")
    return word.value


def call(pid: int, number: int, *arguments: int | bytes) -> int:
    """Make a process that is stopped, just after a system call, make another one; its result. After `own_code`.

    Bytes are put below its stack, and their address is the argument. What it was about to do it does afterwards.
    """
    saved = _registers(pid)
    changed = list(saved)
    free = saved[_RSP] - _SCRATCH_BYTES & ~15
    for register, argument in zip(_ARGUMENTS, arguments):  # noqa: B905 - Python 3.9
        if isinstance(argument, bytes):
            _write(pid, free, argument)
            changed[register] = free
            free += len(argument)
        else:
            changed[register] = argument
    changed[_RAX], changed[_RIP] = number, saved[_RIP] - _SYSCALL_BYTES
    _set_registers(pid, changed)
    seen = 0
    while seen < 2:
        go_on(pid, to_call=True)
        event = wait(pid, passes_signals=False)
        if event == CALL:
            seen += 1
        elif event != EVENT_SECCOMP:
            raise UnexpectedError(0, "the process stopped elsewhere")
    value = result(pid)
    _set_registers(pid, saved)
    return value


def _write(pid: int, address: int, data: bytes) -> None:
    for offset in range(0, len(data), 8):
        (word,) = struct.unpack_from("=Q", data, offset)
        _ptrace("write", _POKEDATA, pid, address + offset, word)


def _registers(pid: int) -> list[int]:
    area = (ctypes.c_ulong * _REGISTERS)()
    _ptrace("get registers", _GETREGS, pid, 0, ctypes.addressof(area))
    return list(area)


def _set_registers(pid: int, values: list[int]) -> None:
    area = (ctypes.c_ulong * _REGISTERS)(*values)
    _ptrace("set registers", _SETREGS, pid, 0, ctypes.addressof(area))


def _ptrace(name: str, request: int, pid: int, address: int, data: int) -> None:
    if _libc.ptrace(ctypes.c_long(request), ctypes.c_int(pid), ctypes.c_ulong(address), ctypes.c_ulong(data)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {name}: {os.strerror(number)}")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
