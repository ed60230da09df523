"""What a launcher does last before it is forked, so that its forks write to few of the pages that they share with it.

A page that a fork writes to is copied: 3 microseconds and 4 KB (decision 0054). Two things write where nothing was to
be changed: reference counts, and allocations, which fill the holes between the launcher's own objects, a page each.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import itertools
import sys
import types
from collections.abc import Iterator

from . import segments

# The interpreter's allocator serves each of these sizes from pools, which begin with a header (Objects/obmalloc.c).
_SMALL_BYTES = range(16, 513, 16)
_POOL_BYTES = 16384 if sys.version_info >= (3, 10) else 4096
_POOL_HEADER_BYTES = 48
# So many neighbours from a pool's first place on: that pool was empty.
_NEIGHBOURS = 4
# The C library's sizes: whatever hole there is, pieces of these fill it. Larger ones have pages of their own
# (mallopt(3), M_MMAP_THRESHOLD).
_LARGE_BYTES = (65536, 16384, 4096, 2048, *range(1032, 16, -16))
# Bounds both loops.
_MOST = 50_000

# PEP 683: what reference counts look like that nobody changes (Include/refcount.h, object.h before 3.14).
_IMMORTAL = 3 << 30 if sys.version_info >= (3, 14) else 0xFFFFFFFF
_IMMORTAL_FROM = 1 << 31

# Without its lock an interpreter counts references and allocates in other ways.
_HAS_LOCK = "t" not in sys.abiflags

# Two of the interpreter's domains of memory (Include/cpython/pymem.h, PyMemAllocatorDomain).
_RAW, _OBJECTS = 0, 2

_fillings: list[object] = []


def settle() -> None:
    """What exists now is here to stay, for an interpreter that runs nothing of a function's: nothing ends again."""
    segments.merge()
    gc.collect()
    if sys.version_info >= (3, 12) and _HAS_LOCK:
        _make_immortal()
    fill()
    gc.freeze()


def fill() -> None:
    """Let what is allocated from now on lie beside what exists, not within it."""
    if _HAS_LOCK:
        _fill_pools()
    _fill_heap()


class _Allocator(ctypes.Structure):
    """PyMemAllocatorEx, of Python's C API: what serves one of its three domains."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")]


@contextlib.contextmanager
def one_place() -> Iterator[None]:
    """Objects that are made meanwhile lie side by side, whatever their sizes: they come from the C library's heap.

    The interpreter's own allocator knows what is not its own when it frees it (Objects/obmalloc.c, address_in_range).
    """
    api = ctypes.pythonapi
    raw, objects = _Allocator(), _Allocator()
    api.PyMem_GetAllocator(_RAW, ctypes.byref(raw))
    api.PyMem_GetAllocator(_OBJECTS, ctypes.byref(objects))
    mixed = _Allocator(objects.context, raw.malloc, raw.calloc, objects.realloc, objects.free)
    api.PyMem_SetAllocator(_OBJECTS, ctypes.byref(mixed))
    try:
        yield
    finally:
        api.PyMem_SetAllocator(_OBJECTS, ctypes.byref(objects))


def _fill_pools() -> None:
    for size in _SMALL_BYTES:
        neighbours, last = 0, 0
        for _ in range(_MOST):
            filling = _object_of(size)
            _fillings.append(filling)
            place = id(filling)
            if place % _POOL_BYTES == _POOL_HEADER_BYTES:
                neighbours = 1
            else:
                neighbours = neighbours + 1 if neighbours and place == last + size else 0
            if neighbours == _NEIGHBOURS:
                break
            last = place


def _object_of(size: int) -> object:
    if size == 16:
        return object()
    if size == 32:
        return float("1.5")
    return bytes(size - b"".__sizeof__())


def _fill_heap() -> None:
    """The C library's; only glibc's is known."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return
    for function, argument, result in (
        (libc.malloc, ctypes.c_size_t, ctypes.c_void_p),
        (libc.free, ctypes.c_void_p, None),
        (libc.sbrk, ctypes.c_ssize_t, ctypes.c_void_p),
    ):
        function.argtypes, function.restype = [argument], result
    end = libc.sbrk(0)
    for size in _LARGE_BYTES:
        for _ in range(_MOST):
            place = libc.malloc(size)
            if place is None or place + size >= end:  # there is no such hole any more
                libc.free(place)
                break


def _make_immortal() -> None:
    """Everything that can be reached, from now on: counting references to it changes nothing, and it is never freed."""
    # One word for every four bytes that this process can address.
    memory = (ctypes.c_uint32 * (1 << 45)).from_address(0)
    layer = gc.get_objects()
    while layer:
        fresh = []
        for it in layer:
            count = id(it) >> 2
            if memory[count] < _IMMORTAL_FROM:
                memory[count] = _IMMORTAL
                fresh.append(it)
        layer = gc.get_referents(*fresh)
        # A code object tells a collection nothing.
        layer += itertools.chain.from_iterable(
            (it.co_consts, it.co_names, it.co_filename, it.co_name, it.co_qualname)
            for it in fresh
            if type(it) is types.CodeType
        )
