"""uvicorn's HTTP protocol on httptools, with the bounds it lacks: on a request's head, and on the time a head may take.

Without them one client could fill memory with a header that never ends, or hold connections open for nothing.
"""

import asyncio
import json
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from stoker.limits import HEADERS_BYTES_MAX

HEADERS_MAX = 512
HEAD_TIMEOUT_S = 30.0
LINGER_S = 1.0


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. A head that is too large or too slow gets its answer and the connection is closed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A new connection has as long for its first head as any later one."""
        super().connection_made(transport)
        self._is_refused = False
        self._head_bytes = 0
        self._is_in_head = True
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(HEAD_TIMEOUT_S, self._head_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer with the connection."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what arrives before a head is complete."""
        if self._is_refused:
            return
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > HEADERS_BYTES_MAX:
            self._refuse(431, "Request header fields too large")

    def on_message_begin(self) -> None:
        """A request has begun: its head is bounded from here."""
        super().on_message_begin()
        if not self._is_in_head:
            self._is_in_head = True
            self._head_bytes = 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_late)

    def on_headers_complete(self) -> None:
        """The head is whole; start the request unless it is absurd."""
        self._is_in_head = False
        self._stop_head_timer()
        if len(self.headers) > HEADERS_MAX:
            raise ValueError(f"more than {HEADERS_MAX} headers")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """The answer to what is not HTTP, in the form of every other error."""
        self._refuse(400, msg)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_late(self) -> None:
        self._head_timer = None
        self._refuse(408, "Request timeout")

    def _refuse(self, status: int, message: str) -> None:
        """Answer, then close once the client had time to read: closing over its unread bytes would reset it."""
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self._stop_head_timer()
        if not self._abandon_request():
            self.transport.close()
            return
        body = json.dumps({"message": message}).encode()
        head = (
            f"content-type: application/json\r\nx-amzn-requestid: {uuid4()}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[status] + head.encode("ascii") + body)
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    def _abandon_request(self) -> bool:
        """Whether an error may be written now: not when another request's answer is due on this connection.

        A request whose body is still arriving is told that its client has gone, so that it ends unanswered.
        """
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        if cycle.response_started or not cycle.more_body or self.pipeline:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        return True
