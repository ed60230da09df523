"""A copy of the zygote that waits for a function inside the sandbox (decision 0048), as interpreters do (`ahead.py`).

It has looked at nothing that differs from function to function, so one copy does for every memory size.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from typing import Any

from . import runtime
from .ahead import Waiting, forked


class Copy(Waiting):
    """One of them, seen by process 1."""

    def is_for(self, order: dict[str, Any]) -> bool:
        return bool(order["fork"])

    def _told(self, order: dict[str, Any]) -> bytes:
        # Where process 1 runs was settled after the copy began to wait.
        os.sched_setaffinity(self.pid, os.sched_getaffinity(0))
        return json.dumps({name: order[name] for name in ("argv", "environment", "directory", "handler")}).encode()


def start(zygote: runtime.Zygote, output: int, become: Callable[[], None]) -> Waiting:
    """`become` takes the function's limits and identity. Raises OSError. Returns before the copy waits."""

    def go_on(channel: socket.socket) -> None:
        zygote.make_ready()
        channel.send(b"w")
        if message := b"".join(iter(lambda: channel.recv(65536), b"")):
            runtime.run({"fork": True, **json.loads(message)}, output, zygote)

    return Copy(*forked(become, go_on))
