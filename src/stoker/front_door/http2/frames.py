"""Looks at every frame before the protocol's library does: what costs the sender nothing and us something has a budget.

Frames that carry a request, or a body, are bounded by streams and windows. All others (resets, pings, settings,
priorities, empty data, window updates) are paid for from a bucket that fills slowly; whoever empties it is hung up on.
Header blocks are bounded before anybody decodes them. Known attacks of this kind: CVE-2019-9512 to -9518,
CVE-2023-44487 (rapid reset), CVE-2024-27316 and its kin (CONTINUATION).
"""

from collections.abc import Callable

PREFACE_BYTES = 24
HEADER_BYTES = 9
# SETTINGS_MAX_FRAME_SIZE, which we leave as it is (RFC 9113, 6.5.2).
FRAME_BYTES_MAX = 16_384
# What is decoded and held of a request's headers: as encoded, and (told to the client) as decoded.
HEADERS_BYTES_MAX = 64 * 1024
# The bucket.
FREE_FRAMES_MAX = 1000
FREE_FRAMES_PER_S = 100.0
# A client may tell us of every few KB that it has read, for stream and connection alike.
WINDOW_UPDATES_PER_FRAME = 16

_DATA, _HEADERS, _GOAWAY, _CONTINUATION = 0, 1, 7, 9
_END_STREAM, _END_HEADERS = 0x1, 0x4


class FloodError(Exception):
    """The client sends too much of what nobody needs; the text says what."""


class FrameGate:
    """For one connection, from its preface on."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._left_bytes = PREFACE_BYTES
        self._header = bytearray()
        self._block_bytes = 0
        self._ends_headers = False
        self._free_frames = float(FREE_FRAMES_MAX)
        self._filled_s = now_s()
        # Whether a request's headers have begun and not ended.
        self.is_in_headers = False

    def admit(self, data: bytes, frames_max: int) -> int:
        """How many of these bytes may be passed on now: those of at most `frames_max` further frames.

        Raises FloodError.
        """
        position = frames = 0
        while position < len(data):
            if self._left_bytes:
                step = min(self._left_bytes, len(data) - position)
                self._left_bytes -= step
                position += step
            elif frames == frames_max:
                break
            else:
                piece = data[position : position + HEADER_BYTES - len(self._header)]
                self._header += piece
                position += len(piece)
                if len(self._header) < HEADER_BYTES:
                    break
                frames += 1
                self._left_bytes = int.from_bytes(self._header[:3])
                self._begin(self._header[3], self._header[4], self._left_bytes)
                if self._header[3] == _GOAWAY:  # what follows it is looked at when it has been dealt with
                    frames = frames_max
                self._header.clear()
            if self._ends_headers and not self._left_bytes:
                self._ends_headers = self.is_in_headers = False
        return position

    def sent_data(self) -> None:
        """A frame of data went to the client, which may answer it with window updates."""
        self._free_frames = min(self._free_frames + WINDOW_UPDATES_PER_FRAME, FREE_FRAMES_MAX)

    def _begin(self, kind: int, flags: int, length_bytes: int) -> None:
        if length_bytes > FRAME_BYTES_MAX:  # the library would wait for all of it before it says so
            raise FloodError(f"a frame of {length_bytes} bytes")
        if kind in (_HEADERS, _CONTINUATION):
            self._block_bytes = length_bytes if kind == _HEADERS else self._block_bytes + length_bytes
            if self._block_bytes > HEADERS_BYTES_MAX:
                raise FloodError(f"headers of more than {HEADERS_BYTES_MAX} bytes")
            self.is_in_headers = True
            self._ends_headers = bool(flags & _END_HEADERS)
        elif kind != _DATA or not (length_bytes or flags & _END_STREAM):
            self._pay(kind)

    def _pay(self, kind: int) -> None:
        now_s = self._now_s()
        filled = self._free_frames + (now_s - self._filled_s) * FREE_FRAMES_PER_S
        self._free_frames = min(filled, FREE_FRAMES_MAX) - 1
        self._filled_s = now_s
        if self._free_frames < 0:
            raise FloodError(f"too many frames that carry nothing, the last of type {kind}")
