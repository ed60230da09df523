"""The same application on a socket inside each sandbox: whatever a function finds at `AWS_ENDPOINT_URL`.

Who calls there needs no signature to be known: nothing but the one sandbox reaches its socket. All else (limits, times,
operations) is as at the front door.
"""

import asyncio
import socket

from stoker.front_door.application import Application
from stoker.front_door.connections import Connections, cancelled
from stoker.front_door.protocol import HttpConnection
from stoker.lambda_model.call import Caller

CONNECTIONS_MAX = 128


class SandboxDoors:
    """All of them. Sandboxes may come before the front door is built: their connections wait until `open`."""

    def __init__(self) -> None:
        self._application: Application | None = None
        self._doors: set[SandboxDoor] = set()
        # Behind all doors: a request may outlive its connection, its door and its sandbox.
        self._answering: set[asyncio.Task[None]] = set()

    async def add(self, listener: socket.socket, caller: Caller) -> "SandboxDoor":
        """Answer on a listening socket for `caller`, until the door is closed."""
        door = SandboxDoor(self, listener, Connections(self._answering, CONNECTIONS_MAX), caller)
        self._doors.add(door)
        if self._application is not None:
            await door.open(self._application)
        return door

    async def open(self, application: Application) -> None:
        """Answer from now on. Called once."""
        self._application = application
        for door in list(self._doors):
            await door.open(application)

    def forget(self, door: "SandboxDoor") -> None:
        self._doors.discard(door)

    async def close(self) -> None:
        """Close every door and end what was still being answered behind them."""
        for door in list(self._doors):
            door.close()
        await cancelled(self._answering)


class SandboxDoor:
    """One sandbox's."""

    def __init__(self, doors: SandboxDoors, listener: socket.socket, connections: Connections, caller: Caller) -> None:
        self._doors = doors
        self._listener = listener
        self._connections = connections
        self._caller = caller
        self._server: asyncio.Server | None = None
        self._is_closed = False

    async def open(self, application: Application) -> None:
        """Accept connections."""
        if self._is_closed:
            return
        self._server = await asyncio.get_running_loop().create_server(
            lambda: HttpConnection(application, self._connections, self._caller), sock=self._listener
        )

    def close(self) -> None:
        """Accept nothing more and hang up. Doing it twice is fine."""
        self._is_closed = True
        self._doors.forget(self)
        if self._server is not None:
            self._server.close()
        self._connections.abort()
