"""What the embedded neighbours ask of the node: to send to its queues, and to keep rules that have a schedule.

One connection, a call at a time: a length in four bytes, then JSON; bytes are told apart as `{"base64": …}`. Both sides
are here, so that they agree; the inner one uses the standard library alone.
"""

import base64
import json
import socket
import struct
import threading
from collections.abc import Mapping
from typing import Any, Protocol

_LENGTH = struct.Struct(">I")
FRAME_HEADER_BYTES = _LENGTH.size
_BINARY = "base64"


def framed(data: bytes) -> bytes:
    """`data` with its length before it."""
    return _LENGTH.pack(len(data)) + data


def frame_length(header: bytes) -> int:
    """How many bytes follow."""
    length: int = _LENGTH.unpack(header)[0]
    return length


def packed(value: Any) -> bytes:
    """A call or an answer."""
    return json.dumps(value, default=lambda data: {_BINARY: base64.b64encode(data).decode("ascii")}).encode()


def unpacked(data: bytes) -> Any:
    """What `packed` was given."""
    return json.loads(data, object_hook=_as_it_was)


def _as_it_was(value: dict[str, Any]) -> Any:
    return base64.b64decode(value[_BINARY]) if value.keys() == {_BINARY} else value


class CallRefusedError(Exception):
    """The node, or who it asked, does not do what was asked. `code` is AWS's name of the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Services(Protocol):
    """The services, wherever they are (`clients.py`)."""

    async def call(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> Mapping[str, Any]:
        """The answer as botocore parses it. Raises botocore's errors and NeighbourError."""
        ...


class NodeCalls:
    """The side of who asks: one for a process, for any of its threads."""

    def __init__(self, descriptor: int) -> None:
        self._connection = socket.socket(fileno=descriptor)
        self._stream = self._connection.makefile("rb")
        self._one_call = threading.Lock()

    def call(
        self, account_id: str, region: str, operation: str, parameters: Mapping[str, Any], *, service: str = "sqs"
    ) -> Mapping[str, Any]:
        """An operation of SQS, or of what else the node answers here. Raises CallRefusedError."""
        asked = packed(
            {
                "service": service,
                "account_id": account_id,
                "region": region,
                "operation": operation,
                "parameters": dict(parameters),
            }
        )
        try:
            with self._one_call:
                self._connection.sendall(framed(asked))
                answer = unpacked(self._stream.read(frame_length(self._stream.read(FRAME_HEADER_BYTES))))
        except (OSError, struct.error):
            raise CallRefusedError("ServiceUnavailable", "The node does not answer.") from None
        if "error" in answer:
            raise CallRefusedError(answer["error"], answer["message"])
        result: Mapping[str, Any] = answer["answer"]
        return result
