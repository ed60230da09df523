"""The node's side of the network program: network namespaces for sandboxes, lent and taken back."""

import asyncio
import contextlib
import hashlib
import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stoker.config import Settings
from stoker.sandbox.launcher_process import receive, send
from stoker.sandbox.network.records import DeclaredNetworks, Lease, Network
from stoker.sandbox.sandbox import SandboxError

START_LIMIT_S = 15.0
MAKE_LIMIT_S = 15.0
# Undoing a thousand links takes the kernel a while.
CLOSE_LIMIT_S = 60.0
UNANSWERED_MAX = 8

_SETTINGS = ("network", "nameservers", "internet_allow", "internet_range", "uplinks", "subnets", "security_groups")


def node_id_of(data: Path) -> str:
    """The same for every node that uses this data directory, so that the next one cleans up after a killed one."""
    return hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:6]


class Networks:
    """Starts the program when the first namespace is wanted, and again if it ended."""

    def __init__(self, settings: Settings, declared: DeclaredNetworks, node_id: str) -> None:
        """`declared` is what `settings` say; `node_id` six hexadecimal digits that name what is made on the host."""
        self.declared = declared
        said = {name: getattr(settings, name) for name in _SETTINGS}
        # What the node found: by the time that the program starts, it may find others.
        said["nameservers"] = " ".join(map(str, declared.nameservers))
        self._order = {"node_id": node_id, "settings": said}
        self._program: asyncio.Task[_Program] | None = None
        self._on_ended: Callable[[], None] = _nobody

    def on_ended(self, call: Callable[[], None]) -> None:
        """`call` when the program ended by itself: nobody then knows which addresses are in use."""
        self._on_ended = call

    async def lease(self, network: Network) -> Lease:
        """A namespace of this kind; whoever has it closes the descriptor. Raises SandboxError."""
        try:
            async with asyncio.timeout(START_LIMIT_S + MAKE_LIMIT_S):
                return await (await self._running()).make(network)
        except TimeoutError:
            raise SandboxError("making a sandbox failed at: network: the network program does not answer") from None

    def release(self, number: int) -> None:
        """The sandbox that had the lease of this number is gone."""
        if self._program is not None and _is_alive(self._program):
            self._program.result().release(number)

    async def close(self) -> None:
        """Wait until the host is as it was. Every sandbox must be gone."""
        if self._program is not None:
            with contextlib.suppress(SandboxError):
                await (await self._program).close()

    async def _running(self) -> "_Program":
        if self._program is None or (self._program.done() and not _is_alive(self._program)):
            start = self._started_after(self._program)
            self._program = asyncio.get_running_loop().create_task(start, name="network program")
        return await asyncio.shield(self._program)

    async def _started_after(self, former: "asyncio.Task[_Program] | None") -> "_Program":
        """A new program. One that ended by itself is waited for, so that nothing of it is left."""
        if former is not None and not former.cancelled() and former.exception() is None:
            await former.result().close()
        return await _Program.start(self._order, self._on_ended)


def _nobody() -> None:
    """No sandbox has a network yet."""


def _is_alive(task: "asyncio.Task[_Program]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None and task.result().is_alive


class _Program:
    """One running program."""

    def __init__(
        self, process: subprocess.Popen[bytes], connection: socket.socket, on_ended: Callable[[], None]
    ) -> None:
        self.is_alive = True
        self._process = process
        self._connection = connection
        self._on_ended = on_ended
        self._numbers = itertools.count()
        self._answers: dict[int, asyncio.Future[Lease]] = {}
        self._turns = asyncio.Semaphore(UNANSWERED_MAX)
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = loop.create_future()
        loop.add_reader(connection.fileno(), self._readable)

    @classmethod
    async def start(cls, order: dict[str, Any], on_ended: Callable[[], None]) -> "_Program":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Where its own modules and nft are; nothing else of the node's environment.
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        if "PYTHONPATH" in os.environ:
            environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
        with theirs:
            # Once for each node; its end is awaited in a thread.
            process = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-P", "-m", "stoker.sandbox.network.program", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        ours.setblocking(False)
        program = cls(process, ours, on_ended)
        try:
            send(ours, order)
            async with asyncio.timeout(START_LIMIT_S):
                await program._ready
        except BaseException:
            await program.close()
            raise
        return program

    async def make(self, network: Network) -> Lease:
        async with self._turns:
            if not self.is_alive:
                raise SandboxError("making a sandbox failed at: network: the network program has ended")
            number = next(self._numbers)
            answer: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
            self._answers[number] = answer
            order = [network.kind, network.subnet_ids, network.security_group_ids]
            try:
                send(self._connection, {"command": "make", "id": number, "network": order})
                return await answer
            except OSError as error:
                raise SandboxError(f"the network program cannot be reached: {error.strerror}") from None
            finally:
                self._answers.pop(number, None)

    def release(self, number: int) -> None:
        # What a full socket does not take is undone at the end of the program, with all the rest.
        with contextlib.suppress(OSError):
            send(self._connection, {"command": "release", "number": number})

    def _readable(self) -> None:
        while True:
            try:
                message, descriptors = receive(self._connection)
            except BlockingIOError:
                return
            if message is None:
                self._ended()
                self._on_ended()
                return
            self._take(message, descriptors)

    def _take(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if "id" not in message:
            if "error" in message:
                self._ready.set_exception(_failure(message))
            else:
                self._ready.set_result(None)
            return
        answer = self._answers.get(message["id"])
        if answer is None or answer.done():
            for descriptor in descriptors:
                os.close(descriptor)
            if "number" in message:
                self.release(message["number"])
        elif "error" in message:
            answer.set_exception(_failure(message))
        else:
            answer.set_result(Lease(message["number"], descriptors[0]))

    def _ended(self) -> None:
        if not self.is_alive:
            return
        self.is_alive = False
        asyncio.get_running_loop().remove_reader(self._connection.fileno())
        self._connection.close()
        waiting: list[asyncio.Future[Any]] = [self._ready, *self._answers.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(SandboxError("making a sandbox failed at: network: the network program ended"))
        # Nobody may be waiting for a program that is long ready.
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()

    async def close(self) -> None:
        """Let it undo what it did, and wait until it is gone."""
        self._ended()
        await asyncio.to_thread(self._wait)

    def _wait(self) -> None:
        try:
            self._process.wait(CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _failure(message: dict[str, Any]) -> SandboxError:
    return SandboxError(f"making a sandbox failed at: network: {message['error']}")
