"""AWS's event stream framing (`application/vnd.amazon.eventstream`), writing side.

A message is: total length, headers' length, CRC-32 of those, headers, payload, CRC-32 of all before. A header is: name
length (1 byte), name, type 7 (string), value length (2 bytes), value. Source: Smithy, "Amazon Event Stream".
"""

import json
import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

_STRING = 7


async def encode_events(events: AsyncIterator[Mapping[str, Mapping[str, Any]]]) -> AsyncIterator[bytes]:
    """Frame events given as `{"PayloadChunk": {"Payload": b"…"}}` or `{"InvokeComplete": {…}}`.

    An event whose members are one `Payload` of bytes is sent as those bytes; any other as JSON without its Nones.
    """
    async for event in events:
        for name, members in event.items():
            yield encode_event(name, members)


def encode_event(name: str, members: Mapping[str, Any]) -> bytes:
    """One event as one message."""
    payload = members.get("Payload")
    if isinstance(payload, bytes):
        return encode_message(
            {":event-type": name, ":content-type": "application/octet-stream", ":message-type": "event"}, payload
        )
    document = {key: value for key, value in members.items() if value is not None}
    return encode_message(
        {":event-type": name, ":content-type": "application/json", ":message-type": "event"},
        json.dumps(document, separators=(",", ":")).encode(),
    )


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message of the framing."""
    block = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", 12 + len(block) + len(payload) + 4, len(block))
    head = prelude + struct.pack("!I", zlib.crc32(prelude)) + block
    # In one piece at the end: a payload may be megabytes.
    return b"".join((head, payload, struct.pack("!I", zlib.crc32(payload, zlib.crc32(head)))))


def _header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    return struct.pack(f"!B{len(name_bytes)}sBH", len(name_bytes), name_bytes, _STRING, len(value_bytes)) + value_bytes
