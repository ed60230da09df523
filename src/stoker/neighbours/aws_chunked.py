"""Takes the frames of `Content-Encoding: aws-chunked` off a body.

Source: Amazon S3 API Reference, "Signature calculations: transferring payload in multiple chunks": each frame is
`<length in hex>[;chunk-signature=…]\\r\\n<bytes>\\r\\n`, the last one is empty, and trailers may follow it.
"""

from collections.abc import AsyncIterator

from stoker.errors import SerializationException

FRAME_HEAD_BYTES_MAX = 1024


async def unframed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes within the frames. Raises SerializationException for what is not framed so."""
    arriving = _Arriving(pieces)
    while True:
        head = await arriving.line()
        try:
            left = int(head.partition(b";")[0], 16)
        except ValueError:
            raise SerializationException("The body is not in the encoding aws-chunked.") from None
        if left < 0:
            raise SerializationException("The body is not in the encoding aws-chunked.")
        if left == 0:
            break
        while left:
            piece = await arriving.some(left)
            left -= len(piece)
            yield piece
        if await arriving.line():
            raise SerializationException("A frame of the body is longer than it says.")
    async for _ in pieces:
        """Trailers: signatures and checksums of the frames that are gone."""


class _Arriving:
    """Lines and counted bytes of a body."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    async def line(self) -> bytes:
        """Up to the next line's end, without it."""
        while b"\r\n" not in self._held:
            if len(self._held) > FRAME_HEAD_BYTES_MAX:
                raise SerializationException("The body is not in the encoding aws-chunked.")
            self._held += await self._next()
        line, _, self._held = self._held.partition(b"\r\n")
        return line

    async def some(self, at_most: int) -> bytes:
        """At least one byte."""
        if not self._held:
            self._held = await self._next()
        piece, self._held = self._held[:at_most], self._held[at_most:]
        return piece

    async def _next(self) -> bytes:
        piece = await anext(self._pieces, None)
        if piece is None:
            raise SerializationException("The body ends in the middle of a frame.")
        return piece
