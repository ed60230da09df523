"""The pipe between a function that writes and a client that reads."""

import asyncio

import pytest

from stoker.invocations.streaming_pipe import HELD_BYTES_MAX, ResponsePipe

LIMIT_S = 5.0


async def test_what_is_written_is_read_at_once_and_in_order() -> None:
    pipe = ResponsePipe(1000)
    pipe.start("text/plain", lambda: None)
    pieces = pipe.pieces()
    for chunk in (b"one", b"two"):
        waiting = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert pipe.write(chunk)
        assert await asyncio.wait_for(waiting, LIMIT_S) == chunk
    pipe.write(b"the ")
    pipe.write(b"rest")
    pipe.end()
    assert [piece async for piece in pieces] == [b"the rest"]


async def test_a_full_pipe_says_so_and_asks_for_more_when_it_is_read() -> None:
    pipe, asked = ResponsePipe(1 << 30), []
    pipe.start("", lambda: asked.append(len(asked)))
    assert pipe.write(b"x" * (HELD_BYTES_MAX - 1))
    assert not pipe.write(b"x")
    assert asked == []
    assert await anext(pipe.pieces()) == b"x" * HELD_BYTES_MAX
    assert asked == [0]
    assert pipe.write(b"x")


@pytest.mark.parametrize("begins", [True, False])
async def test_whoever_waits_for_the_beginning_learns_that_there_will_be_none(begins: bool) -> None:
    pipe = ResponsePipe(1000)
    waiting = asyncio.ensure_future(pipe.wait_begun())
    await asyncio.sleep(0)
    assert not waiting.done()
    if begins:
        pipe.start("text/plain", lambda: None)
    else:
        pipe.end()
    await asyncio.wait_for(waiting, LIMIT_S)
    assert pipe.has_response is begins
    pipe.end()
    assert [piece async for piece in pipe.pieces()] == []
