"""JSON messages with descriptors over a SOCK_SEQPACKET socket: how launcher and sandboxes speak with the node."""

from __future__ import annotations

import array
import json
import os
import socket
from typing import Any

MESSAGE_BYTES_MAX = 256 * 1024
DESCRIPTORS_MAX = 16


def close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def send(connection: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
    ancillary = []
    if descriptors:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    connection.sendmsg([json.dumps(message).encode()], ancillary)


def receive(connection: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and the descriptors that came with it; (None, []) when the other end is gone."""
    try:
        data, ancillary, flags, _ = connection.recvmsg(
            MESSAGE_BYTES_MAX, socket.CMSG_SPACE(DESCRIPTORS_MAX * 4), socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionResetError:
        return None, []
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content)
    if not data:
        close_all(list(descriptors))
        return None, []
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise ValueError("a message was cut off")
    return json.loads(data), list(descriptors)
