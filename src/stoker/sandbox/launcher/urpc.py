"""How gVisor's sentry is told to start, signal and await processes: calls in JSON over its control socket.

`runsc exec` makes the same calls, but takes a process of 30 MB for as long as the function's process lives, and tells
an exit with status 137 and a death by signal 9 alike. Source: gVisor's pkg/urpc and runsc/boot/controller.go.
"""

from __future__ import annotations

import array
import json
import socket
from typing import Any

CALL_LIMIT_S = 10.0
ANSWER_BYTES_MAX = 65536


class CallError(Exception):
    """The sentry refused, or does not answer."""


def begin(path: str, method: str, argument: dict[str, Any], descriptors: list[int] | None = None) -> socket.socket:
    """Make a call; `answer` takes its result from the connection. Raises CallError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CALL_LIMIT_S)
    ancillary = []
    if descriptors:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    data = json.dumps({"method": f"containerManager.{method}", "arg": argument}).encode()
    try:
        connection.connect(path)
        sent = connection.sendmsg([data], ancillary)
        connection.sendall(data[sent:])
    except OSError as error:
        connection.close()
        raise CallError(f"{method}: {error}") from error
    return connection


def answer(connection: socket.socket) -> Any:
    """The result of a call, for which this waits. Raises CallError."""
    data = b""
    while len(data) < ANSWER_BYTES_MAX:
        try:
            received = connection.recv(4096)
        except OSError as error:
            raise CallError(str(error)) from error
        if not received:
            raise CallError("the sentry has ended")
        data += received
        try:
            result = json.loads(data)
        except ValueError:  # there is more to come
            continue
        if not isinstance(result, dict) or not result.get("success"):
            raise CallError(str(result.get("err") if isinstance(result, dict) else result))
        return result.get("result")
    raise CallError("the answer is too long")


def call(path: str, method: str, argument: dict[str, Any], descriptors: list[int] | None = None) -> Any:
    """Raises CallError."""
    with begin(path, method, argument, descriptors) as connection:
        return answer(connection)
