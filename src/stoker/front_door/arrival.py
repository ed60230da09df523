"""A new connection, until its first bytes say what is spoken: HTTP/1.1, HTTP/2 or TLS, all on the one port.

A TLS record begins with the byte 22 (RFC 8446, 5.1), HTTP/2 with a preface of its own (RFC 9113, 3.4); neither can
begin a request of HTTP/1.1.
"""

import asyncio
from typing import Any, NamedTuple

from stoker.alarm import Alarm
from stoker.front_door import protocol
from stoker.front_door.connections import Connections
from stoker.front_door.endpoints import Answering
from stoker.front_door.http2.connection import Http2Connection
from stoker.front_door.protocol import HttpConnection
from stoker.front_door.tls.certificates import Certificates
from stoker.front_door.tls.connection import TlsConnection

TLS_HANDSHAKE = 22
HTTP2_BEGINNING = b"PRI"  # no method of HTTP/1.1's begins like this
HTTP2_NAME = "h2"


class Listening(NamedTuple):
    """What every connection of one listener needs."""

    application: Answering
    connections: Connections
    certificates: Certificates

    def http(self, name: str | None) -> asyncio.Protocol:
        """What speaks the protocol of this name (RFC 7301), HTTP/1.1 when none was chosen."""
        if name == HTTP2_NAME:
            return Http2Connection(self.application, self.connections)
        return self.http1()

    def http1(self) -> HttpConnection:
        return HttpConnection(self.application, self.connections)


class Arrival(asyncio.Protocol):
    """Hands its transport on with the first bytes."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._transport: Any = None
        self._beginning = b""
        self._alarm = Alarm(self._late)
        self._alarm.set(asyncio.get_running_loop().time() + protocol.HEAD_TIMEOUT_S)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if not self._listening.connections.opened(self):
            self.abort()

    def data_received(self, data: bytes) -> None:
        beginning = self._beginning + data if self._beginning else data
        if beginning[0] == TLS_HANDSHAKE:
            certificates, connections = self._listening.certificates, self._listening.connections
            self._hand_to(TlsConnection(certificates, self._listening.http, connections), beginning)
        elif beginning.startswith(HTTP2_BEGINNING):
            self._hand_to(self._listening.http(HTTP2_NAME), beginning)
        elif HTTP2_BEGINNING.startswith(beginning):
            self._beginning = beginning
        else:
            self._hand_to(self._listening.http(None), beginning)

    def connection_lost(self, exc: Exception | None) -> None:
        self._alarm.close()
        self._listening.connections.closed(self)

    def _hand_to(self, speaker: asyncio.Protocol, beginning: bytes = b"") -> None:
        self._alarm.close()
        self._transport.set_protocol(speaker)
        speaker.connection_made(self._transport)
        self._listening.connections.closed(self)
        if beginning:
            speaker.data_received(beginning)

    def _late(self) -> None:
        """Whoever says nothing is told so in the oldest of these languages."""
        speaker = self._listening.http1()
        self._hand_to(speaker, self._beginning)
        speaker.late()

    def finish(self) -> None:
        """Nobody has asked anything yet."""
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()
