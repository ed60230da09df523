"""The arguments and variables of a process, where the kernel put them when it started: at the bottom of its stack.

There an interpreter that was started ahead gets those of its function (`ahead.py`). It finds them as it would have from
the start, and so does whoever reads /proc/PID/cmdline or environ, since no byte of them lies elsewhere: what an
interpreter copies when it starts must have been looked at before (`environments/variables.py`, `may_start_ahead`).

Sources: execve(2), proc(5) (/proc/pid/stat, /proc/pid/mem), fs/binfmt_elf.c of Linux (create_elf_tables).
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence

# Room for the variables of a function (4 KB by Lambda's quota) and the platform's.
_PLACEHOLDERS, _PLACEHOLDER_BYTES = 160, 64
_WORD_BYTES = struct.calcsize("P")
# In /proc/PID/stat, counted from behind the name, which may contain anything: the 3rd field is the first one.
_STACK, _ARGUMENTS = 28 - 3, slice(48 - 3, 52 - 3)


def with_room(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` and as much more as the variables of a function need."""
    names = (f"ROOM_{number:03}" for number in range(_PLACEHOLDERS))
    return {**environment, **{name: "_" * (_PLACEHOLDER_BYTES - len(name) - 2) for name in names}}


def open_memory(pid: int) -> int:
    """A descriptor of its memory, to be opened with whatever rights there are: some hosts let nobody else write to a
    process (Yama's ptrace_scope 2, and with 3 nobody at all). Raises OSError."""
    return os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)


def rewrite(pid: int, memory: int, argv: Sequence[str], environment: Mapping[str, str]) -> None:
    """Give `pid`, which does not look at them meanwhile, these instead of what it was started with.

    `memory` is what `open_memory` gave. Raises OSError or ValueError if the process has ended, ValueError if they do
    not fit or the process has changed its own. One that has moved them, as setenv(3) does for a new name, is not
    noticed: Node.js and JVMs do not (decision 0046).
    """
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
        fields = file.read().rpartition(b")")[2].split()
    stack, (arguments, arguments_end, variables, variables_end) = int(fields[_STACK]), map(int, fields[_ARGUMENTS])
    new_arguments, new_variables = _joined(argv), _joined(f"{name}={value}" for name, value in environment.items())
    count = int.from_bytes(os.pread(memory, _WORD_BYTES, stack), sys.byteorder)
    vector = stack + (1 + count + 1) * _WORD_BYTES
    starts = _starts(os.pread(memory, variables_end - variables, variables), variables)
    if os.pread(memory, (len(starts) + 1) * _WORD_BYTES, vector) != _vector(starts, len(starts)):
        raise ValueError("the process has changed its variables")
    if count != len(argv) or len(new_arguments) != arguments_end - arguments:
        raise ValueError("there is room for arguments of another length")
    if len(environment) > len(starts) or len(new_variables) > variables_end - variables:
        raise ValueError("there is not enough room for these variables")
    _write(memory, new_arguments, arguments)
    _write(memory, new_variables.ljust(variables_end - variables, b"\0"), variables)
    _write(memory, _vector(_starts(new_variables, variables), len(starts)), vector)


def _joined(strings: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(string) + b"\0" for string in strings)


def _starts(block: bytes, address: int) -> list[int]:
    """Where each string of `block` begins, which lies at `address`."""
    starts = []
    for string in block.split(b"\0")[:-1]:
        starts.append(address)
        address += len(string) + 1
    return starts


def _vector(starts: Sequence[int], count: int) -> bytes:
    """Pointers to them, and null pointers up to `count` and behind."""
    return struct.pack(f"{count + 1}P", *starts, *[0] * (count + 1 - len(starts)))


def _write(memory: int, data: bytes, address: int) -> None:
    if os.pwrite(memory, data, address) != len(data):
        raise OSError("the memory of a process could be written to in part only")
