"""The two processes of a fork: the first one of its sandbox, and the runtime, which goes on where it was held.

Both begin as copies of an initialised function, without its rights being more than that function's (`snapshot.py`).
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from . import reopened, reseeded
from . import syscalls as sc
from .messages import send
from .processes import Processes
from .runtime import TELEMETRY_DESCRIPTOR


class Hooks:
    """What is to be done around a fork, as the function and its libraries asked for with os.register_at_fork().

    That is for the runtime of a fork, which would otherwise get two of what such a hook begins: not for process 1.
    """

    def __init__(self) -> None:
        self.are_silent = False

    def unless_silent(self, hook: Callable[[], object]) -> Callable[[], object]:
        return lambda: None if self.are_silent else hook()


class _RuntimeBegins(BaseException):
    """Leads out of process 1's loop, in the process that becomes the runtime."""


class First(Processes):
    """Process 1 of a fork's sandbox: of the function's memory it uses this object, and what that needs."""

    def __init__(
        self, name: str, control: int, output: int, files: reopened.Files, snapshot: int, hooks: Hooks
    ) -> None:
        """`name` is the runtime's; `snapshot` is the process id of what was forked, in its own sandbox."""
        super().__init__(socket.socket(fileno=control), output)
        self._name = name
        self._files = files
        self._snapshot = snapshot
        self._hooks = hooks

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
            sc.prctl(sc.PR_SET_DUMPABLE, 1)  # or its files in /proc are not its own
            _set_first_to_die("0")
            sc.prctl(sc.PR_SET_DUMPABLE, 0)
            for descriptor in (1, 2, TELEMETRY_DESCRIPTOR):
                os.dup2(self._output, descriptor)
            self.serve({"name": self._name})
            os._exit(0)
        except _RuntimeBegins:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        except BaseException:
            os._exit(1)
        if collects:
            gc.enable()

    def _start(self, order: dict[str, Any], outputs: list[int]) -> None:
        """The runtime, once: a fork that was restored and has failed is not initialised again."""
        if self._names or order["name"] != self._name:
            return
        self._hooks.are_silent = False
        pid = os.fork()
        if pid == self._snapshot:
            # OpenSSL, for one, takes a process with the same number for the same process: it exits at once.
            os.waitpid(pid, 0)
            pid = os.fork()
        if pid == 0:
            if os.getpid() == self._snapshot:
                os._exit(0)
            self._become_runtime(order, self._output)
        self._names[pid] = self._name
        send(self._control, {"event": "ready", "steps": [], "is_snapshot": False})
        self._files.close_all_but(self._keep)

    def _become_runtime(self, order: dict[str, Any], output: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._control.detach()
        for descriptor in (*self._keep, output):
            os.close(descriptor)
        os.setsid()
        sc.prctl(sc.PR_SET_DUMPABLE, 1)
        _set_first_to_die("500")
        self._files.reopen()
        reseeded.reseed()
        raise _RuntimeBegins


def _set_first_to_die(score: str) -> None:
    """When memory runs out: the runtime before process 1, which stays to tell."""
    with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write(score)
