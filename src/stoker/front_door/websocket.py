"""WebSockets (RFC 6455) on connections that were HTTP before: frames by wsproto, limits and times are ours.

Who talks over them, and of what, is an owner's business. Extensions are not negotiated.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping, TextMessage
from wsproto.utilities import LocalProtocolError, generate_accept_token

from stoker.alarm import Alarm
from stoker.errors import GatewayRefusal
from stoker.front_door.connections import Connections
from stoker.front_door.request import HttpRequest
from stoker.lambda_model.encoding import WireAnswer

VERSION = "13"
# How long a client that is told goodbye may take to say it, too.
LINGER_S = 1.0
_KEY_LENGTH = 24  # of sixteen bytes in base64

NORMAL, GOING_AWAY, UNSUPPORTED_DATA, NO_STATUS, ABNORMAL, TOO_BIG = 1000, 1001, 1003, 1005, 1006, 1009


class SocketLimits(NamedTuple):
    """Of a client's messages and frames, and of a connection: without any frame, and in all. `send_wait_s` is how long
    a client that does not read is waited for."""

    message_bytes_max: int
    frame_bytes_max: int
    idle_s: float
    age_s: float
    send_wait_s: float = 10.0


class SocketOwner(Protocol):
    """Who talks over one WebSocket. Nothing of it waits."""

    def opened(self, socket: "WebSocket") -> None:
        """From now on it can be sent to."""
        ...

    def received(self, text: str) -> None:
        """A whole message."""
        ...

    def closed(self, code: int, reason: str) -> None:
        """That was all: called once, also when the client had gone before the socket was open."""
        ...


class SocketClosedError(Exception):
    """There is nobody at the other end any more."""


class SocketFullError(Exception):
    """The client does not read what it was sent before."""


def check_handshake(request: HttpRequest) -> None:
    """Raise GatewayRefusal for what is no request for a WebSocket, asks for another version, or asks badly (RFC 6455,
    4.2.1 and 4.4)."""
    headers = request.headers
    is_asked = headers.get("upgrade", "").lower() == "websocket" and "upgrade" in _tokens(headers.get("connection", ""))
    if not is_asked or headers.get("sec-websocket-version") != VERSION:
        raise GatewayRefusal(426, "Upgrade Required", {"upgrade": "websocket", "sec-websocket-version": VERSION})
    if request.method != "GET" or len(headers.get("sec-websocket-key", "")) != _KEY_LENGTH:
        raise GatewayRefusal(400, "Bad Request")


def switch(request: HttpRequest, headers: Mapping[str, str], make: Callable[[Connections], "WebSocket"]) -> WireAnswer:
    """The answer that begins a WebSocket; `headers` are further ones (a subprotocol)."""
    accepted = generate_accept_token(request.headers["sec-websocket-key"].encode("latin-1")).decode()
    own = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-accept": accepted}
    return WireAnswer(101, {**headers, **own}, b"", upgrade=make)


def _tokens(value: str) -> set[str]:
    return {token.strip().lower() for token in value.split(",")}


class WebSocket(asyncio.Protocol):
    """The server's side of one."""

    def __init__(self, owner: SocketOwner, limits: SocketLimits, connections: Connections) -> None:
        self._owner = owner
        self._limits = limits
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._frames = Connection(ConnectionType.SERVER)
        self._transport: Any = None
        self._idle = Alarm(self._too_quiet)
        self._timers: list[asyncio.TimerHandle] = []
        self._text: list[str] = []
        self._message_bytes = 0
        self._frame_bytes = 0
        # What the owner will be told, once it is known.
        self._end: tuple[int, str] | None = None
        self._is_ended = False
        # Who sends has it; set while the client does not read.
        self._turn = asyncio.Lock()
        self._writable: asyncio.Future[None] | None = None
        self.active_s = self._loop.time()
        connections.opened(self)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._timers.append(self._loop.call_later(self._limits.age_s, self.close, GOING_AWAY, "Going away"))
        self._touch()
        self._owner.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_ended = True
        self._idle.close()
        for timer in self._timers:
            timer.cancel()
        self.resume_writing()
        code, reason = self._end or (ABNORMAL, "Connection Closed Abnormally")
        self._owner.closed(code, reason)
        self._connections.closed(self)

    def data_received(self, data: bytes) -> None:
        if self._frames.state is ConnectionState.CLOSED:
            return
        self._touch()
        self._frames.receive_data(data)
        for event in self._frames.events():
            self._took(event)
            if self._is_over():
                return

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # What comes

    def _took(self, event: Event) -> None:
        match event:
            case CloseConnection():
                self._closed_by_client(event)
            case Ping():
                self._write(event.response())
            case TextMessage() if self._end is None:
                self._took_text(event)
            case BytesMessage() if self._end is None:
                self.close(UNSUPPORTED_DATA, "Binary messages are not supported")

    def _took_text(self, event: TextMessage) -> None:
        size_bytes = len(event.data.encode())
        self._frame_bytes += size_bytes
        self._message_bytes += size_bytes
        limits = self._limits
        if self._frame_bytes > limits.frame_bytes_max or self._message_bytes > limits.message_bytes_max:
            self.close(TOO_BIG, "Message too big")
            return
        self._text.append(event.data)
        if event.frame_finished:
            self._frame_bytes = 0
        if event.message_finished:
            text, self._text, self._message_bytes = "".join(self._text), [], 0
            self._owner.received(text)

    def _closed_by_client(self, event: CloseConnection) -> None:
        """Or by an error of the client's, which wsproto shows alike."""
        code = int(event.code)
        if self._end is None:
            reason = event.reason or _REASONS.get(code, "")
            self._end = (code, reason)
        if self._frames.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            self._write(event.response())
        self._transport.close()

    def pause(self) -> None:
        """Leave the client unread: its owner has enough."""
        if not self._is_over():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self._is_over():
            self._transport.resume_reading()

    # What is sent

    async def send(self, data: bytes) -> None:
        """One message: text if it is UTF-8, else binary. Raises SocketClosedError and SocketFullError."""
        try:
            async with asyncio.timeout(self._limits.send_wait_s), self._turn:
                while self._writable is not None:
                    await self._writable
        except TimeoutError:
            raise SocketFullError from None
        if self._end is not None or self._is_over():
            raise SocketClosedError
        self._touch()
        self._write(_message(data))

    def _write(self, event: Event) -> None:
        try:
            data = self._frames.send(event)
        except LocalProtocolError:  # goodbye has been said
            return
        if not self._is_over():
            self._transport.write(data)

    # Ending

    def close(self, code: int = NORMAL, reason: str = "Connection Closed Normally") -> None:
        """Say goodbye, and close when the client has said it, too, or takes too long. Doing it twice is fine."""
        if self._end is not None or self._is_over():
            return
        self._end = (code, reason)
        self._write(CloseConnection(code=code, reason=reason))
        self._transport.resume_reading()
        self._timers.append(self._loop.call_later(LINGER_S, self._transport.abort))

    def finish(self) -> None:
        """The node stops."""
        self.close(GOING_AWAY, "Going away")

    def abort(self) -> None:
        self._transport.abort()

    def _too_quiet(self) -> None:
        self.close(GOING_AWAY, "Going away")

    def _touch(self) -> None:
        self.active_s = self._loop.time()
        self._idle.set(self.active_s + self._limits.idle_s)

    def _is_over(self) -> bool:
        return self._is_ended or self._transport is None or self._transport.is_closing()


_REASONS = {NO_STATUS: "Client-side close frame status not set", NORMAL: "Connection Closed Normally"}


def _message(data: bytes) -> Message[Any]:
    try:
        return TextMessage(data=data.decode())
    except UnicodeDecodeError:
        return BytesMessage(data=data)
