"""The node's side of one launcher: starting the privileged program and asking it for sandboxes."""

import array
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stoker.sandbox.sandbox import SandboxError

MESSAGE_BYTES_MAX = 256 * 1024
DESCRIPTORS_MAX = 16
# How many sandboxes one launcher may have in the making: enough to keep two cores busy, few enough for its socket.
UNANSWERED_MAX = 8
START_LIMIT_S = 30.0

_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from launcher.serve import main; main()"


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


def send(connection: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
    ancillary = []
    if descriptors:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    # As short as can be: a message has to fit into the socket's buffer, and a function's variables may be 128 KiB.
    data = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
    connection.sendmsg([data], ancillary)


def step_error(message: dict[str, Any]) -> SandboxError:
    """The launcher's report of a failed step as an error that names it."""
    return SandboxError(f"making a sandbox failed at: {message['step']}")


class LauncherProcess:
    """One running launcher. `is_alive` turns false when it ended; it is then to be replaced."""

    def __init__(
        self, process: subprocess.Popen[bytes], connection: socket.socket, on_ended: Callable[["LauncherProcess"], None]
    ) -> None:
        self._on_ended = on_ended
        self._process = process
        self._connection = connection
        self._answers: dict[str, asyncio.Future[tuple[int, int]]] = {}
        self._turns = asyncio.Semaphore(UNANSWERED_MAX)
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_alive = True
        asyncio.get_running_loop().add_reader(connection.fileno(), self._readable)

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, order: dict[str, Any], on_ended: Callable[["LauncherProcess"], None]) -> "LauncherProcess":
        """Start the program and wait until it can make sandboxes. Raises SandboxError naming the step that failed."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            interpreter = getattr(sys, "_base_executable", sys.executable)
            folder = str(Path(__file__).parent)
            # Starting takes a millisecond, once for each runtime; its end is awaited in a thread.
            process = subprocess.Popen(  # noqa: ASYNC220
                [interpreter, "-I", "-S", "-c", _BOOT, folder, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={},
                start_new_session=True,
            )
        ours.setblocking(False)
        launcher = cls(process, ours, on_ended)
        try:
            send(ours, order)
            async with asyncio.timeout(START_LIMIT_S):
                await launcher._ready
        except TimeoutError:
            await launcher.close()
            raise SandboxError("the launcher did not start in time") from None
        except BaseException:
            await launcher.close()
            raise
        return launcher

    async def make(self, spec: dict[str, Any], descriptors: list[int]) -> tuple[int, int]:
        """Ask for one sandbox: (process id, pidfd) of its first process. Raises SandboxError."""
        async with self._turns:
            if not self.is_alive:
                raise SandboxError("the launcher has ended")
            answer: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
            self._answers[spec["id"]] = answer
            try:
                send(self._connection, spec, descriptors)
                return await answer
            except OSError as error:
                raise SandboxError(f"the launcher cannot be reached: {error.strerror}") from None
            finally:
                self._answers.pop(spec["id"], None)

    def _readable(self) -> None:
        while True:
            try:
                message, descriptors = receive(self._connection)
            except BlockingIOError:
                return
            if message is None:
                self._ended()
                return
            self._take(message, descriptors)

    def _take(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if "id" not in message:
            if not self._ready.done():
                if "error" in message:
                    self._ready.set_exception(step_error(message["error"]))
                else:
                    self._ready.set_result(None)
            return
        answer = self._answers.get(message["id"])
        if answer is None or answer.done():
            for descriptor in descriptors:
                os.close(descriptor)
        elif "error" in message:
            answer.set_exception(step_error(message["error"]))
        else:
            answer.set_result((message["pid"], descriptors[0]))

    def _ended(self) -> None:
        self.is_alive = False
        asyncio.get_running_loop().remove_reader(self._connection.fileno())
        waiting: list[asyncio.Future[Any]] = [self._ready, *self._answers.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(SandboxError("the launcher has ended"))
        self._on_ended(self)
        # Nobody may be waiting for a launcher that is long ready.
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()

    async def close(self) -> None:
        """End it, and with it every sandbox it made; wait until it is gone."""
        if self.is_alive:
            self._ended()
        self._connection.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await asyncio.to_thread(self._process.wait)
