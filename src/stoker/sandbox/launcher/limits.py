"""Resource limits as `ulimit -a` tells them on AWS (reference: runtime side, 4), as far as the host's own let them."""

from __future__ import annotations

import contextlib
import os
import resource

ENDLESS = resource.RLIM_INFINITY
_CORE_BYTES = 10 * 1024 * 1024 * 1024
_NICE_FIRST, _NICE_OTHERS = -20, 0


def set_common() -> None:
    """Those that are the same for all functions: the launcher's own, which every sandbox inherits."""
    _set(resource.RLIMIT_MEMLOCK, 65536, 65536)
    _set(resource.RLIMIT_STACK, 8 * 1024 * 1024, ENDLESS)
    # A core that would go to a program of the host's is none. Into a file goes what fits into /tmp.
    core_bytes = 0 if _pipes_cores() else _CORE_BYTES
    _set(resource.RLIMIT_CORE, core_bytes, core_bytes)
    for kind in (
        resource.RLIMIT_AS,
        resource.RLIMIT_CPU,
        resource.RLIMIT_DATA,
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_RSS,
    ):
        _set(kind, ENDLESS, ENDLESS)


def set_own(files_max: int, processes_max: int) -> None:
    """Those that are the function's."""
    _set(resource.RLIMIT_NOFILE, files_max, files_max)
    set_processes(processes_max)


def set_processes(most: int) -> None:
    _set(resource.RLIMIT_NPROC, most, most)


def set_processes_softly(most: int) -> int:
    """As many, for now; what it was."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (_at_most(most, hard), hard))
    return soft


def let_others_finish() -> None:
    """Whoever wakes a process of the sandbox goes on until it waits or its turn is over, instead of being interrupted
    at once (sched(7), SCHED_BATCH): it is the node that wakes them, thousands of times a second (decision 0063)."""
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def go_first() -> None:
    """Before everything else in the sandbox, as far as this process may: what is to end a thousand busy processes waits
    ten seconds for its turn as one of them. It counts within the sandbox's share of the processors (sched(7))."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE_FIRST)


def go_with_the_others() -> None:
    let_others_finish()
    if os.getpriority(os.PRIO_PROCESS, 0) < _NICE_OTHERS:
        os.setpriority(os.PRIO_PROCESS, 0, _NICE_OTHERS)


def _set(kind: int, soft: int, hard: int) -> None:
    present = resource.getrlimit(kind)[1]
    try:
        resource.setrlimit(kind, (soft, hard))
    except (OSError, ValueError):  # only root may raise what is allowed at most
        resource.setrlimit(kind, (_at_most(soft, present), _at_most(hard, present)))


def _at_most(value: int, most: int) -> int:
    if most == ENDLESS:
        return value
    return most if value == ENDLESS else min(value, most)


def _pipes_cores() -> bool:
    """core(5): whether they go to a program."""
    try:
        with open("/proc/sys/kernel/core_pattern") as file:  # noqa: PTH123
            return file.read(1) == "|"
    except OSError:
        return True
