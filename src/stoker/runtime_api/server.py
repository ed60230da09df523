"""The Runtime API's HTTP, spoken on a socket inside each sandbox (reference: runtime side, 1 and 2).

A hand-written protocol on httptools, because every invocation passes here twice (decision 0021). Whoever connects may
be hostile: sizes, counts and the order of requests are bounded, and a broken request costs only its connection.
"""

import asyncio
import base64
import binascii
import contextlib
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httptools

from stoker.limits import RESPONSE_PAYLOAD_BYTES_MAX
from stoker.runtime_api.exchange import Event, Exchange, Reply, refusal

CONNECTIONS_MAX = 128
HEAD_BYTES_MAX = 1024 * 1024
_PREFIX = "/2018-06-01/"
_INVOCATION = "runtime/invocation/"
_REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
}
_NOT_FOUND = Reply(404, b"404 page not found\n")


class RuntimeApi:
    """Serves one environment's Exchange on its sandbox's listening socket."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._connections: set[RuntimeConnection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: RuntimeConnection(self), sock=listener)

    def admit(self, connection: "RuntimeConnection") -> bool:
        if len(self._connections) >= CONNECTIONS_MAX:
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: "RuntimeConnection") -> None:
        self._connections.discard(connection)

    def hang_up(self) -> None:
        """Close the connections of a runtime that is gone; a new one may connect."""
        for connection in list(self._connections):
            connection.abort()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.hang_up()


class RuntimeConnection(asyncio.Protocol):
    """One connection: requests in turn, each answered before the next is looked at."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting_poll: Callable[[Event], None] | None = None
        # The client said `Connection: close` (RFC 9112, 9.6).
        self._is_last = False
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._headers: dict[bytes, bytes] = {}

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if not self._api.admit(self):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._api.forget(self)
        if self._waiting_poll is not None:
            self._api.exchange.forget_poll(self._waiting_poll)

    def pause_writing(self) -> None:
        """Whoever does not read its answers is not listened to any longer, or they would fill the node's memory."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            # Covers httptools' upgrade error too: nobody upgrades this protocol.
            self._write(refusal(400, "InvalidRequestFormat", "Malformed HTTP request"))
            self._transport.close()
            return
        if self._head_bytes > HEAD_BYTES_MAX:
            self.abort()

    def abort(self) -> None:
        self._transport.abort()

    # httptools

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer of a streamed response arrives here too, after the body, and tells of an error in its middle.
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        # libcurl, on which AWS's clients rest, waits for this before it sends a large body.
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        # Counted from here on are the trailers.
        self._head_bytes = 0
        self._body_bytes += len(body)
        if self._body_bytes <= RESPONSE_PAYLOAD_BYTES_MAX:
            self._body.append(body)
        else:
            # Read on, so that the runtime gets to hear the refusal, but keep nothing.
            self._body = [b""]

    def on_message_complete(self) -> None:
        if self._waiting_poll is not None:
            # An answer to this request would be taken for the event that the one before still waits for.
            self.abort()
            return
        self._is_last = not self._parser.should_keep_alive()
        reply = self._dispatch()
        if reply is not None:
            self._write(reply)
        self._begin()

    # The operations

    def _dispatch(self) -> Reply | None:
        method = self._parser.get_method()
        path = self._url.decode("latin-1").partition("?")[0]
        if not path.startswith(_PREFIX):
            return _NOT_FOUND
        path = path[len(_PREFIX) :]
        if path == "runtime/invocation/next":
            return self._next() if method == b"GET" else _method_not_allowed()
        if path == "ping":
            return Reply(200, b"pong")
        if path.startswith(_INVOCATION):
            request_id, _, what = path[len(_INVOCATION) :].rpartition("/")
            if what in ("response", "error"):
                return self._answer(unquote(request_id), what) if method == b"POST" else _method_not_allowed()
        if path == "runtime/init/error":
            return self._init_error() if method == b"POST" else _method_not_allowed()
        return _NOT_FOUND

    def _next(self) -> Reply | None:
        self._waiting_poll = self._send_event
        refused = self._api.exchange.next(self._waiting_poll)
        if refused is not None:
            self._waiting_poll = None
        return refused

    def _answer(self, request_id: str, what: str) -> Reply:
        is_whole = self._body_bytes <= RESPONSE_PAYLOAD_BYTES_MAX
        payload = b"".join(self._body) if is_whole else None
        if what == "error":
            return self._api.exchange.fail(request_id, payload or b"", self._error_type())
        broken = self._headers.get(b"lambda-runtime-function-error-body")
        if broken is not None:
            return self._api.exchange.fail(request_id, _decoded(broken), self._error_type())
        return self._api.exchange.respond(
            request_id,
            payload,
            self._headers.get(b"content-type", b"").decode("latin-1"),
            self._headers.get(b"lambda-runtime-function-response-mode", b"").decode("latin-1"),
        )

    def _init_error(self) -> Reply:
        return self._api.exchange.fail_init(b"".join(self._body), self._error_type())

    def _error_type(self) -> str:
        return self._headers.get(b"lambda-runtime-function-error-type", b"").decode("latin-1")

    def _send_event(self, event: Event) -> None:
        self._waiting_poll = None
        head = b"%b\r\nContent-Length: %d\r\n\r\n" % (event.head, len(event.payload))
        if len(event.payload) < 16384:
            self._transport.write(head + event.payload)
        else:
            self._transport.writelines((head, event.payload))
        if self._is_last:
            self._transport.close()

    def _write(self, reply: Reply) -> None:
        with contextlib.suppress(OSError):
            self._transport.write(
                b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (reply.status, _REASONS[reply.status].encode(), len(reply.body), reply.body)
            )
        if self._is_last:
            self._transport.close()


def _decoded(trailer: bytes) -> bytes:
    """The error document in a trailer; what is no base64 is passed on as it came."""
    try:
        return base64.b64decode(trailer, validate=True)
    except binascii.Error:
        return trailer


def _method_not_allowed() -> Reply:
    return Reply(405, b"")
