"""The sockets of listeners, on the node's own address."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from stoker.front_door.arrival import Listening
from stoker.front_door.connections import Connections
from stoker.front_door.endpoints import Answering
from stoker.front_door.tls.certificates import Certificates
from stoker.front_door.tls.connection import TlsConnection
from stoker.load_balancers.errors import BalancerError
from stoker.load_balancers.records import Listener
from stoker.supervision import Background

log = logging.getLogger("stoker.load_balancers")

BACKLOG = 1024


@dataclass(slots=True)
class _Port:
    """`protocol` is what its next connections speak."""

    connections: Connections
    protocol: Literal["HTTP", "HTTPS"]
    server: asyncio.Server | None = None

    def stop_listening(self) -> None:
        if self.server is not None:
            self.server.close()


class Ports:
    """One for each listener, by the listener's ARN."""

    def __init__(
        self, host: str, answering: Callable[[str], Answering], background: Background, grace_s: float
    ) -> None:
        """`answering` is whoever answers at a listener, `grace_s` how long requests may go on when it is deleted."""
        self._host = host
        self._answering = answering
        self._background = background
        self._grace_s = grace_s
        self._certificates: Certificates | None = None
        self._ports: dict[str, _Port] = {}
        self._problems: dict[str, str] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def show(self, certificates: Certificates) -> None:
        """To clients of HTTPS listeners: the node's. Before there is any."""
        self._certificates = certificates

    async def open(self, listeners: Iterable[Listener]) -> None:
        """At the node's start. What cannot be taken any more is told, and shown by `problem`, but is no reason for
        the others, or the node, not to start."""
        for listener in listeners:
            try:
                await self._serve(listener, self._bound(listener.port))
            except BalancerError as error:
                self._problems[listener.arn] = error.message or ""
                log.warning("the listener %s does not answer: %s", listener.arn, error.message)

    def problem(self, listener_arn: str) -> str | None:
        """Why a listener does not answer."""
        return self._problems.get(listener_arn)

    @asynccontextmanager
    async def taken(self, listener: Listener) -> AsyncIterator[None]:
        """Have the listener's port for it, and answer there once the block is left without an error: then, if it had
        another one before, that is closed. Raises InvalidConfigurationRequest."""
        bound = self._bound(listener.port)
        try:
            yield
        except BaseException:
            bound.close()
            raise
        self.close(listener.arn)
        await self._serve(listener, bound)

    def close(self, listener_arn: str) -> None:
        """Accept nothing more, and let running requests end."""
        self._problems.pop(listener_arn, None)
        port = self._ports.pop(listener_arn, None)
        if port is not None:
            port.stop_listening()
            task = self._background.start(port.connections.finish(self._grace_s), f"the end of {listener_arn}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def stop(self, grace_s: float) -> None:
        """All of them, at the node's end."""
        ports, self._ports = list(self._ports.values()), {}
        for port in ports:
            port.stop_listening()
        await asyncio.gather(*(port.connections.finish(grace_s) for port in ports), *self._closing)

    def speak(self, listener: Listener) -> None:
        """Another protocol, from the next connection on, at the same port."""
        self._ports[listener.arn].protocol = listener.protocol

    async def _serve(self, listener: Listener, bound: socket.socket) -> None:
        port = self._ports[listener.arn] = _Port(Connections(), listener.protocol)
        assert self._certificates is not None
        listening = Listening(self._answering(listener.arn), port.connections, self._certificates)

        def connected() -> asyncio.Protocol:
            if port.protocol == "HTTP":
                return listening.http1()
            return TlsConnection(listening.certificates, listening.http, port.connections)

        loop = asyncio.get_running_loop()
        port.server = await loop.create_server(connected, sock=bound, backlog=BACKLOG)

    def _bound(self, port: int) -> socket.socket:
        """It listens already, so that nobody else can: who connects now waits. Raises InvalidConfigurationRequest."""
        bound = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self._host, port))
            bound.listen(BACKLOG)
        except OSError as error:
            bound.close()
            raise _cannot_take(self._host, port, error) from None
        return bound


def _cannot_take(host: str, port: int, error: OSError) -> BalancerError:
    if error.errno == errno.EADDRINUSE:
        why = "something else listens there, another load balancer or another program: a node has each port once"
    elif error.errno == errno.EACCES:
        why = "the node has no right to ports below 1024"
    else:
        why = error.strerror or str(error)
    return BalancerError("InvalidConfigurationRequest", f"Port {port} of {host} cannot be taken: {why}")
