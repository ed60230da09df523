"""Sends batches to one subscriber's port inside the sandbox: HTTP posts, or lines over TCP.

Whoever listens there may be hostile, or frozen: what is read of it is bounded, and time counts only while it runs.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stoker.sandbox.sandbox import SandboxError
from stoker.telemetry.subscription import HOSTS, Subscription

Connect = Callable[[int], Awaitable[socket.socket]]
"""A connection to a port inside the sandbox. Raises SandboxError, OSError."""

T = TypeVar("T")
ANSWER_LIMIT_S = 5.0
REST_LIMIT_S = 0.1
ANSWER_BYTES_MAX = 64 * 1024
# Between the attempts for one batch.
RETRY_PAUSES_S = (0.05, 0.2, 0.8)


class Delivery:
    """The way to one subscriber."""

    def __init__(self, subscription: Subscription, connect: Connect, runs: asyncio.Event) -> None:
        """`runs` is set while the sandbox is not frozen."""
        self._subscription = subscription
        self._connect = connect
        self._runs = runs
        self._lines: asyncio.StreamWriter | None = None

    async def send(self, batch: list[bytes]) -> bool:
        """Whether the subscriber took it, at last."""
        for pause_s in (*RETRY_PAUSES_S, None):
            await self._runs.wait()
            with contextlib.suppress(OSError, SandboxError, EOFError, ValueError, asyncio.LimitOverrunError):
                if await self._sent(batch):
                    return True
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        return False

    def close(self) -> None:
        """Hang up. Doing it twice is fine."""
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    async def _sent(self, batch: list[bytes]) -> bool:
        if self._subscription.path is None:
            return await self._sent_as_lines(batch)
        reader, writer = await self._opened()
        try:
            body = b"[" + b",".join(batch) + b"]"
            writer.write(self._head(len(body)) + body)
            return await self._while_it_runs(_is_accepted(reader))
        finally:
            writer.close()

    async def _sent_as_lines(self, batch: list[bytes]) -> bool:
        if self._lines is None:
            _, self._lines = await self._opened()
        try:
            self._lines.write(b"\n".join(batch) + b"\n")
            await self._while_it_runs(self._lines.drain())
        except BaseException:
            self.close()
            raise
        return True

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connection = await self._while_it_runs(self._connect(self._subscription.port))
        return await asyncio.open_connection(sock=connection, limit=ANSWER_BYTES_MAX)

    def _head(self, size_bytes: int) -> bytes:
        subscription = self._subscription
        return (
            f"POST {subscription.path} HTTP/1.1\r\nHost: {HOSTS[0]}:{subscription.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {size_bytes}\r\nConnection: close\r\n\r\n"
        ).encode()

    async def _while_it_runs(self, work: Awaitable[T]) -> T:
        """The result of `work`, which may take ANSWER_LIMIT_S of a sandbox that is not frozen. Raises TimeoutError."""
        task = asyncio.ensure_future(work)
        try:
            while True:
                done, _ = await asyncio.wait([task], timeout=ANSWER_LIMIT_S)
                if done:
                    return task.result()
                if self._runs.is_set():
                    raise TimeoutError
                await self._runs.wait()
        finally:
            task.cancel()


async def _is_accepted(reader: asyncio.StreamReader) -> bool:
    """Whether an HTTP answer says so. Its rest may still be written: who writes it shall not find nobody there."""
    head = await reader.readuntil(b"\r\n\r\n")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REST_LIMIT_S):
            await reader.read(ANSWER_BYTES_MAX)
    return head.partition(b" ")[2].startswith(b"2")
