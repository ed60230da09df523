"""The load generator: a process of its own, so that what it costs is not measured as the node's.

    python -m bench.load '{"endpoint": …, "functions": […], "callers": 8, …}'

Every caller has one connection and calls again as soon as it has its answer, which is compared byte for byte. It writes
HTTP by hand on a bare asyncio protocol: about as cheap as Python gets. It prints one JSON document, and ends in
bounded time whatever the node does.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import uvloop

CALL_LIMIT_S = 30.0
# What every AWS client sends; a node without credentials reads account and region from it and verifies nothing.
_AUTHORIZATION = (
    b"AWS4-HMAC-SHA256 Credential=000000000000/20250101/us-east-1/lambda/aws4_request, "
    b"SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64
)


@dataclass(frozen=True, slots=True)
class Load:
    """What to do. With several `functions`, each is called once, in turn, by one caller: their first calls.

    With `at_once`, each of them is called by a caller of its own, all in one moment.

    With a `path`, that is asked for instead of calling a function, and any answer with 200 is right; with
    `posts_payload`, too, the payload is sent there and is to come back. With `payload_bytes`, each payload is a text of
    that size.
    """

    endpoint: str
    functions: tuple[str, ...]
    callers: int = 1
    leg_s: float = 1.0
    calls_max: int = 1000
    warm_up: int = 0
    pause_s: float = 0.0
    path: str = ""
    posts_payload: bool = False
    payload_bytes: int = 0
    at_once: bool = False
    # Some servers parse an answer and write it again: the same document, with other spaces.
    any_spelling: bool = False
    call_limit_s: float = CALL_LIMIT_S


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `problems` holds the first few wrong answers."""

    latencies_s: list[float]
    elapsed_s: float
    errors: int
    problems: list[str]


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._received = bytearray()
        self._needed = 0
        self._answer: asyncio.Future[tuple[bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._needed = end + 4 + _content_length(bytes(self._received[:end]))
        if len(self._received) < self._needed or self._answer is None:
            return
        end = self._received.index(b"\r\n\r\n")
        head, body = bytes(self._received[:end]), bytes(self._received[end + 4 :])
        self._received.clear()
        self._needed = 0
        self._answer.set_result((head, body))

    async def send(self, request: bytes) -> tuple[bytes, bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self._transport.close()


def payload_of(caller: int, number: int, size_bytes: int = 0) -> bytes:
    """One that no other call has, unless it is large."""
    return b'"%b"' % (b"x" * (size_bytes - 2)) if size_bytes else b'{"caller": %d, "call": %d}' % (caller, number)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class _Run:
    """One load from beginning to end."""

    def __init__(self, load: Load) -> None:
        self._load = load
        address = urlsplit(load.endpoint)
        self._host, self._port = address.hostname or "", address.port or 80
        self._errors = 0
        self._problems: list[str] = []

    async def measure(self) -> Outcome:
        load = self._load
        count = len(load.functions) if load.at_once else load.callers
        connections = [await self._connect() for _ in range(count)]
        try:
            if load.at_once:
                return await self._first_calls_at_once(connections)
            if len(load.functions) > 1:
                return await self._first_calls(connections[0])
            return await self._warm_calls(connections)
        finally:
            for connection in connections:
                connection.close()

    async def _connect(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, self._host, self._port)
        return connection

    async def _warm_calls(self, connections: list[Connection]) -> Outcome:
        load = self._load
        await asyncio.gather(*(self._often(*pair, load.warm_up) for pair in enumerate(connections)))
        began_s = perf_counter()
        each = max(1, load.calls_max // load.callers)
        counted = await asyncio.gather(
            *(self._often(*pair, each, began_s + load.leg_s) for pair in enumerate(connections))
        )
        elapsed_s = perf_counter() - began_s
        return Outcome([latency for some in counted for latency in some], elapsed_s, self._errors, self._problems)

    async def _often(
        self, caller: int, connection: Connection, calls: int, deadline_s: float = float("inf")
    ) -> list[float]:
        path, posts = self._load.path, self._load.posts_payload
        head = self._head("POST" if posts else "GET", path) if path else self._invocation_head(self._load.functions[0])
        latencies = []
        for number in range(calls):
            payload = b"" if path and not posts else payload_of(caller, number, self._load.payload_bytes)
            sent_s = perf_counter()
            answer = await connection.send(head % len(payload) + payload)
            now_s = perf_counter()
            self._check(payload, *answer)
            latencies.append(now_s - sent_s)
            if now_s >= deadline_s:
                break
        return latencies

    async def _first_calls(self, connection: Connection) -> Outcome:
        latencies = []
        began_s = perf_counter()
        for function in self._load.functions:
            latencies.append(await self._first_call(connection, function))
            await asyncio.sleep(self._load.pause_s)
        return Outcome(latencies, perf_counter() - began_s, self._errors, self._problems)

    async def _first_calls_at_once(self, connections: list[Connection]) -> Outcome:
        began_s = perf_counter()
        latencies = await asyncio.gather(*map(self._first_call, connections, self._load.functions))
        return Outcome(latencies, perf_counter() - began_s, self._errors, self._problems)

    async def _first_call(self, connection: Connection, function: str) -> float:
        payload = b'{"function": "%b"}' % function.encode()
        sent_s = perf_counter()
        answer = await connection.send(self._invocation_head(function) % len(payload) + payload)
        latency_s = perf_counter() - sent_s
        self._check(payload, *answer)
        return latency_s

    def _invocation_head(self, function: str) -> bytes:
        return self._head("POST", f"/2015-03-31/functions/{function}/invocations")

    def _head(self, method: str, path: str) -> bytes:
        """Lacks the length of the body."""
        return (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nX-Amz-Date: 20250101T000000Z\r\n".encode()
            + b"Authorization: "
            + _AUTHORIZATION
            + b"\r\nContent-Length: %d\r\n\r\n"
        )

    def _check(self, payload: bytes, head: bytes, body: bytes) -> None:
        if head.startswith(b"HTTP/1.1 200 ") and (not payload or self._is_echo(payload, body)):
            return
        self._errors += 1
        if len(self._problems) < 3:
            self._problems.append(f"sent {payload[:200]!r}, got {head[:40]!r} {body[:200]!r}")

    def _is_echo(self, payload: bytes, body: bytes) -> bool:
        if body == payload or not self._load.any_spelling:
            return body == payload
        try:
            return bool(json.loads(body) == json.loads(payload))
        except ValueError:
            return False


async def _bounded(load: Load) -> Outcome:
    async with asyncio.timeout(load.leg_s + load.call_limit_s):
        return await _Run(load).measure()


def main() -> None:
    load = Load(**json.loads(sys.argv[1]))
    outcome = json.dumps(asdict(uvloop.run(_bounded(load))))
    # Python writes without buffers where PYTHONUNBUFFERED says so, and then what one write does not take is lost.
    with open(sys.stdout.fileno(), "w", closefd=False) as output:
        output.write(outcome)


if __name__ == "__main__":
    main()
