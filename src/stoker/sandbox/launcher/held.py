"""An initialised function that is held before its restore, to be forked there (decision 0044).

This runs in the function's own process, with no more rights than the function: AWS's client has run its init and its
before-snapshot hooks and is about to ask for `restore/next`, which it will do in the forks alone. What keeps a process
from being forked is found here and told; then it goes on, as the one environment that it is.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
from typing import Any

from . import reopened, reseeded
from . import syscalls as sc
from .messages import close_all, receive, send
from .processes import Processes
from .runtime import CHANNEL_DESCRIPTOR, TELEMETRY_DESCRIPTOR

REASON_BYTES_MAX = 400


def channel() -> tuple[list[int], list[int]]:
    """The function's end and the node's. What is sent first, once, is why the function cannot be forked, or nothing."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return [ours.detach()], [theirs.detach()]


def install() -> None:
    """Let AWS's client, which this interpreter has imported, be held where it would be restored."""
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    restore_next = LambdaRuntimeClient.restore_next
    hold = _Hold()

    def held_restore_next(client: Any) -> None:
        hold()
        restore_next(client)

    LambdaRuntimeClient.restore_next = held_restore_next


class _Hold:
    """Called once; returns in the forks, or at once where there can be none."""

    def __init__(self) -> None:
        self._is_over = False

    def __call__(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        with socket.socket(fileno=CHANNEL_DESCRIPTOR) as channel:
            reason, files = _look()
            channel.send(b"!" + reason.encode(errors="replace")[:REASON_BYTES_MAX] if reason else b"held")
            if not reason:
                self._forked(channel, files)

    def _forked(self, channel: socket.socket, files: reopened.Files) -> None:
        """Returns in the forks' runtimes only."""
        snapshot = os.getpid()
        while True:
            order, descriptors = receive(channel)
            if order is None:
                os._exit(0)
            pid = -1
            with contextlib.suppress(OSError):
                pid = sc.fork_apart()
            if pid == 0:
                channel.close()
                control, output = descriptors
                _First(order, control, output, files, snapshot).run()
                return
            close_all(descriptors)


def _look() -> tuple[str, reopened.Files]:
    """Why this process cannot be forked, "" if it can; and what of its files a fork has to open for itself."""
    sc.fork_in_vain()
    files = reopened.Files({0, 1, 2, TELEMETRY_DESCRIPTOR, CHANNEL_DESCRIPTOR})
    return _others() or files.reason, files


def _others() -> str:
    threads = os.listdir("/proc/self/task")
    if len(threads) > 1:
        threading = sys.modules.get("threading")
        names = [thread.name for thread in threading.enumerate()[1:]] if threading is not None else []
        return f"{len(threads) - 1} threads are alive at the end of init ({', '.join(names) or 'not Python threads'})"
    with open(f"/proc/self/task/{threads[0]}/children") as file:
        children = file.read().split()
    if children:
        return "a process that init started is alive"
    with open("/proc/self/maps") as file:
        for line in file:
            rights = line.split(" ", 2)[1]
            if rights[1] == "w" and rights[3] == "s":
                return "init made memory that processes share, which its copies would share, too"
    return ""


class _Runtime(BaseException):
    """Leads out of process 1's loop, in the process that becomes the runtime."""


class _First(Processes):
    """Process 1 of a fork's sandbox: of the function's memory it uses this object, and what that needs."""

    def __init__(self, order: dict[str, Any], control: int, output: int, files: reopened.Files, snapshot: int) -> None:
        """`snapshot` is the process id of what was forked, in its sandbox."""
        self._order = order
        self._snapshot = snapshot
        self._files = files
        super().__init__(socket.socket(fileno=control), output)

    def run(self) -> None:
        """Returns in the runtime only."""
        # The function's own handlers, and what its garbage wants done, are for the runtime alone.
        handlers = {number: signal.getsignal(number) for number in range(1, signal.NSIG)}
        handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
        collects = gc.isenabled()
        gc.disable()
        try:
            for number in handlers:
                signal.signal(number, signal.SIG_DFL)
            _set_first_to_die("0")
            sc.prctl(sc.PR_SET_DUMPABLE, 0)
            for descriptor in (1, 2, TELEMETRY_DESCRIPTOR):
                os.dup2(self._output, descriptor)
            self.serve(self._order)
            os._exit(0)
        except _Runtime:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        except BaseException:
            import traceback; traceback.print_exc()  # DEBUG
            os._exit(1)
        if collects:
            gc.enable()

    def _start(self, order: dict[str, Any], outputs: list[int]) -> None:
        if order is not self._order:  # a fork is not started again
            return
        # OpenSSL, for one, takes a process of the same number for the same process.
        pid = self._snapshot
        while pid == self._snapshot:
            pid = os.fork()
            if pid == 0 and os.getpid() == self._snapshot:
                os._exit(0)
            if pid == 0:
                self._become_runtime(order, self._output)
            self._names[pid] = order["name"]
        self._names.pop(self._snapshot, None)
        send(self._control, {"event": "ready", "steps": [], "is_snapshot": False})
        self._files.close_all_but(self._keep)

    def _become_runtime(self, order: dict[str, Any], output: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (*self._keep, output):
            os.close(descriptor)
        self._control.detach()
        os.setsid()
        sc.prctl(sc.PR_SET_DUMPABLE, 1)
        _set_first_to_die("500")
        self._files.reopen()
        reseeded.reseed()
        raise _Runtime


def _set_first_to_die(score: str) -> None:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(score)
