"""TLS between a socket and HTTP: a protocol to the one, a transport to the other.

By hand on OpenSSL's memory buffers, because the first bytes have been read already when it is known that they are TLS:
asyncio's own TLS begins with an unread socket. Nothing is held but one read of the socket and what OpenSSL has of a
record; back-pressure passes through in both directions.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Iterable
from typing import Any

from stoker.alarm import Alarm
from stoker.front_door.connections import Connections
from stoker.front_door.tls.certificates import Certificates, TlsUnavailableError

log = logging.getLogger("stoker.front_door")

HANDSHAKE_TIMEOUT_S = 10.0
# What may arrive before there is a certificate.
HELLO_BYTES_MAX = 64 * 1024
READ_BYTES_MAX = 256 * 1024
# Answers to key updates (RFC 8446, 4.6.3) of a peer that reads none of them.
UNREAD_ANSWERS_MAX = 32
# A fatal alert, "internal_error" (RFC 8446, 6), for who cannot be given a certificate.
_ALERT = b"\x15\x03\x03\x00\x02\x02\x50"


class TlsConnection(asyncio.Protocol, asyncio.Transport):
    """One connection. `protocol_for` makes what speaks HTTP, by the protocol that both sides chose."""

    def __init__(
        self,
        certificates: Certificates,
        protocol_for: Callable[[str | None], asyncio.Protocol],
        connections: Connections,
    ) -> None:
        self._certificates = certificates
        self._protocol_for = protocol_for
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self.abort)
        self._socket: Any = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._start_task: asyncio.Task[None] | None = None
        # HTTP, once hands have been shaken.
        self._http: asyncio.Protocol | None = None
        self._is_read_paused = False
        self._is_write_paused = False
        self._has_ended = False
        self._unread_answers = 0

    # To the socket: asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = transport
        if not self._connections.opened(self):
            self.abort()
        self._alarm.set(self._loop.time() + HANDSHAKE_TIMEOUT_S)
        context = self._certificates.ready()
        if context is not None:
            self._use(context)
        else:
            self._start_task = self._loop.create_task(self._wait_for_certificate())
            self._connections.begun(self._start_task)

    def data_received(self, data: bytes) -> None:
        if self._has_ended:
            return
        self._incoming.write(data)
        if self._http is not None:
            self._read()
        elif self._tls is not None:
            self._shake_hands()
        elif self._incoming.pending > HELLO_BYTES_MAX:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_ended = True
        self._alarm.close()
        if self._start_task is not None:
            self._start_task.cancel()
        http, self._http, self._tls = self._http, None, None
        if http is not None:
            http.connection_lost(exc)
        else:
            self._connections.closed(self)

    def pause_writing(self) -> None:
        self._is_write_paused = True
        if self._http is not None:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        self._is_write_paused = False
        self._unread_answers = 0
        if self._http is not None:
            self._http.resume_writing()

    # The beginning

    async def _wait_for_certificate(self) -> None:
        assert self._start_task is not None
        try:
            context = await self._certificates.context()
        except TlsUnavailableError as error:
            self._certificates.complain(error)
            self._hang_up(_ALERT)
        except asyncio.CancelledError:
            self.abort()
        except Exception:
            log.exception("there is no certificate")
            self._hang_up(_ALERT)
        else:
            if not self.is_closing():
                self._use(context)
        finally:
            self._connections.ended(self._start_task)
            self._start_task = None

    def _use(self, context: ssl.SSLContext) -> None:
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        if self._incoming.pending:
            self._shake_hands()

    def _shake_hands(self) -> None:
        assert self._tls is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError:
            self._hang_up(self._outgoing.read())  # what OpenSSL has to say about it
            return
        self._alarm.clear()
        self._flush()
        self._http = self._protocol_for(self._tls.selected_alpn_protocol())
        self._http.connection_made(self)
        self._connections.closed(self)
        self._read()

    def _hang_up(self, last: bytes) -> None:
        if not self.is_closing():
            self._has_ended = True
            self._socket.write(last)
            self._socket.close()

    # To HTTP: asyncio.Transport

    def _read(self) -> None:
        while not self._is_read_paused and self._tls is not None and self._http is not None and not self.is_closing():
            try:
                data = self._tls.read(READ_BYTES_MAX)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError:  # the end, or what is no TLS
                self._hang_up(self._outgoing.read())
                return
            if not data:
                self.close()
                return
            self._http.data_received(data)
        if self._is_write_paused and self._outgoing.pending:
            self._unread_answers += 1
            if self._unread_answers > UNREAD_ANSWERS_MAX:
                self.abort()
        self._flush()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._tls is not None and data and not self._has_ended and not self.is_closing():
            self._tls.write(data)
            self._flush()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        for data in list_of_data:
            self.write(data)

    def _flush(self) -> None:
        if self._outgoing.pending and not self._socket.is_closing():
            self._socket.write(self._outgoing.read())

    def pause_reading(self) -> None:
        self._is_read_paused = True
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        self._is_read_paused = False
        self._socket.resume_reading()
        self._loop.call_soon(self._read)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Say that this was all (RFC 8446, 6.1), and read nothing more."""
        if self._tls is None or self._has_ended:
            return
        with contextlib.suppress(ssl.SSLError):  # the other side has not said so yet
            self._tls.unwrap()
        self._flush()
        self._has_ended = True

    def close(self) -> None:
        self.write_eof()
        self._socket.close()

    def abort(self) -> None:
        self._socket.abort()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """What HTTP has become: a WebSocket."""
        assert isinstance(protocol, asyncio.Protocol)
        self._http = protocol

    def is_closing(self) -> bool:
        return bool(self._socket.is_closing())

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._tls if name == "ssl_object" else self._socket.get_extra_info(name, default)

    # Of its listener's

    def finish(self) -> None:
        """Nobody has asked anything yet."""
        self.abort()
