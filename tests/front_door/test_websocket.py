"""WebSockets on the front door's connections: a real server, real sockets, and a client that is not ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from stoker.errors import GatewayRefusal
from stoker.front_door.connections import Connections
from stoker.front_door.protocol import HttpConnection
from stoker.front_door.request import IncomingBody, RequestHead, http_request
from stoker.front_door.websocket import (
    SocketClosedError,
    SocketFullError,
    SocketLimits,
    WebSocket,
    check_handshake,
    switch,
)
from stoker.front_door.wire import transport_error
from stoker.lambda_model.encoding import WireAnswer

LIMITS = SocketLimits(message_bytes_max=1000, frame_bytes_max=600, idle_s=60.0, age_s=60.0)
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Owner:
    """Answers every message with itself."""

    def __init__(self) -> None:
        self.socket: WebSocket | None = None
        self.messages: list[str] = []
        self.end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.tasks: set[asyncio.Task[None]] = set()

    def opened(self, socket: WebSocket) -> None:
        self.socket = socket

    def received(self, text: str) -> None:
        self.messages.append(text)
        assert self.socket is not None
        task = asyncio.get_running_loop().create_task(self.socket.send(text.encode()))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def closed(self, code: int, reason: str) -> None:
        self.end.set_result((code, reason))


class Answers:
    """Lets everybody in who asks well."""

    shows_request_ids = True

    def __init__(self, limits: SocketLimits, pause: asyncio.Event) -> None:
        self.owners: list[Owner] = []
        self._limits = limits
        self._pause = pause

    async def answer(self, head: RequestHead, body: IncomingBody, request_id: str) -> WireAnswer:
        request = http_request(head)
        try:
            check_handshake(request)
        except GatewayRefusal as refusal:
            return WireAnswer(refusal.answer_status, refusal.headers, b"")
        await self._pause.wait()
        owner = Owner()
        self.owners.append(owner)
        return switch(request, {}, lambda connections: WebSocket(owner, self._limits, connections))

    def refusal(self, status: int, message: str) -> WireAnswer:
        return transport_error(status, message)

    def stopped(self, request_id: str) -> WireAnswer:
        return transport_error(500, "stopped")


class Served:
    def __init__(self, port: int, answers: Answers, connections: Connections, pause: asyncio.Event) -> None:
        self.port = port
        self.url = f"ws://127.0.0.1:{port}/"
        self.answers = answers
        self.connections = connections
        self.pause = pause


@asynccontextmanager
async def served(**limits: float) -> AsyncIterator[Served]:
    pause = asyncio.Event()
    pause.set()
    answers, connections = Answers(LIMITS._replace(**limits), pause), Connections()  # type: ignore[arg-type]
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpConnection(answers, connections), "127.0.0.1", 0
    )
    yield Served(server.sockets[0].getsockname()[1], answers, connections, pause)
    server.close()
    await connections.finish(5)


async def closed_with(client: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as raised:
        await asyncio.wait_for(client.recv(), 30)
    assert raised.value.rcvd is not None
    return raised.value.rcvd.code


async def test_messages_go_both_ways_whole() -> None:
    async with served() as server, connect(server.url) as client:
        await client.send(["ab", "cé", ""])
        assert await client.recv() == "abcé"
        assert await (await client.ping()) >= 0
        assert server.answers.owners[0].messages == ["abcé"]


async def test_who_is_quiet_for_too_long_is_told_goodbye() -> None:
    async with served(idle_s=0.2) as server, connect(server.url) as client:
        assert await closed_with(client) == 1001
        assert await server.answers.owners[0].end == (1001, "Going away")


async def test_nobody_stays_for_ever() -> None:
    async with served(age_s=0.5) as server, connect(server.url) as client:
        await client.send("a")
        assert await client.recv() == "a"
        assert await closed_with(client) == 1001


async def test_what_is_too_large_ends_the_connection_before_all_of_it_came() -> None:
    async with served() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        # A frame that says it has a gigabyte, of which a kilobyte follows.
        writer.write(b"\x81\xff" + (1 << 30).to_bytes(8, "big") + bytes(4) + b"a" * 1000)
        assert (await reader.read())[:4] == b"\x88" + bytes([2 + len("Message too big")]) + (1009).to_bytes(2, "big")
        assert (await server.answers.owners[0].end)[0] == 1009
        writer.close()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\xc1\x80" + bytes(4), 1002),  # a reserved bit, of an extension that was not agreed on
        (b"\x81\x01a", 1002),  # not masked
        (b"\x81\x81" + bytes(4) + b"\xff", 1007),  # not UTF-8
        (b"\x82\x81" + bytes(4) + b"a", 1003),  # binary
    ],
    ids=["reserved-bit", "not-masked", "not-utf-8", "binary"],
)
async def test_what_breaks_the_protocol_ends_the_connection(frame: bytes, code: int) -> None:
    async with served() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame)
        assert (await reader.read())[2:4] == code.to_bytes(2, "big")
        assert (await server.answers.owners[0].end)[0] == code
        writer.close()


async def test_frames_that_come_before_the_answer_are_not_lost() -> None:
    async with served() as server:
        server.pause.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE + b"\x81\x81" + bytes(4) + b"a")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(b"\x81\x81" + bytes(4) + b"b")
        server.pause.set()
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head  # RFC 6455, 1.3
        assert b"content-length" not in head
        assert await reader.readexactly(6) == b"\x81\x01a\x81\x01b"
        writer.close()


async def test_who_left_before_the_answer_is_told_of() -> None:
    async with served() as server:
        server.pause.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()
        await asyncio.sleep(0.1)
        server.pause.set()
        while not server.answers.owners:
            await asyncio.sleep(0)
        assert (await server.answers.owners[0].end)[0] == 1006


async def test_a_client_that_does_not_read_is_not_filled_up() -> None:
    async with served(send_wait_s=0.3) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        socket = server.answers.owners[0].socket
        assert socket is not None
        sent = 0

        async def send_on() -> None:
            nonlocal sent
            while sent < 1000:
                await socket.send(b"x" * 100_000)
                sent += 1

        with pytest.raises(SocketFullError):
            await send_on()
        assert 0 < sent < 200  # what kernels hold, and little more
        writer.transport.abort()
        await server.answers.owners[0].end
        with pytest.raises(SocketClosedError):
            await socket.send(b"x")


async def test_the_end_of_the_listener_is_a_goodbye() -> None:
    async with served() as server, connect(server.url) as client:
        ending = asyncio.create_task(server.connections.finish(5))
        assert await closed_with(client) == 1001
        await ending


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Connection": "keep-alive"}, 426),
        ({"Sec-WebSocket-Key": "short"}, 400),
    ],
)
async def test_bad_handshakes_are_refused(headers: dict[str, str], status: int) -> None:
    given = {
        "Host": "h",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    async with served() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"GET / HTTP/1.1\r\n{lines}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        writer.close()
