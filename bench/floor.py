"""The floor: AWS's own Python client in a plain process, polling the least Runtime API that can be written.

No sandbox, no Lambda API, no log, no limit: an event goes from this process to the client and its answer comes back.
What a node takes beyond that is the node's.
"""

import asyncio
import itertools
import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any

import httptools

from bench.legs import Leg, leg_of
from bench.load import payload_of
from bench.plan import HANDLER, MEMORY_MB

START_LIMIT_S = 60.0
CALL_LIMIT_S = 30.0
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_RESPONSE = b"/2018-06-01/runtime/invocation/"


class Stub:
    """A Runtime API that serves any number of clients: whoever asks for the next event gets it."""

    def __init__(self) -> None:
        self.address = ""
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self._answers: dict[bytes, asyncio.Future[bytes]] = {}
        self._numbers = itertools.count(1)
        self._polled = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"

    def close(self) -> None:
        """Clients see their connection close, and end."""
        assert self._server is not None
        self._server.close()
        for connection in self._idle:
            connection.transport.abort()

    async def wait_idle(self, count: int) -> None:
        """Until so many clients wait for an event."""
        async with asyncio.timeout(START_LIMIT_S):
            while len(self._idle) < count:
                self._polled.clear()
                await self._polled.wait()

    async def call(self, payload: bytes) -> bytes:
        """From the dispatch of an event to its answer; a client that is about to ask for it counts as waiting."""
        request_id = b"%032x" % next(self._numbers)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = answer
        if self._idle:
            self._idle.pop().send_event(request_id, payload)
        else:
            self._waiting.append((request_id, payload))
        return await answer

    def polls(self, connection: "_Connection") -> None:
        if self._waiting:
            connection.send_event(*self._waiting.popleft())
            return
        self._idle.append(connection)
        self._polled.set()

    def answered(self, request_id: bytes, body: bytes) -> None:
        self._answers.pop(request_id).set_result(body)

    def gone(self, connection: "_Connection") -> None:
        if connection in self._idle:
            self._idle.remove(connection)


class _Connection(asyncio.Protocol):
    def __init__(self, stub: Stub) -> None:
        self.transport: Any = None
        self._stub = stub
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._stub.gone(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        url, body, self._url, self._body = self._url, b"".join(self._body), b"", []
        if self._parser.get_method() == b"GET":
            self._stub.polls(self)
            return
        self.transport.write(_ACCEPTED)
        self._stub.answered(url.removeprefix(_RESPONSE).partition(b"/")[0], body)

    def send_event(self, request_id: bytes, payload: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Lambda-Runtime-Aws-Request-Id: %b\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\n"
            b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:echo\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (request_id, len(payload), payload)
        )


class Client:
    """AWS's client in a process of its own, as `python -m awslambdaric` starts it."""

    def __init__(self, folder: Path, address: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", HANDLER],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(folder, address),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def _environment(folder: Path, address: str) -> Mapping[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "echo",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/echo",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        "LAMBDA_TASK_ROOT": str(folder),
    }


class Floor:
    """As many clients as the most callers need, started once and used for every leg."""

    def __init__(self, folder: Path, clients: int) -> None:
        self._folder = folder
        self._count = clients
        self._stub = Stub()
        self._clients: list[Client] = []

    async def __aenter__(self) -> "Floor":
        await self._stub.open()
        try:
            for number in range(1, self._count + 1):
                self._clients.append(Client(self._folder, self._stub.address))
                await self._stub.wait_idle(number)
        except BaseException:
            self._end()
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._stub.close()
        for client in self._clients:
            client.end()

    @property
    def pids(self) -> list[int]:
        """Of its clients."""
        return [client.pid for client in self._clients]

    async def measure(self, callers: int, leg_s: float, calls_max: int, warm_up: int, payload_bytes: int = 0) -> Leg:
        """One leg, with a client for each caller."""
        latencies: list[float] = []
        await asyncio.gather(*(self._call_often(number, warm_up, payload_bytes) for number in range(callers)))
        began_s = perf_counter()
        deadline_s = began_s + leg_s
        each = max(1, calls_max // callers)
        async with asyncio.timeout(leg_s + CALL_LIMIT_S):
            counted = await asyncio.gather(
                *(self._call_often(number, each, payload_bytes, deadline_s) for number in range(callers))
            )
        elapsed_s = perf_counter() - began_s
        for some in counted:
            latencies += some
        return leg_of(latencies, elapsed_s)

    async def _call_often(
        self, caller: int, calls: int, payload_bytes: int, deadline_s: float = float("inf")
    ) -> list[float]:
        latencies = []
        for number in range(calls):
            payload = payload_of(caller, number, payload_bytes)
            sent_s = perf_counter()
            answer = await self._stub.call(payload)
            now_s = perf_counter()
            if answer != payload:
                raise AssertionError(f"sent {payload[:200]!r}, got {answer[:200]!r}")
            latencies.append(now_s - sent_s)
            if now_s >= deadline_s:
                break
        return latencies


async def first_call_s(folder: Path) -> float:
    """From the start of a new interpreter with AWS's client to its first answer."""
    stub = Stub()
    await stub.open()
    began_s = perf_counter()
    client = Client(folder, stub.address)
    try:
        await stub.wait_idle(1)
        await stub.call(b"{}")
        return perf_counter() - began_s
    finally:
        stub.close()
        await asyncio.to_thread(client.end)
