"""The node's side of the embedded neighbours: their process is started by the first request, and again after its end.

The listening socket belongs to the node and outlives the process: who connects while it starts, or starts again, waits
in the socket's queue. Only the node's user can connect.
"""

import asyncio
import contextlib
import importlib.util
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from stoker.neighbours.errors import NeighbourError
from stoker.neighbours.inside_calls import FRAME_HEADER_BYTES, frame_length, framed
from stoker.neighbours.process import READY
from stoker.neighbours.pushes.receiver import PushReceiver
from stoker.supervision import Background

log = logging.getLogger("stoker.neighbours")

INSTALL = "Install them with: pip install 'stoker[neighbours]'"
START_LIMIT_S = 60.0
BACKLOG = 1024
_NEEDED = ("moto", "flask", "flask_cors")
# It has no business with our settings or with anybody's credentials.
_WITHHELD = ("AWS_", "STOKER_", "MOTO_")


class EmbeddedNeighbours:
    """An asynchronous context; leaving it ends the process. `state` is `unused`, `starting`, `running` or `ended`."""

    def __init__(self, directory: Path) -> None:
        """`directory` is the node's own; the socket lies in it while there is one."""
        self.state = "unused"
        self.pushes = PushReceiver()
        # Who answers what the process asks of the node; to be set before it is used.
        self.answer_call: Callable[[bytes], Awaitable[bytes]] | None = None
        self._directory = directory
        self._background = Background()
        self._directory_descriptor = -1
        self._listener: socket.socket | None = None
        self._running: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._users = 0
        self._used: set[str] = set()

    async def __aenter__(self) -> "EmbeddedNeighbours":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._background.stop()
        self._close_listener()
        if self._directory_descriptor >= 0:
            os.close(self._directory_descriptor)
        if self._used:
            log.info(
                "gone with the embedded neighbours, but for rules with a schedule: all in %s",
                ", ".join(sorted(self._used)),
            )

    @property
    def address(self) -> str:
        """Where to connect, from this process only. A path by descriptor: sun_path has but 108 bytes (unix(7))."""
        return f"/proc/self/fd/{self._directory_descriptor}/neighbours.sock"

    @contextlib.asynccontextmanager
    async def use(self, service: str) -> AsyncIterator[None]:
        """While somebody uses them, they are there; `service` is for what is told at the end.

        Raises NeighbourError when they cannot be started.
        """
        self._users += 1
        try:
            await self._wait_ready()
            yield
            self._used.add(service)
        finally:
            self._users -= 1

    async def _wait_ready(self) -> None:
        if self._ready is None or self._running is None or self._running.done():
            missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
            if missing:
                raise NeighbourError(f"The embedded neighbours are not installed ({missing[0]} is missing). {INSTALL}")
            self._ready = asyncio.get_running_loop().create_future()
            self._running = self._background.start(self._run(self._ready), "embedded neighbours")
        # Shielded: who goes away does not take it from the others.
        await asyncio.shield(self._ready)

    async def _run(self, ready: asyncio.Future[None]) -> None:
        """One process after another, for as long as somebody waits when one ends."""
        try:
            while True:
                self.state = "starting"
                try:
                    async with self._process() as process:
                        self.state = "running"
                        if not ready.done():
                            ready.set_result(None)
                        status = await process.wait()
                except (OSError, TimeoutError, NeighbourError) as error:
                    self._refuse(ready, f"The embedded neighbours could not be started: {error}")
                    return
                self.state = "ended"
                log.warning("the embedded neighbours ended (status %d); all they kept is gone", status)
                self._used.clear()
                if not self._users:
                    return
        finally:
            self._refuse(ready, "The node is stopping.")

    @contextlib.asynccontextmanager
    async def _process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A process that answers; gone after the block, whatever happens."""
        listener = self._listening()
        ours, theirs = socket.socketpair()
        our_calls, their_calls = socket.socketpair()
        with theirs, their_calls:
            descriptors = (listener.fileno(), theirs.fileno(), their_calls.fileno())
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "stoker.neighbours.process",
                    *map(str, descriptors),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    pass_fds=descriptors,
                    env={name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD)},
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                our_calls.close()
                raise
        pushes = self._background.start(self.pushes.serve(ours), "pushes of the embedded neighbours")
        calls = self._background.start(self._answer_calls(our_calls), "calls of the embedded neighbours")
        try:
            assert process.stdout is not None
            async with asyncio.timeout(START_LIMIT_S):
                if await process.stdout.readline() != READY:
                    raise NeighbourError("their process ended while it was starting; the lines above say why")
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            pushes.cancel()
            calls.cancel()

    async def _answer_calls(self, connection: socket.socket) -> None:
        """One after the other, until the process ends."""
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            while True:
                call = await reader.readexactly(frame_length(await reader.readexactly(FRAME_HEADER_BYTES)))
                if self.answer_call is None:
                    return
                writer.write(framed(await self.answer_call(call)))
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            writer.close()

    def _listening(self) -> socket.socket:
        if self._listener is None:
            if self._directory_descriptor < 0:
                self._directory.mkdir(parents=True, exist_ok=True)
                self._directory_descriptor = os.open(self._directory, os.O_DIRECTORY | os.O_CLOEXEC)
            # That of a node which was killed.
            Path(self.address).unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            os.fchmod(listener.fileno(), 0o600)  # before bind: the file gets this mode
            listener.bind(self.address)
            listener.listen(BACKLOG)
            self._listener = listener
        return self._listener

    def _refuse(self, ready: asyncio.Future[None], text: str) -> None:
        """Whoever waits for the process, or in the socket's queue, shall not wait for nothing."""
        self._close_listener()
        if not ready.done():
            ready.set_exception(NeighbourError(text))
            ready.exception()  # perhaps nobody waits

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            Path(self.address).unlink(missing_ok=True)
