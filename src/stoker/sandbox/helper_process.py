"""A program that works for the node, started by it and spoken with over a pair of sockets: JSON with descriptors."""

import array
import asyncio
import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stoker.sandbox.sandbox import SandboxError

MESSAGE_BYTES_MAX = 256 * 1024
DESCRIPTORS_MAX = 16
# How many orders one helper may have unanswered: enough to keep two cores busy, few enough for its socket.
UNANSWERED_MAX = 8


def receive(connection: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """One message and its descriptors; (None, []) when the other end is gone.

    Raises BlockingIOError when none waits.
    """
    try:
        data, ancillary, _, _ = connection.recvmsg(
            MESSAGE_BYTES_MAX, socket.CMSG_SPACE(DESCRIPTORS_MAX * 4), socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionResetError:
        return None, []
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content)
    return (json.loads(data) if data else None), list(descriptors)


def send(connection: socket.socket, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Raises OSError."""
    ancillary = []
    if descriptors:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    # As short as can be: a message has to fit into the socket's buffer, and a function's variables may be 128 KiB.
    data = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
    connection.sendmsg([data], ancillary)


def _nothing(_: Mapping[str, Any]) -> None:
    """An answer that nobody wants is only its descriptors, which are closed."""


def _nobody() -> None:
    """Nobody asked to be told."""


@dataclass(frozen=True, slots=True)
class Program:
    """A helper to start, before its first order is sent.

    `command` gets the number of its end of the socket as one more argument. `name` is what errors call it. `failure`
    makes an error of a message that has an `error`.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    start_limit_s: float
    failure: Callable[[Mapping[str, Any]], SandboxError]


Answer = tuple[dict[str, Any], list[int]]


class HelperProcess:
    """One that runs. `is_alive` turns false when it ended; it is then to be replaced."""

    def __init__(self, program: Program, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self._program = program
        self._process = process
        self._connection = connection
        self._on_ended: Callable[[], None] = _nobody
        self._on_unwanted: Callable[[Mapping[str, Any]], None] = _nothing
        self._answers: dict[Hashable, asyncio.Future[Answer]] = {}
        self._turns = asyncio.Semaphore(UNANSWERED_MAX)
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = loop.create_future()
        self.is_alive = True
        loop.add_reader(connection.fileno(), self._readable)

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, program: Program, order: Mapping[str, Any]) -> "HelperProcess":
        """Start it, send `order`, and wait until it is ready. Raises SandboxError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # Starting takes a millisecond, a few times in a node's life; its end is awaited in a thread.
            process = subprocess.Popen(  # noqa: ASYNC220
                [*program.command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=dict(program.environment),
                cwd="/",
                start_new_session=True,
            )
        ours.setblocking(False)
        helper = cls(program, process, ours)
        try:
            send(ours, order)
            async with asyncio.timeout(program.start_limit_s):
                await helper._ready
        except TimeoutError:
            await helper.close()
            raise SandboxError(f"{program.name} did not start in time") from None
        except BaseException:
            await helper.close()
            raise
        return helper

    def on_ended(self, call: Callable[[], None]) -> None:
        """`call` if it ends before it is closed."""
        self._on_ended = call

    def on_unwanted(self, call: Callable[[Mapping[str, Any]], None]) -> None:
        """`call` with an answer for which nobody waits any longer; its descriptors are closed."""
        self._on_unwanted = call

    async def ask(self, key: Hashable, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> Answer:
        """Send an order whose answer has the `id` `key`; the answer and its descriptors. Raises SandboxError."""
        async with self._turns:
            if not self.is_alive:
                raise self._gone()
            answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._answers[key] = answer
            try:
                send(self._connection, message, descriptors)
                return await answer
            except OSError as error:
                raise SandboxError(f"{self._program.name} cannot be reached: {error.strerror}") from None
            finally:
                self._answers.pop(key, None)

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send what has no answer. Raises OSError."""
        send(self._connection, message)

    async def close(self, grace_s: float = 0.0) -> None:
        """End it by closing the connection, and by force after `grace_s`; wait until it is gone."""
        if self.is_alive:
            self._end()
        await asyncio.to_thread(self._wait, grace_s)

    def _wait(self, grace_s: float) -> None:
        if grace_s:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
        self._process.kill()  # nothing happens if it has ended
        self._process.wait()

    def _readable(self) -> None:
        while self.is_alive:
            try:
                message, descriptors = receive(self._connection)
            except BlockingIOError:
                return
            if message is None:
                self._end()
                self._on_ended()
            elif "id" in message:
                self._take(message, descriptors)
            elif not self._ready.done():
                if "error" in message:
                    self._ready.set_exception(self._program.failure(message))
                else:
                    self._ready.set_result(None)

    def _take(self, message: dict[str, Any], descriptors: list[int]) -> None:
        answer = self._answers.get(message["id"])
        if answer is None or answer.done():
            for descriptor in descriptors:
                os.close(descriptor)
            if "error" not in message:
                self._on_unwanted(message)
        elif "error" in message:
            answer.set_exception(self._program.failure(message))
        else:
            answer.set_result((message, descriptors))

    def _end(self) -> None:
        self.is_alive = False
        asyncio.get_running_loop().remove_reader(self._connection.fileno())
        self._connection.close()
        waiting: list[asyncio.Future[Any]] = [self._ready, *self._answers.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(self._gone())
        # Nobody may be waiting for a helper that is long ready.
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()

    def _gone(self) -> SandboxError:
        return SandboxError(f"{self._program.name} has ended")
