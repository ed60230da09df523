"""An initialised function that is held before its restore, to be forked there (decision 0044).

This runs in the function's own process, with no more rights than the function: AWS's client has run its init and its
before-snapshot hooks and is about to ask for `restore/next`, which it will do in the forks alone. What keeps a process
from being forked is found here and told; then it goes on, as the one environment that it is.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from typing import Any

from . import copied, limits, reopened, shared_pages
from . import syscalls as sc
from .messages import close_all, receive
from .runtime import CHANNEL_DESCRIPTOR, TELEMETRY_DESCRIPTOR, Zygote

HELD = b"held"
REASON_BYTES_MAX = 400


def channel() -> tuple[list[int], list[int]]:
    """The function's end and the node's. What is sent first, once, is HELD, or why the function cannot be forked."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return [ours.detach()], [theirs.detach()]


def install(zygote: Zygote) -> None:
    """Let AWS's client, which `zygote` has imported, be held where it would be restored."""
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    restore_next = LambdaRuntimeClient.restore_next
    hooks = copied.Hooks()
    zygote.change_hooks(hooks.unless_silent)
    hold = _Hold(hooks)

    def held_restore_next(client: Any) -> None:
        hold()
        restore_next(client)

    LambdaRuntimeClient.restore_next = held_restore_next


class _Hold:
    """Called once; returns in the forks, or at once where there can be none."""

    def __init__(self, hooks: copied.Hooks) -> None:
        self._hooks = hooks
        self._is_over = False

    def __call__(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        with socket.socket(fileno=CHANNEL_DESCRIPTOR) as channel:
            sc.fork_in_vain()
            files = reopened.Files({0, 1, 2, TELEMETRY_DESCRIPTOR, CHANNEL_DESCRIPTOR})
            reason = _others() or files.reason
            try:
                channel.send(reason.encode(errors="replace")[:REASON_BYTES_MAX] or HELD)
            except OSError:  # nobody waits for a snapshot
                return
            if not reason:
                self._forked(channel, files)

    def _forked(self, channel: socket.socket, files: reopened.Files) -> None:
        """Returns in the forks' runtimes; and here if nobody wants any, since something else was said before."""
        # What exists now is shared by all forks: never let a collection touch (and so copy) it.
        gc.collect()
        shared_pages.fill()
        gc.freeze()
        snapshot = os.getpid()
        # Nor may anybody write the memory of a fork while that is made a sandbox.
        sc.prctl(sc.PR_SET_DUMPABLE, 0)
        self._hooks.are_silent = True
        order, descriptors = receive(channel)
        if order is None:
            sc.prctl(sc.PR_SET_DUMPABLE, 1)
            self._hooks.are_silent = False
            gc.unfreeze()
            return
        while order is not None:
            if _fork() == 0:
                channel.close()
                control, output = descriptors
                copied.First(order["name"], control, output, files, snapshot, self._hooks).run()
                return
            close_all(descriptors)
            order, descriptors = receive(channel)
        os._exit(0)


def _fork() -> int:
    """0 in the fork, -1 if it could not be. Somebody waits for it (`snapshot.py`), and makes it a sandbox."""
    # What this process may have becomes the bound of the new user namespace, for all forks together.
    most = limits.set_processes_softly(limits.ENDLESS)
    try:
        pid = sc.fork_apart()
    except OSError:
        pid = -1
    if pid == 0:
        limits.set_processes(most)
    else:
        limits.set_processes_softly(most)
    return pid


def _others() -> str:
    """What is alive beside this thread, or is shared with whatever is; "" if nothing."""
    threads = os.listdir("/proc/self/task")  # noqa: PTH208
    if len(threads) > 1:
        threading = sys.modules.get("threading")
        names = [thread.name for thread in threading.enumerate()[1:]] if threading is not None else []
        return f"{len(threads) - 1} threads are alive at the end of init ({', '.join(names) or 'none of Python'})"
    with open(f"/proc/self/task/{threads[0]}/children") as file:  # noqa: PTH123
        if file.read():
            return "a process that init started is there at its end"
    with open("/proc/self/maps") as file:  # noqa: PTH123
        for line in file:
            rights = line.split(" ", 2)[1]
            if rights[1] == "w" and rights[3] == "s":
                return "init made memory that is shared with whatever is forked"
    return ""
