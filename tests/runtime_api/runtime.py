"""A runtime that speaks the Runtime API byte by byte, and the server that it speaks to."""

import asyncio
import json
from dataclasses import dataclass, field

from stoker.runtime_api.exchange import ACCEPTED, Answer, Event, Exchange, RuntimeState
from stoker.runtime_api.extensions import Extensions, FunctionFacts
from stoker.runtime_api.metadata import Metadata
from stoker.runtime_api.server import RuntimeApi
from stoker.runtime_api.streaming import ResponseSink

LIMIT_S = 10.0
RESPONSE_BYTES_MAX = 6_291_556
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
PING = b"GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n"
METADATA = Metadata("token", "use1-az1")
EVENT = Event("r1", b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r1", b'{"number":1}')


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error_type(self) -> str:
        return str(json.loads(self.body)["errorType"])


@dataclass
class Client:
    """One connection, with requests written byte by byte as a test likes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read(self) -> Response:
        async with asyncio.timeout(LIMIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Response(int(head[0].split()[1]), headers, body)

    async def ask(self, data: bytes) -> Response:
        self.send(data)
        return await self.read()

    async def is_closed(self) -> bool:
        """Whether the server ends the connection without another word."""
        async with asyncio.timeout(LIMIT_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


@dataclass
class Server:
    exchange: Exchange
    api: RuntimeApi
    port: int
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=16 * 1024 * 1024))
        self.clients.append(client)
        return client

    async def running(self, sink: ResponseSink | None = None) -> tuple[Client, "asyncio.Future[Answer]"]:
        """A connection whose runtime has got EVENT, and the answer that the node waits for."""
        client = await self.connect()
        client.send(NEXT)
        while self.exchange.state is not RuntimeState.READY:
            await asyncio.sleep(0.001)
        answer = self.exchange.offer(EVENT._replace(sink=sink))
        assert (await client.read()).body == EVENT.payload
        return client, answer


def post(path: str, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"POST /2018-06-01/runtime/{path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(path: str, chunks: list[bytes], trailers: str = "", *headers: str) -> bytes:
    lines = [f"POST /2018-06-01/runtime/{path} HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", *headers]
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return "\r\n".join([*lines, "", ""]).encode() + body + b"0\r\n" + trailers.encode() + b"\r\n"


def no_extensions() -> Extensions:
    """Of an environment in which nothing is registered yet."""
    return Extensions(
        FunctionFacts("f", "$LATEST", "index.handler", "000000000000"), lambda _: None, lambda *_: ACCEPTED
    )
