"""The HTTP server of a node, on a socket that is already bound. Signals belong to whoever starts the node."""

import asyncio
import socket
from collections.abc import Collection, Mapping, Sequence

from stoker.clock import Clock, SystemClock
from stoker.config import Settings
from stoker.front_door.application import Application
from stoker.front_door.arrival import Arrival, Listening
from stoker.front_door.connections import Connections
from stoker.front_door.endpoints import Sites
from stoker.front_door.json_services import JsonService
from stoker.front_door.neighbours import Neighbours
from stoker.front_door.query_services import QueryService
from stoker.front_door.raw_routes import RawRoute
from stoker.front_door.rest_services import RestService
from stoker.front_door.sandbox_doors import SandboxDoors
from stoker.front_door.tls.certificates import Certificates
from stoker.front_door.tls.route import authority_route
from stoker.lambda_model.call import Operation
from stoker.role_sessions import RoleSessions

BACKLOG = 2048


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
        query_services: Collection[QueryService] = (),
        role_sessions: RoleSessions | None = None,
        sites: Sequence[Sites] = (),
    ) -> None:
        """`listener` is bound and belongs to the front door from here on: `stop` closes it. `neighbours` answer for
        other services, `sandbox_doors` open with the front door, `role_sessions` know functions' credentials. `sites`
        are asked before all others, in this order.

        Raises ValueError for operations that the service models do not know, SettingsError for a certificate that
        cannot be used.
        """
        self._certificates = Certificates(settings)
        self._application = Application(
            settings,
            operations,
            json_services,
            {**raw_routes, **authority_route(self._certificates)},
            clock or SystemClock(),
            neighbours,
            rest_services,
            query_services,
            role_sessions,
            sites,
        )
        self._listener = listener
        self._sandbox_doors = sandbox_doors
        self._connections = Connections()
        self._server: asyncio.Server | None = None

    @property
    def certificates(self) -> Certificates:
        """What the node shows to who speaks TLS: one for all of its ports."""
        return self._certificates

    async def start(self) -> None:
        """Listen; when this returns, requests are answered. Raises OSError when the socket cannot listen."""
        listening = Listening(self._application, self._connections, self._certificates)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Arrival(listening), sock=self._listener, backlog=BACKLOG
        )
        if self._sandbox_doors is not None:
            await self._sandbox_doors.open(self._application)

    async def stop(self, grace_s: float) -> None:
        """Accept nothing more, let running requests end for at most `grace_s` seconds, then cancel them."""
        if self._server is None:
            self._listener.close()
            return
        server, self._server = self._server, None
        server.close()
        await self._connections.finish(grace_s)
