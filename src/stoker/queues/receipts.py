"""Receipt handles: which message, and which time it was received. A new one at each receiving, opaque to clients."""

import base64
import binascii
import struct
import zlib
from typing import NamedTuple

_FORM = struct.Struct(">QQIQ")
_SUM = struct.Struct(">I")


class Receipt(NamedTuple):
    """`content_id` is that of its queue, `receives` the how-manieth receiving it was, at `received_ms`."""

    content_id: int
    number: int
    receives: int
    received_ms: int


def handle_of(receipt: Receipt) -> str:
    """The text that a client gets."""
    packed = _FORM.pack(*receipt)
    return base64.b64encode(packed + _SUM.pack(zlib.crc32(packed))).decode("ascii")


def receipt_of(handle: str) -> Receipt | None:
    """What a handle stands for, None if it is none of ours."""
    try:
        data = base64.b64decode(handle, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) != _FORM.size + _SUM.size:
        return None
    packed = data[: _FORM.size]
    if _SUM.pack(zlib.crc32(packed)) != data[_FORM.size :]:
        return None
    return Receipt(*_FORM.unpack(packed))
