"""The HTTP server of a node: uvicorn on a socket that is already bound, run as a task of this process.

Signals and the socket belong to whoever starts the node; logging is the node's own.
"""

import asyncio
import contextlib
import math
import socket
from collections.abc import Collection, Iterator, Mapping

import uvicorn

from stoker.clock import Clock, SystemClock
from stoker.config import Settings
from stoker.front_door.application import Application
from stoker.front_door.json_services import JsonService
from stoker.front_door.neighbours import Neighbours
from stoker.front_door.protocol import BoundedHttpProtocol
from stoker.front_door.raw_routes import RawRoute
from stoker.front_door.rest_services import RestService
from stoker.front_door.sandbox_doors import SandboxDoors
from stoker.lambda_model.call import Operation

KEEP_ALIVE_S = 75
BACKLOG = 2048


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with an event for having started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_listening.set()


class FrontDoor:
    """The one listener of a node."""

    def __init__(
        self,
        settings: Settings,
        operations: Mapping[str, Operation],
        json_services: Mapping[str, JsonService],
        raw_routes: Mapping[str, RawRoute],
        listener: socket.socket,
        clock: Clock | None = None,
        neighbours: Neighbours | None = None,
        sandbox_doors: SandboxDoors | None = None,
        rest_services: Collection[RestService] = (),
    ) -> None:
        """`listener` is bound and belongs to the front door from here on: `stop` closes it. `neighbours` answer for
        other services, and `sandbox_doors` open with the front door.

        Raises ValueError for operations that the service models do not know.
        """
        application = Application(
            settings, operations, json_services, raw_routes, clock or SystemClock(), neighbours, rest_services
        )
        self._listener = listener
        self._sandbox_doors = sandbox_doors
        self._config = uvicorn.Config(
            application,
            http=BoundedHttpProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            loop="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            backlog=BACKLOG,
        )
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; when this returns, requests are answered. Raises OSError when the socket cannot listen."""
        self._server = _Server(self._config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="front door")
        listening = asyncio.create_task(self._server.is_listening.wait())
        await asyncio.wait({self._serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._serving.done():
            serving, self._server, self._serving = self._serving, None, None
            await serving
        if self._sandbox_doors is not None:
            await self._sandbox_doors.open(self._config)

    async def stop(self, grace_s: float) -> None:
        """Accept nothing more, let running requests end for at most `grace_s` seconds, then cancel them."""
        if self._server is None or self._serving is None:
            self._listener.close()
            return
        self._config.timeout_graceful_shutdown = math.ceil(grace_s)
        self._server.should_exit = True
        await self._serving
        await asyncio.gather(*self._server.server_state.tasks, return_exceptions=True)
        self._server = self._serving = None
