from collections.abc import AsyncIterator

import pytest

from stoker.errors import SerializationException
from stoker.neighbours.aws_chunked import unframed

FRAMED = b"5;chunk-signature=ab\r\nhello\r\n6\r\n world\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_frames_come_off_however_they_arrive(size: int) -> None:
    assert b"".join([piece async for piece in unframed(in_pieces(FRAMED, size))]) == b"hello world"


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"x" * 4096, b"5\r\nhel", b"3\r\nhello\r\n0\r\n\r\n", b"-1\r\n\r\n0\r\n"]
)
async def test_a_body_that_is_not_framed_so_is_refused(body: bytes) -> None:
    with pytest.raises(SerializationException):
        [piece async for piece in unframed(in_pieces(body, 3))]
