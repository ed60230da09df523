"""The same application on a socket inside each sandbox: whatever a function finds at `AWS_ENDPOINT_URL`.

Who calls there needs no signature to be known: nothing but the one sandbox reaches its socket. All else (limits, times,
operations) is as at the front door.
"""

import asyncio
import socket

import uvicorn
from uvicorn.server import ServerState

from stoker.front_door.protocol import BoundedHttpProtocol
from stoker.front_door.request import SANDBOX_CALLER, Receive, Scope, Send
from stoker.lambda_model.call import Caller

CONNECTIONS_MAX = 128


class SandboxDoors:
    """All of them. Sandboxes may come before the front door is built: their connections wait until `open`."""

    def __init__(self) -> None:
        self._config: uvicorn.Config | None = None
        self._doors: set[SandboxDoor] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, listener: socket.socket, caller: Caller) -> "SandboxDoor":
        """Answer on a listening socket for `caller`, until the door is closed."""
        door = SandboxDoor(self, listener, caller, self._tasks)
        self._doors.add(door)
        if self._config is not None:
            await door.open(self._config)
        return door

    async def open(self, config: uvicorn.Config) -> None:
        """Answer with the application of `config` from now on. Called once."""
        self._config = config
        for door in list(self._doors):
            await door.open(config)

    def forget(self, door: "SandboxDoor") -> None:
        self._doors.discard(door)

    async def close(self) -> None:
        """Close every door and end what was still being answered behind them."""
        for door in list(self._doors):
            door.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class SandboxDoor:
    """One sandbox's."""

    def __init__(
        self, doors: SandboxDoors, listener: socket.socket, caller: Caller, tasks: set[asyncio.Task[None]]
    ) -> None:
        self._doors = doors
        self._listener = listener
        self._caller = caller
        self._state = ServerState()
        # uvicorn runs each request as a task and puts it here; it may outlive its connection and its sandbox.
        self._state.tasks = tasks
        self._server: asyncio.Server | None = None
        self._is_closed = False

    async def open(self, config: uvicorn.Config) -> None:
        """Accept connections."""
        if self._is_closed:
            return
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(config, self._state, self._caller), sock=self._listener
        )

    def close(self) -> None:
        """Accept nothing more and hang up. Doing it twice is fine."""
        self._is_closed = True
        self._doors.forget(self)
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()


class _Connection(BoundedHttpProtocol):
    """A connection whose requests carry who is inside, where no client can put anything."""

    def __init__(self, config: uvicorn.Config, state: ServerState, caller: Caller) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        application = self.app

        async def known(scope: Scope, receive: Receive, send: Send) -> None:
            await application({**scope, SANDBOX_CALLER: caller}, receive, send)

        self.app = known

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """One too many is closed at once."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
