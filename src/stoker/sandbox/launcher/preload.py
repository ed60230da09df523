"""Modules of packages that a zygote imports ahead, for functions that have the very same files (decision 0045).

While they are imported their files lie where the functions will have theirs, so that a module's `__file__`, its
`__path__` and its tracebacks are what the function's own import would give, and what it imports later comes from there.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from . import syscalls as sc

# The tree of files, for the zygote alone.
TREE = "/run/stoker/preload"


@contextlib.contextmanager
def shown(order: dict[str, Any], is_privileged: bool) -> Iterator[None]:
    """The files of `order` {"place", "cores"} at their place, and as many processors as the functions see.

    Nothing of it is left: the functions' own directories will be mounted there. Raises OSError.
    """
    place: str = order["place"]
    # Thread pools are made as large as there are processors.
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[: order["cores"]])
    mounted = ["/proc"]
    if is_privileged:
        sc.mount("proc", "/proc", "proc", sc.MS_NOSUID | sc.MS_NODEV | sc.MS_NOEXEC)
    else:
        sc.mount("/run/stoker/proc", "/proc", "", sc.MS_BIND | sc.MS_REC)
    if place.startswith("/opt/"):
        # As `sandbox/recipe.py` has it, for the dynamic linker.
        sc.mount("preload", "/opt", "tmpfs", sc.MS_NOSUID | sc.MS_NODEV, "mode=0755,size=1m")
        os.makedirs("/opt/lib")  # noqa: PTH103
        os.makedirs(place)  # noqa: PTH103
        mounted.append("/opt")
    sc.mount(TREE, place, "", sc.MS_BIND)
    mounted += [place, TREE]
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)
        for path in reversed(mounted):
            sc.umount_detached(path)
        os.sched_setaffinity(0, cores)
        importlib.invalidate_caches()


def load(modules: list[str]) -> None:
    """Import them, and leave no thread behind. Raises OSError naming the module: this process is then of no use."""
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise OSError(errno.ENOEXEC, f"preloading {name}: {type(error).__name__}: {error}") from error
        end_threads()
        try:
            # unshare(2): of a process with several threads it fails, else it does nothing.
            sc.unshare(sc.CLONE_THREAD)
        except OSError as error:
            raise OSError(error.errno, f"preloading {name}: it leaves a thread behind") from error


def end_threads() -> None:
    """A fork makes libraries that can do so end their threads (pthread_atfork(3)), as OpenBLAS does. They start them
    again when they need them."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def draw_anew() -> None:
    """In a forked process: what libraries drew from a random source is not to be the same in all of them."""
    random = sys.modules.get("numpy.random.mtrand")
    if random is not None:
        random.seed()
