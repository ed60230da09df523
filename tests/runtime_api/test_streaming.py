"""Responses that are passed on while the runtime writes them, and how they end (reference: runtime side, 2.4)."""

import asyncio
import base64
import json

import pytest

from stoker.invocations.streaming_pipe import HELD_BYTES_MAX, ResponsePipe
from stoker.runtime_api.exchange import (
    END_HEARD_WITHIN_S,
    Failed,
    ResponseTooLarge,
    RuntimeEnded,
    RuntimeState,
    Streamed,
    Truncated,
)

from .runtime import EVENT, LIMIT_S, NEXT, RESPONSE_BYTES_MAX, Client, Server, chunked, post

BEGIN = (
    b"POST /2018-06-01/runtime/invocation/r1/response HTTP/1.1\r\nHost: x\r\nContent-Type: text/event-stream\r\n"
    b"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
)
END = b"0\r\n\r\n"
STREAMING = "Lambda-Runtime-Function-Response-Mode: streaming"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Reader:
    """A caller that takes a piece when the test says so."""

    def __init__(self, bytes_max: int = 1 << 30) -> None:
        self.pipe = ResponsePipe(bytes_max)
        self._pieces = self.pipe.pieces()

    async def take(self) -> bytes:
        async with asyncio.timeout(LIMIT_S):
            return await anext(self._pieces)

    async def rest(self) -> bytes:
        self.pipe.end()
        return b"".join([piece async for piece in self._pieces])


async def test_each_chunk_arrives_before_the_next_is_written(server: Server) -> None:
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    client.send(BEGIN)
    async with asyncio.timeout(LIMIT_S):
        await reader.pipe.wait_begun()
    assert reader.pipe.content_type == "text/event-stream"
    for number in range(3):
        client.send(chunk(b"chunk %d" % number))
        assert await reader.take() == b"chunk %d" % number
        assert not answer.done()
    assert (await client.ask(END)).status == 202
    streamed = await answer
    assert isinstance(streamed, Streamed)
    assert streamed.size_bytes == 21
    assert await reader.rest() == b""


async def test_a_response_in_one_piece_is_a_stream_of_one_chunk(server: Server) -> None:
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    assert (await client.ask(post("invocation/r1/response", b'"x"', "Content-Type: application/json"))).status == 202
    assert isinstance(await answer, Streamed)
    assert reader.pipe.content_type == "application/json"
    assert await reader.rest() == b'"x"'


async def test_an_error_in_the_middle_comes_after_what_was_written(server: Server) -> None:
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    document = b'{"errorMessage":"broke"}'
    trailers = (
        "Lambda-Runtime-Function-Error-Type: Runtime.X\r\n"
        f"Lambda-Runtime-Function-Error-Body: {base64.b64encode(document).decode()}\r\n"
    )
    assert (await client.ask(chunked("invocation/r1/response", [b"half"], trailers, STREAMING))).status == 202
    assert await answer == Failed(document, "Runtime.X")
    assert await reader.rest() == b"half"


async def test_an_error_instead_of_a_response_begins_no_stream(server: Server) -> None:
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    assert (await client.ask(post("invocation/r1/error", b"{}"))).status == 202
    assert await answer == Failed(b"{}", "")
    assert not reader.pipe.has_response


async def test_a_second_answer_beside_a_stream_is_refused(server: Server) -> None:
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    client.send(BEGIN + chunk(b"one"))
    assert await reader.take() == b"one"
    other = await server.connect()
    for what in ("response", "error"):
        refused = await other.ask(post(f"invocation/r1/{what}"))
        assert (refused.status, refused.error_type) == (403, "InvalidStateTransition")
    assert (await client.ask(chunk(b"two") + END)).status == 202
    assert isinstance(await answer, Streamed)
    assert await reader.rest() == b"two"


async def test_nothing_is_read_from_a_runtime_whose_caller_does_not_read(server: Server) -> None:
    """A hundred megabytes go through; never is more held than the pipe's bound and one read of the socket."""
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    client.send(BEGIN)
    block, blocks = chunk(b"x" * 65536), 1600

    async def write() -> None:
        for _ in range(blocks):
            client.send(block)
            await client.writer.drain()
        client.send(END)

    writing = asyncio.ensure_future(write())
    await asyncio.sleep(0.2)
    assert not writing.done()
    taken = largest = 0
    while taken < 65536 * blocks:
        piece = await reader.take()
        taken, largest = taken + len(piece), max(largest, len(piece))
    assert largest <= HELD_BYTES_MAX + 256 * 1024
    await writing
    assert (await client.read()).status == 202
    assert isinstance(await answer, Streamed)


async def test_the_next_event_does_not_wait_for_a_slow_caller(server: Server) -> None:
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    assert (await client.ask(BEGIN + chunk(b"x" * HELD_BYTES_MAX) + END)).status == 202
    await answer
    client.send(NEXT)
    server.exchange.offer(EVENT)
    assert (await client.read()).body == EVENT.payload
    assert await reader.rest() == b"x" * HELD_BYTES_MAX


