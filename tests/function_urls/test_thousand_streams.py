"""As many open streams as an account has places: each a function in a sandbox of its own."""

import asyncio
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import HANDLERS, Node, NodeProcess, deployer

from .conftest import UrlClient, url_of
from .test_streaming import CUSTOM, _resident_mb

pytestmark = pytest.mark.timeout(300)

STREAMS = 1000
# Of these, one in ten reads nothing of what its function writes as fast as it can, and one in ten leaves.
SLOW = 100
LEAVING = 100
OPENED_AT_ONCE = 50
TICKING = "lines=1000000&pause=2000"
GUSHING = "lines=1000000&bytes=65536"
# What an environment and a connection take (48 as measured), and what is held for a reader that does not read (700).
GROWTH_KB_PER_STREAM_MAX = 80
GROWTH_KB_PER_SLOW_MAX = 1024
# The kernel would hold megabytes for a client; what is asked here is what the node holds.
RECEIVED_BYTES_MAX = 16 * 1024
LIMIT_S = 240


class Stream:
    """One client of one function."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def begun(cls, url: UrlClient, port: int, query: str) -> "Stream":
        """When its first line has come."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_BYTES_MAX)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=plain, limit=RECEIVED_BYTES_MAX)
        stream = cls(reader, writer)
        writer.write(f"GET /?{query} HTTP/1.1\r\nHost: {url.host}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        await reader.readuntil(b"\r\n")
        return stream

    async def next_line(self) -> None:
        """After the one before it: a chunk of its own, or several that came meanwhile."""
        await self._reader.readuntil(b"\n\r\n")
        await self._reader.readuntil(b"\n\r\n")

    def leave(self) -> None:
        self._writer.transport.abort()


@pytest.fixture
def bootstrap(tmp_path: Path) -> bytes:
    """A function of a few hundred kilobytes: a thousand interpreters would be a test of the machine's memory."""
    if shutil.which("gcc") is None:
        pytest.skip("needs a C compiler: gcc")
    program = tmp_path / "bootstrap"
    source = HANDLERS / "streaming.c"
    subprocess.run(["gcc", "-static", "-O1", "-D_GNU_SOURCE", "-o", program, source], check=True, timeout=60)
    return program.read_bytes()


async def test_a_thousand_streams_are_open_at_once(tmp_path: Path, bootstrap: bytes, isolation: dict[str, str]) -> None:
    process = NodeProcess(tmp_path / "data", STOKER_MEMORY_RESERVE_MB="128", STOKER_STOP_GRACE_S="1", **isolation)
    node = await asyncio.to_thread(process.wait_ready)
    streams: list[Stream] = []
    try:
        async with asyncio.timeout(LIMIT_S):
            await _hold_open(node, bootstrap, streams)
    finally:
        for stream in streams:
            stream.leave()
        await asyncio.sleep(0)
        status = await asyncio.to_thread(process.stop)
    assert status == 0
    assert "Traceback" not in process.log.read_text()


async def _hold_open(node: Node, bootstrap: bytes, streams: list[Stream]) -> None:
    deploy, _ = deployer(node.client("lambda"))
    configuration = {"Timeout": 300, "MemorySize": 128}
    name = await asyncio.to_thread(deploy, None, {"bootstrap": bootstrap}, CUSTOM, "any.thing", **configuration)
    url = await asyncio.to_thread(url_of, node, name, InvokeMode="RESPONSE_STREAM")
    port = urlsplit(node.endpoint).port or 0
    (await Stream.begun(url, port, "lines=1")).leave()
    before_mb = _resident_mb(node.pid)

    turn = asyncio.Semaphore(OPENED_AT_ONCE)

    async def begin(query: str) -> Stream:
        async with turn:
            stream = await Stream.begun(url, port, query)
            streams.append(stream)
            return stream

    async with asyncio.TaskGroup() as group:
        slow = [group.create_task(begin(GUSHING)) for _ in range(SLOW)]
        ticking = [group.create_task(begin(TICKING)) for _ in range(STREAMS - SLOW)]
    assert len(slow) + len(ticking) == STREAMS

    # All of them at once: whoever reads gets more, and there is no place for another.
    reading = [task.result() for task in ticking]
    await asyncio.gather(*(stream.next_line() for stream in reading))
    assert (await asyncio.to_thread(url.ask)).status == 429
    grown_mb = _resident_mb(node.pid) - before_mb
    print(f"{STREAMS} streams, {SLOW} of them unread: the node grew by {grown_mb:.0f} MB")
    assert grown_mb * 1024 < STREAMS * GROWTH_KB_PER_STREAM_MAX + SLOW * GROWTH_KB_PER_SLOW_MAX

    for stream in reading[:LEAVING]:
        stream.leave()
    await asyncio.gather(*(stream.next_line() for stream in reading[LEAVING:]))
    # Their functions go on (decision 8): no place has become free.
    assert (await asyncio.to_thread(url.ask)).status == 429
