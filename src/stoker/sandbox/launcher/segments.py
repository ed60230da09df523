"""The areas of memory that libraries are loaded to: fewer, since a fork copies an entry for each (decision 0068).

A library's file has five segments: its code, with one on either side that is only read, and two that are written. If
what is only read may be executed as well, the first three are one area. Linkers laid out files so until 2018 (binutils
2.31), and nothing that may be written is concerned.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator

_LOADED = 1
_READ, _READ_AND_EXECUTE = 4, 5
_LINK_MAP = 2  # dlinfo(3), RTLD_DI_LINKMAP


class _Library(ctypes.Structure):
    """dlinfo(3), struct link_map: one of a list."""


_Library._fields_ = [
    ("base", ctypes.c_uint64),
    ("name", ctypes.c_char_p),
    ("dynamic_section", ctypes.c_void_p),
    ("next", ctypes.POINTER(_Library)),
]


class _Header(ctypes.Structure):
    """elf(5), Elf64_Ehdr."""

    _fields_ = [
        ("identification", ctypes.c_char * 16),
        ("kind_to_entry", ctypes.c_uint8 * 16),
        ("segments_offset", ctypes.c_uint64),
        ("sections_to_size", ctypes.c_uint8 * 16),
        ("segments_count", ctypes.c_uint16),
    ]


class _Segment(ctypes.Structure):
    """elf(5), Elf64_Phdr."""

    _fields_ = [
        ("kind", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("address", ctypes.c_uint64),
        ("physical_address", ctypes.c_uint64),
        ("file_bytes", ctypes.c_uint64),
        ("memory_bytes", ctypes.c_uint64),
        ("align", ctypes.c_uint64),
    ]


def merge() -> None:
    """Of all libraries that are loaded. What cannot be merged stays as it is."""
    program = ctypes.CDLL(None)
    if not hasattr(program, "dlinfo") or ctypes.sizeof(ctypes.c_void_p) != 8:
        return
    program.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for base in _bases(program):
        areas = _areas(base)
        for one, other in zip(areas, areas[1:]):  # noqa: B905, RUF007 - Python 3.9
            (begin, end, flags), (other_begin, other_end, other_flags) = one, other
            if end == other_begin and {flags, other_flags} == {_READ, _READ_AND_EXECUTE}:
                program.mprotect(begin, other_end - begin, mmap.PROT_READ | mmap.PROT_EXEC)


def _bases(program: ctypes.CDLL) -> Iterator[int]:
    """Where libraries begin. Not by dl_iterate_phdr(3): for what it calls, ctypes makes memory that is writable and
    executable at once."""
    library = ctypes.POINTER(_Library)()
    if program.dlinfo(ctypes.c_void_p(program._handle), _LINK_MAP, ctypes.byref(library)) != 0:
        return
    while library:
        # 0 is a program that cannot be loaded elsewhere.
        if library.contents.base:
            yield library.contents.base
        library = library.contents.next


def _areas(base: int) -> list[tuple[int, int, int]]:
    """Where each segment of a library begins and ends in memory, and its flags, in this order."""
    header = _Header.from_address(base)
    if not header.identification.startswith(b"\x7fELF\x02\x01\x01"):
        return []
    segments = (_Segment * header.segments_count).from_address(base + header.segments_offset)
    page = mmap.PAGESIZE
    return [
        (
            (base + it.address) // page * page,
            -(-(base + it.address + it.file_bytes) // page) * page,
            it.flags,
        )
        for it in segments
        if it.kind == _LOADED
    ]
