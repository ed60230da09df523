"""From the bytes that a sandbox writes to log events: lines of a pipe, and frames of the log descriptor.

Both readers hold a bounded part of an unfinished event, take any bytes (a function may write anything into either), and
never lose what follows something malformed.
"""

import re
import struct
from collections.abc import Callable

EVENT_BYTES_MAX = 256 * 1024
# No runtime client sends more in one record; a header that claims more is not a header.
FRAME_BYTES_MAX = 16 * 1024 * 1024
HEADER = struct.Struct(">IIQ")

# 0xA55A0002 (JSON) or 0xA55A0003 (text), with the bits of a level (reference: runtime side, 6.1).
_TYPE_ENDS = bytes(kind | level for kind in (2, 3) for level in (0, 4, 8, 0xC, 0x10, 0x14, 0x18))
_TYPE = re.compile(rb"\xa5\x5a\x00[" + re.escape(_TYPE_ENDS) + rb"]")
_TYPE_START = b"\xa5\x5a\x00"

Emit = Callable[[str, int | None], None]
"""Takes an event's text, and its time in epoch ms where the writer gave one."""


class LineReader:
    """The lines of one pipe (a sandbox's stdout or stderr)."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._partial = b""
        self._is_cut = False

    def feed(self, data: bytes) -> None:
        """Take what was read; every complete line becomes an event."""
        if self._is_cut and data:
            # The end of the line that `flush` emitted: Python's `print` writes it by itself.
            data = data.removeprefix(b"\n")
            self._is_cut = False
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._emit_line(line)
        if len(self._partial) > EVENT_BYTES_MAX:
            *pieces, self._partial = split_text(self._partial)
            for piece in pieces:
                self._emit_line(piece)

    def flush(self) -> None:
        """A line that was not finished becomes an event now; if only its end is missing, none comes of that."""
        if self._partial:
            self._emit_line(self._partial)
            self._partial = b""
            self._is_cut = True

    def _emit_line(self, line: bytes) -> None:
        for piece in split_text(line):
            text = piece.removesuffix(b"\r").decode("utf-8", "replace")
            # AWS's clients join the lines of one record by carriage returns when they have no log descriptor.
            self._emit(text.replace("\r", "\n") + "\n", None)


class FramedReader:
    """The framed log descriptor, which tells where a record of several lines ends. What is not a frame is read as
    lines."""

    def __init__(self, emit: Emit, emit_line: Emit | None = None) -> None:
        """`emit_line` takes what is no frame, if that is to be told apart."""
        self._emit = emit
        self._unframed = LineReader(emit_line or emit)
        self._buffer = bytearray()
        self._frame_left = 0
        self._timestamp_ms = 0

    def feed(self, data: bytes) -> None:
        """Take what was read; every complete frame becomes an event."""
        self._buffer += data
        while self._buffer and (self._take_payload() if self._frame_left else self._take_header()):
            pass

    def flush(self) -> None:
        """Whatever was begun becomes an event now; the rest of a frame that comes later is read as lines."""
        if self._buffer:
            if self._frame_left:
                self._emit_frame(bytes(self._buffer))
            else:
                self._unframed.feed(bytes(self._buffer))
            self._buffer.clear()
        self._frame_left = 0
        self._unframed.flush()

    def _take_payload(self) -> bool:
        """Emit the frame, or a full piece of a long one; whether there was enough."""
        # One byte more than a piece shows whether a character ends there.
        size = min(self._frame_left, EVENT_BYTES_MAX + 1)
        if len(self._buffer) < size:
            return False
        piece = split_text(bytes(self._buffer[:size]))[0]
        del self._buffer[: len(piece)]
        self._frame_left -= len(piece)
        self._emit_frame(piece)
        return True

    def _take_header(self) -> bool:
        """Read a header, or set aside what is none; whether there is more to look at."""
        buffer = self._buffer
        if _TYPE.match(buffer):
            if len(buffer) < HEADER.size:
                return False
            _, size, timestamp_us = HEADER.unpack_from(buffer)
            if size <= FRAME_BYTES_MAX:
                del buffer[: HEADER.size]
                self._unframed.flush()
                self._frame_left = size
                self._timestamp_ms = timestamp_us // 1000
                return True
        elif _TYPE_START.startswith(buffer):
            return False
        return self._set_aside()

    def _set_aside(self) -> bool:
        """Read as lines what comes before the next possible header; whether there is one."""
        buffer = self._buffer
        found = _TYPE.search(buffer, 1)
        end = found.start() if found else len(buffer) - _begun(buffer)
        self._unframed.feed(bytes(buffer[:end]))
        del buffer[:end]
        return found is not None

    def _emit_frame(self, payload: bytes) -> None:
        text = payload.decode("utf-8", "replace")
        self._emit(text if text.endswith("\n") else text + "\n", self._timestamp_ms)


def _begun(buffer: bytearray) -> int:
    """How many of the last bytes could be the begin of a frame's type."""
    return next((n for n in (3, 2, 1) if len(buffer) > n and buffer.endswith(_TYPE_START[:n])), 0)


def split_text(data: bytes) -> list[bytes]:
    """Pieces of at most EVENT_BYTES_MAX bytes that do not cut a UTF-8 character; one piece when it is short."""
    pieces = []
    while len(data) > EVENT_BYTES_MAX:
        cut = EVENT_BYTES_MAX
        while cut > EVENT_BYTES_MAX - 3 and data[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(data[:cut])
        data = data[cut:]
    return [*pieces, data]