async def test_what_is_beyond_the_limit_is_not_passed_on(server: Server) -> None:
    reader = Reader(bytes_max=10)
    client, answer = await server.running(reader.pipe)
    response = await client.ask(BEGIN + chunk(b"123456") + chunk(b"123456") + chunk(b"123456") + END)
    assert (response.status, response.error_type) == (413, "RequestEntityTooLarge")
    assert await answer == ResponseTooLarge(10)
    assert await reader.rest() == b"1234561234"


async def test_a_buffered_response_is_as_long_as_without_a_stream(server: Server) -> None:
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    response = await client.ask(post("invocation/r1/response", b"x" * (RESPONSE_BYTES_MAX + 1)))
    assert (response.status, response.error_type) == (413, "RequestEntityTooLarge")
    assert await answer == ResponseTooLarge(RESPONSE_BYTES_MAX)
    assert not reader.pipe.has_response


async def test_a_stream_that_breaks_off_is_told_from_a_runtime_that_ended(server: Server) -> None:
    for end, expected in ((None, Truncated()), (RuntimeEnded(1, None), RuntimeEnded(1, None))):
        server.exchange.restart()
        reader = Reader()
        client, answer = await server.running(reader.pipe)
        client.send(BEGIN + chunk(b"half"))
        assert await reader.take() == b"half"
        client.writer.close()
        await asyncio.sleep(END_HEARD_WITHIN_S / 10)
        assert not answer.done()
        if end is not None:
            server.api.ended(end)
        async with asyncio.timeout(LIMIT_S):
            assert await answer == expected


@pytest.mark.parametrize("has_child", [False, True], ids=["alone", "a child keeps the connection"])
async def test_what_a_runtime_wrote_before_it_ended_is_passed_on(server: Server, has_child: bool) -> None:
    """Its process's end may be heard before its last bytes are."""
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    client.send(BEGIN + chunk(b"last words"))
    if not has_child:
        client.writer.close()
    server.api.ended(RuntimeEnded(1, None))
    async with asyncio.timeout(LIMIT_S):
        assert await answer == RuntimeEnded(1, None)
    assert await reader.rest() == b"last words"
    assert server.exchange.state is RuntimeState.EXITED


@pytest.mark.parametrize("body", [b"", b"5\r\nhel", b"5\r\nhello\r\n"], ids=["empty", "in a chunk", "between chunks"])
async def test_a_runtime_that_ends_its_request_early_hears_that_it_is_truncated(server: Server, body: bytes) -> None:
    """Reference: runtime side, 2.2."""
    client, answer = await server.running(Reader().pipe)
    client.send(BEGIN + body)
    client.writer.write_eof()
    response = await client.read()
    assert (response.status, response.error_type) == (400, "TruncatedHTTPRequest")
    assert await client.is_closed()
    async with asyncio.timeout(LIMIT_S):
        assert await answer == Truncated()


async def test_after_a_timeout_the_rest_of_a_stream_is_dropped_and_refused(server: Server) -> None:
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    client.send(BEGIN + chunk(b"in time"))
    assert await reader.take() == b"in time"
    server.exchange.withdraw()
    response = await client.ask(chunk(b"late") + END)
    assert (response.status, response.error_type) == (400, "InvalidRequestID")
    assert not answer.done()
    assert await reader.rest() == b""


@pytest.mark.parametrize("has_begun", [True, False])
async def test_the_next_event_may_be_asked_for_while_the_end_of_the_stream_is_on_its_way(
    server: Server, has_begun: bool
) -> None:
    """Node.js's client does that, on another connection, when a stream has broken."""
    reader = Reader()
    client, answer = await server.running(reader.pipe)
    if has_begun:
        client.send(BEGIN + chunk(b"x"))
        assert await reader.take() == b"x"
    other = await server.connect()
    other.send(NEXT)
    await asyncio.sleep(0.01)
    client.send((b"" if has_begun else BEGIN) + END)
    assert (await client.read()).status == 202
    assert isinstance(await answer, Streamed)
    while server.exchange.state is not RuntimeState.READY:
        await asyncio.sleep(0.001)
    server.exchange.offer(EVENT)
    assert (await other.read()).body == EVENT.payload


async def test_a_stream_for_somebody_who_wants_it_whole_is_gathered(server: Server) -> None:
    client, answer = await server.running()
    request = chunked("invocation/r1/response", [b"x" * RESPONSE_BYTES_MAX, b"x"], "", STREAMING)
    response = await client.ask(request)
    assert (response.status, json.loads(response.body)["errorType"]) == (413, "RequestEntityTooLarge")
    assert await answer == ResponseTooLarge(RESPONSE_BYTES_MAX)


async def test_trailers_without_end_cost_the_connection(server: Server) -> None:
    client, answer = await server.running(Reader().pipe)
    client.send(BEGIN + chunk(b"half") + END[: -len(b"\r\n")])
    with pytest.raises(ConnectionError):  # noqa: PT012 - the connection ends while it is being written to
        for _ in range(200):
            await _write(client, b"X-Name: " + b"x" * 60000 + b"\r\n")
    async with asyncio.timeout(LIMIT_S):
        assert await answer == Truncated()


async def _write(client: Client, data: bytes) -> None:
    client.send(data)
    await client.writer.drain()
    await asyncio.sleep(0)
