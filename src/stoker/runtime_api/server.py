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

from stoker.gathered import Gathered
from stoker.runtime_api import extension_routes
from stoker.runtime_api.credentials import CREDENTIALS_PATH, Credentials
from stoker.runtime_api.error_cause import divided
from stoker.runtime_api.exchange import (
    END_HEARD_WITHIN_S,
    NOT_FOUND,
    PONG,
    Event,
    Exchange,
    Failed,
    Reply,
    RuntimeEnded,
    RuntimeState,
    refusal,
)
from stoker.runtime_api.extensions import Extensions
from stoker.runtime_api.metadata import METADATA_PATH, Metadata
from stoker.runtime_api.streaming import ResponseStream

CONNECTIONS_MAX = 128
HEAD_BYTES_MAX = 1024 * 1024
# A request for the next event may overtake the end of the response before it, which is on another connection. Looked at
# so many times again, so much later, it finds what was sent before it; whatever else would be refused, is.
OVERTAKING_LOOKS = 2
OVERTAKING_S = 0.025
# A connection of a runtime that has ended may still wait to be accepted.
ACCEPTED_WITHIN_S = 0.02
_PREFIX = "/2018-06-01/"
_ERROR_WITH_CAUSE = "application/vnd.aws.lambda.error.cause+json"
_INVOCATION = "runtime/invocation/"
_REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
}
_RESTORED = Reply(200, b"")
_TRUNCATED = refusal(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")


class RuntimeApi:
    """Serves one environment's Exchange, and its Extensions, on its sandbox's listening socket."""

    def __init__(
        self, exchange: Exchange, extensions: Extensions, metadata: Metadata, credentials: Credentials | None = None
    ) -> None:
        """With `credentials` the environment is initialised for snapshots: only then are there routes for restoring."""
        self.exchange = exchange
        self.extensions = extensions
        self.metadata = metadata
        self.credentials = credentials
        self._connections: set[RuntimeConnection] = set()
        self._server: asyncio.Server | None = None
        # How the runtime ended, until that is told; and whether nothing but its open connections keeps it from being.
        self._end: RuntimeEnded | None = None
        self._hears_end = False

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
        if self._hears_end:
            self._end_if_read(self._end)

    def ended(self, end: RuntimeEnded) -> None:
        """The runtime's process is gone. What it wrote of a streamed response is read before anybody is told."""
        if self._end is not None:
            return
        self._end, self._hears_end = end, False
        if self.exchange.streams:
            loop = asyncio.get_running_loop()
            loop.call_later(ACCEPTED_WITHIN_S, self._end_if_read, end)
            loop.call_later(END_HEARD_WITHIN_S, self._end_late, end)
        else:
            self.hang_up()

    def _end_if_read(self, end: RuntimeEnded | None) -> None:
        if self._end is end:
            self._hears_end = True
            if all(connection.is_extension for connection in self._connections):
                self._tell_end()

    def _end_late(self, end: RuntimeEnded) -> None:
        if self._end is end:
            self.hang_up()

    def _tell_end(self) -> None:
        if self._end is not None:
            end, self._end, self._hears_end = self._end, None, False
            self.exchange.ended(end)

    def hang_up(self, *, on_extensions: bool = False) -> None:
        """Close the connections of a runtime that is gone, or of everybody; a new one may connect."""
        self._tell_end()
        for connection in list(self._connections):
            if on_extensions or not connection.is_extension:
                connection.abort()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.hang_up(on_extensions=True)


class RuntimeConnection(asyncio.Protocol):
    """One connection: requests in turn, each answered before the next is looked at."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting_poll: Callable[[Event], None] | None = None
        self._waiting_restore: Callable[[], None] | None = None
        self._waiting_extension: Callable[[Reply], None] | None = None
        # An extension's connection outlives the runtime.
        self.is_extension = False
        # The client said `Connection: close` (RFC 9112, 9.6).
        self._is_last = False
        # Why nothing is read at present: answers that the runtime does not fetch, a response that its caller does not.
        self._has_unread_answers = False
        self._has_unread_response = False
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._head_bytes = 0
        self._body = Gathered()
        self._body_bytes = 0
        self._headers: dict[bytes, bytes] = {}
        self._stream: ResponseStream | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if not self._api.admit(self):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._api.forget(self)
        if self._waiting_poll is not None:
            self._api.exchange.forget_poll(self._waiting_poll)
        if self._waiting_restore is not None:
            self._api.exchange.forget_resume(self._waiting_restore)
        if self._waiting_extension is not None:
            self._api.extensions.forget(self._waiting_extension)
        if self._stream is not None:
            self._api.exchange.break_stream(self._stream)
        elif self._url and self._parser.get_method() == b"POST":
            request_id, what = _answered(self._path())
            if what == "response":
                self._api.exchange.break_response(request_id)

    def eof_received(self) -> None:
        """Nothing more will come; what has not come by now is missing. The connection closes once this is said."""
        if self._url:
            self._write(_TRUNCATED)

    def pause_writing(self) -> None:
        """Whoever does not read its answers is not listened to any longer, or they would fill the node's memory."""
        self._has_unread_answers = True
        self._read_or_wait()

    def resume_writing(self) -> None:
        self._has_unread_answers = False
        self._read_or_wait()

    def _go_on(self) -> None:
        """The caller of a streamed response has read what there was."""
        if self._has_unread_response:
            self._has_unread_response = False
            self._read_or_wait()

    def _read_or_wait(self) -> None:
        if self._transport.is_closing():
            return
        if self._has_unread_answers or self._has_unread_response:
            self._transport.pause_reading()
        else:
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
        if self._response_mode() == "streaming" and self._waiting_poll is None:
            self._stream = self._open_stream()

    def on_body(self, body: bytes) -> None:
        # Counted from here on are the trailers.
        self._head_bytes = 0
        if self._stream is not None:
            if not self._stream.write(body):
                self._has_unread_response = True
                self._read_or_wait()
            return
        self._body_bytes += len(body)
        if self._body_bytes <= self._api.exchange.response_bytes_max:
            self._body.add(body)
        else:
            # Read on, so that the runtime gets to hear the refusal, but keep nothing.
            self._body = Gathered()

    def on_message_complete(self) -> None:
        if self._waiting_poll is not None or self._waiting_restore is not None or self._waiting_extension is not None:
            # An answer to this request would be taken for what the one before still waits for.
            self.abort()
            return
        self._is_last = not self._parser.should_keep_alive()
        reply = self._dispatch() if self._stream is None else self._close_stream(self._stream)
        if reply is not None:
            self._write(reply)
        self._begin()

    # The operations

    def _dispatch(self) -> Reply | None:
        method = self._parser.get_method()
        path = self._path()
        if path == "runtime/invocation/next":
            return self._next() if method == b"GET" else _method_not_allowed()
        if path == "ping":
            return PONG
        request_id, what = _answered(path)
        if what in ("response", "error"):
            return self._answer(request_id, what) if method == b"POST" else _method_not_allowed()
        if path == "runtime/init/error":
            return self._init_error() if method == b"POST" else _method_not_allowed()
        full_path = self._full_path()
        if extension_routes.is_extensions(full_path):
            return self._of_extensions(method, full_path)
        if full_path == METADATA_PATH:
            return self._api.metadata.answer(method, self._headers.get(b"authorization", b""))
        return NOT_FOUND if self._api.credentials is None else self._of_snapshot(method, path, self._api.credentials)

    def _of_extensions(self, method: bytes, path: str) -> Reply | None:
        self.is_extension = True
        self._waiting_extension = self._send_to_extension
        body, send = self._body.whole(), self._waiting_extension
        reply = extension_routes.answer(self._api.extensions, method, path, self._headers, body, send)
        if reply is not None:
            self._waiting_extension = None
        return reply

    def _send_to_extension(self, reply: Reply) -> None:
        self._waiting_extension = None
        self._write(reply)

    def _of_snapshot(self, method: bytes, path: str, credentials: Credentials) -> Reply | None:
        """The operations that only environments made for snapshots have."""
        if path == "runtime/restore/next":
            return self._restore_next() if method == b"GET" else _method_not_allowed()
        if path == "runtime/restore/error":
            return self._restore_error() if method == b"POST" else _method_not_allowed()
        if self._full_path() == CREDENTIALS_PATH and method == b"GET":
            return credentials.answer(self._headers.get(b"authorization", b"")) or NOT_FOUND
        return NOT_FOUND

    def _restore_next(self) -> Reply | None:
        self._waiting_restore = self._send_restored
        refused = self._api.exchange.restore_next(self._waiting_restore)
        if refused is not None:
            self._waiting_restore = None
        return refused

    def _send_restored(self) -> None:
        self._waiting_restore = None
        self._write(_RESTORED)

    def _restore_error(self) -> Reply:
        return self._api.exchange.fail_restore(self._body.whole(), self._error_type())

    def _next(self) -> Reply | None:
        self._waiting_poll = self._send_event
        if self._api.exchange.state is RuntimeState.RUNNING:
            self._look_again(OVERTAKING_LOOKS)
            return None
        return self._asked_next(self._waiting_poll)

    def _asked_next(self, poll: Callable[[Event], None]) -> Reply | None:
        refused = self._api.exchange.next(poll)
        if refused is not None:
            self._waiting_poll = None
        return refused

    def _look_again(self, looks: int) -> None:
        asyncio.get_running_loop().call_later(OVERTAKING_S, self._next_late, looks - 1)

    def _next_late(self, looks: int) -> None:
        if self._waiting_poll is None or self._transport.is_closing():
            return
        if looks and self._api.exchange.state is RuntimeState.RUNNING:
            self._look_again(looks)
        elif (refused := self._asked_next(self._waiting_poll)) is not None:
            self._write(refused)

    def _answer(self, request_id: str, what: str) -> Reply:
        is_whole = self._body_bytes <= self._api.exchange.response_bytes_max
        payload = self._body.whole() if is_whole else None
        if what == "error":
            document, cause = self._error_and_cause(payload or b"")
            return self._api.exchange.fail(request_id, document, self._error_type(), cause)
        broken = self._failure_in_trailers()
        if broken is not None:
            return self._api.exchange.fail(request_id, broken.payload, broken.error_type)
        return self._api.exchange.respond(request_id, payload, self._content_type(), self._response_mode())

    def _error_and_cause(self, document: bytes) -> tuple[bytes, bytes]:
        """For the caller and for X-Ray: either in a header, or both in one document (reference: runtime side, 2.3)."""
        if self._content_type() == _ERROR_WITH_CAUSE:
            return divided(document)
        return document, self._headers.get(b"lambda-runtime-function-xray-error-cause", b"")

    def _open_stream(self) -> ResponseStream | None:
        request_id, what = _answered(self._path())
        if what != "response" or self._parser.get_method() != b"POST":
            return None
        return self._api.exchange.open_stream(request_id, self._content_type(), self._go_on)

    def _close_stream(self, stream: ResponseStream) -> Reply:
        # The rest of it waits in the sink; the runtime's next request shall not wait with it.
        self._go_on()
        return self._api.exchange.close_stream(stream, self._failure_in_trailers())

    def _init_error(self) -> Reply:
        return self._api.exchange.fail_init(self._body.whole(), self._error_type())

    def _failure_in_trailers(self) -> Failed | None:
        """What went wrong in the middle of a response (reference: runtime side, 2.4)."""
        document = self._headers.get(b"lambda-runtime-function-error-body")
        return None if document is None else Failed(_decoded(document), self._error_type())

    def _full_path(self) -> str:
        return self._url.decode("latin-1").partition("?")[0]

    def _path(self) -> str:
        """What is asked for, without the prefix; "" for what does not have it."""
        path = self._full_path()
        return path[len(_PREFIX) :] if path.startswith(_PREFIX) else ""

    def _content_type(self) -> str:
        return self._headers.get(b"content-type", b"").decode("latin-1")

    def _response_mode(self) -> str:
        return self._headers.get(b"lambda-runtime-function-response-mode", b"").decode("latin-1")

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
                b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\n%bContent-Length: %d\r\n\r\n%b"
                % (
                    reply.status,
                    _REASONS[reply.status].encode(),
                    reply.content_type,
                    reply.head,
                    len(reply.body),
                    reply.body,
                )
            )
        if self._is_last:
            self._transport.close()


def _answered(path: str) -> tuple[str, str]:
    """The request id in `invocation/…/response` and its like, and what follows it; "" and "" for other paths."""
    if not path.startswith(_INVOCATION):
        return "", ""
    request_id, _, what = path[len(_INVOCATION) :].rpartition("/")
    return unquote(request_id), what


def _decoded(trailer: bytes) -> bytes:
    """The error document in a trailer; what is no base64 is passed on as it came."""
    try:
        return base64.b64decode(trailer, validate=True)
    except binascii.Error:
        return trailer


def _method_not_allowed() -> Reply:
    return Reply(405, b"")
