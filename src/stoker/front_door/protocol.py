"""HTTP/1.1 on one connection, by hand on httptools: requests in turn, each answered by a task of its own.

By hand because every invocation passes here (decision 0037), and because whoever connects may be hostile: heads are
bounded in size and time, bodies are left unread when nobody wants them, and what is not HTTP is told so once.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import httptools

from stoker.alarm import Alarm
from stoker.front_door.connections import Connections
from stoker.front_door.endpoints import Answering
from stoker.front_door.request import (
    ClientGoneError,
    IncomingBody,
    RequestHead,
    TlsSession,
    new_request_id,
    tls_session,
)
from stoker.front_door.response import LAST_CHUNK, ResponseHead, chunk, response_head
from stoker.lambda_model.call import Caller
from stoker.lambda_model.encoding import BrokenAnswerError, WireAnswer
from stoker.limits import HEADERS_BYTES_MAX

log = logging.getLogger("stoker.front_door")

HEADERS_MAX = 512
HEAD_TIMEOUT_S = 30.0
KEEP_ALIVE_S = 75.0
LINGER_S = 1.0
# A longer target, or one that is no path, is taken apart by the parser's library, which knows URLs and has a bound.
PLAIN_TARGET_BYTES_MAX = 4096
# A smaller body is written together with its head; a larger one is not copied for that.
JOINED_BYTES_MAX = 16 * 1024


class _Turn:
    """One request, until its answer is written."""

    __slots__ = ("body", "expects_continue", "has_begun", "head", "is_last", "is_over", "may_chunk", "task")

    def __init__(self, head: RequestHead, body: IncomingBody, *, is_last: bool, may_chunk: bool) -> None:
        self.head = head
        self.body = body
        self.is_last = is_last
        self.may_chunk = may_chunk
        # Whether the client holds its body back until it is asked for.
        self.expects_continue = False
        self.has_begun = False
        self.is_over = False
        self.task: asyncio.Task[None] | None = None


class HttpConnection(asyncio.Protocol):
    """One connection. `sandbox_caller` is who is at its other end, if it comes from inside a sandbox."""

    def __init__(self, application: Answering, connections: Connections, sandbox_caller: Caller | None = None) -> None:
        self._application = application
        self._connections = connections
        self._sandbox_caller = sandbox_caller
        self._loop = asyncio.get_running_loop()
        self._parser: Any = self._new_parser()
        self._transport: Any = None
        self._address = ""
        self._source_ip = ""
        self._tls: TlsSession | None = None
        self._alarm = Alarm(self.late)
        # The request that is arriving, the one that is being answered, and those that wait for their turn.
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_names: list[bytes] = []
        self._expects_continue = False
        self._head_bytes = 0
        self._is_in_head = True
        self._arriving: _Turn | None = None
        self._answered: _Turn | None = None
        self._waiting: deque[_Turn] = deque()
        self._is_refused = False
        self._is_gone = False
        self._is_finishing = False
        self._is_unread = False
        # What came after a request for a WebSocket: its frames, if the request is followed.
        self._frames: bytearray | None = None
        # Set while the client does not read its answers.
        self._writable: asyncio.Future[None] | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        host, port = transport.get_extra_info("sockname")[:2]
        self._address = f"{host}:{port}"
        self._source_ip = (transport.get_extra_info("peername") or ("",))[0]
        self._tls = tls_session(transport)
        if not self._connections.opened(self):
            self.abort()
        self._alarm.set(self._loop.time() + HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_gone = True
        self._parser = None  # it holds this connection
        self._alarm.close()
        self.resume_writing()
        self._waiting.clear()
        if self._arriving is not None:
            self._arriving.body.lose()
        if self._answered is not None:
            self._answered.body.lose()
        self._connections.closed(self)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._frames is not None:
            self._frames += data
            return
        if self._is_in_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as asked:
            rest = data[asked.args[0] :]
            if self._asks_for_websocket():
                # Whether it is followed, the answer says; what comes before that stays where it is.
                self._frames = bytearray(rest)
                self._pause_reading()
            else:
                self._ignore_upgrade(rest)
            return
        except httptools.HttpParserError:
            self._refuse(400, "Invalid HTTP request received.")
            return
        if self._is_in_head and self._head_bytes > HEADERS_BYTES_MAX:
            self._refuse(431, "Request header fields too large")

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # httptools

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._header_names = []
        self._expects_continue = False
        if not self._is_in_head:
            self._is_in_head = True
            self._head_bytes = 0
            self._alarm.set(self._loop.time() + HEAD_TIMEOUT_S)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_head:  # a trailer: nothing that we read may be in one
            return
        self._header_names.append(name)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._parser.should_upgrade():
            if self._parser.get_method() == b"CONNECT":
                raise ValueError("there is nothing to connect to")
            if not self._asks_for_websocket():
                return
        self._is_in_head = False
        self._alarm.clear()
        if len(self._headers) > HEADERS_MAX:
            raise ValueError(f"more than {HEADERS_MAX} headers")
        path, query = path_and_query(self._url)
        method = self._parser.get_method().decode("ascii")
        head = RequestHead(
            method,
            path.decode("ascii"),
            query,
            self._headers,
            self._address,
            self._sandbox_caller,
            self._source_ip,
            self._header_names,
            self._tls,
        )
        version = self._parser.get_http_version()
        is_old = version == "1.0"
        if not is_old and version != "1.1":
            raise ValueError(f"this is not HTTP/{version}")
        is_last = is_old or not self._parser.should_keep_alive()
        turn = _Turn(head, IncomingBody(self._body_wanted), is_last=is_last, may_chunk=not is_old)
        turn.expects_continue = self._expects_continue
        self._arriving = turn
        if self._answered is None:
            self._begin(turn)
        else:
            self._waiting.append(turn)
            self._pause_reading()

    def on_body(self, body: bytes) -> None:
        turn = self._arriving
        if turn is not None and not turn.is_over and not turn.body.feed(body):
            self._pause_reading()

    def on_message_complete(self) -> None:
        if self._arriving is not None:
            self._arriving.body.end()
            self._arriving = None

    # Reading

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # What a client sends after a request that it called its last is ignored, not an error.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _asks_for_websocket(self) -> bool:
        return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in self._headers)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read a request that asks for another protocol as if it had not (RFC 9110, 7.8).

        The parser takes all that follows such a head for that protocol: also its body, which would be the next request.
        """
        line = b"%b %b HTTP/%b" % (self._parser.get_method(), self._url, self._parser.get_http_version().encode())
        headers = [b"%b: %b" % header for header in self._headers if header[0] != b"upgrade"]
        self._parser = self._new_parser()
        self._head_bytes = 0
        self.data_received(b"\r\n".join([line, *headers, b"\r\n"]) + rest)

    def _body_wanted(self) -> None:
        turn = self._answered
        if turn is not None and turn.expects_continue and not turn.has_begun and not self._is_closing():
            turn.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._resume_reading()

    def _pause_reading(self) -> None:
        if not self._is_unread and not self._is_closing():
            self._is_unread = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_unread and not self._waiting and not self._is_closing():
            self._is_unread = False
            self._transport.resume_reading()

    def _is_closing(self) -> bool:
        return self._is_gone or self._transport.is_closing()

    # Answering

    def _begin(self, turn: _Turn) -> None:
        self._answered = turn
        turn.task = self._loop.create_task(self._answer(turn))
        self._connections.begun(turn.task)

    async def _answer(self, turn: _Turn) -> None:
        request_id = new_request_id()
        try:
            answer = await self._application.answer(turn.head, turn.body, request_id)
            await self._send(turn, answer, request_id)
        except ClientGoneError:
            pass
        except asyncio.CancelledError:
            # Only a server that stops cancels a request, when its grace is over.
            if turn.has_begun or self._writable is not None:
                self._transport.abort()
            else:
                await self._send(turn, self._application.stopped(request_id), request_id)
        except Exception:
            log.exception("the answer to request %s could not be sent", request_id)
            self._transport.close()
        finally:
            self._over(turn)
            assert turn.task is not None
            self._connections.ended(turn.task)

    async def _send(self, turn: _Turn, answer: WireAnswer, request_id: str) -> None:
        if turn.expects_continue and not turn.body.is_begun:
            # Refused without its body, the client will never send it, and what it sends next would be taken for that:
            # RFC 9110, 10.1.1, lets us close the connection instead.
            turn.is_last = True
        if answer.upgrade is not None:
            self._switch(turn, answer, request_id)
            return
        if self._frames is not None and not self._waiting:
            turn.is_last = True  # what comes next on this connection is not HTTP
        if answer.status == 400 and "connection" in answer.headers:
            turn.is_last = True
            answer = answer._replace(headers={k: v for k, v in answer.headers.items() if k != "connection"})
        head = self._head(answer, request_id, is_last=turn.is_last, may_chunk=turn.may_chunk)
        if self._writable is not None:
            await self._writable
        turn.has_begun = True
        body = answer.body if turn.head.method != "HEAD" else b""
        if not isinstance(body, bytes):
            self._write(head.data)
            turn.is_last |= not await self._send_pieces(body, head.length_bytes, head.is_chunked, request_id)
        elif len(body) <= JOINED_BYTES_MAX:
            self._write(head.data + body)
        elif not self._is_closing():
            self._transport.writelines((head.data, body))

    def _switch(self, turn: _Turn, answer: WireAnswer, request_id: str) -> None:
        """Say so, and leave the connection to another protocol; one whose client has gone is told that at once."""
        assert answer.upgrade is not None
        protocol: Any = answer.upgrade(self._connections)
        turn.has_begun = True
        if self._is_closing():
            protocol.connection_lost(None)
            return
        self._transport.write(self._head(answer, request_id, is_last=False, may_chunk=False).data)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        arrived, self._frames = self._frames, None
        if arrived:
            protocol.data_received(bytes(arrived))
        self._resume_reading()
        if self._is_finishing:
            protocol.finish()
        self._leave()

    def _leave(self) -> None:
        """This is no connection any more."""
        self._is_gone = True
        self._parser = None
        self._alarm.close()
        self._connections.closed(self)

    def _head(self, answer: WireAnswer, request_id: str, *, is_last: bool, may_chunk: bool) -> ResponseHead:
        shown = request_id if self._application.shows_request_ids else None
        return response_head(answer, shown, is_last=is_last, may_chunk=may_chunk)

    async def _send_pieces(
        self, pieces: AsyncIterator[bytes], length_bytes: int | None, is_chunked: bool, request_id: str
    ) -> bool:
        """Each as it comes. A client that went away is not told, but what writes runs to its end.

        False when the client did not get everything: closing the connection is the only way left to tell it.
        """
        sent_bytes = 0
        try:
            async for piece in pieces:
                if self._writable is not None:
                    await self._writable
                sent_bytes += len(piece)
                self._write(chunk(piece) if is_chunked else piece)
        except (asyncio.CancelledError, BrokenAnswerError):
            return False
        except Exception:
            log.exception("request %s failed while its response was streaming", request_id)
            return False
        if is_chunked:
            self._write(LAST_CHUNK)
        return is_chunked or sent_bytes == length_bytes

    def _write(self, data: bytes) -> None:
        if not self._is_closing():
            self._transport.write(data)

    def _over(self, turn: _Turn) -> None:
        """Go on with the next request, or wait for it."""
        turn.is_over = True
        self._answered = None
        if self._is_closing() or self._is_refused:
            return
        if turn.is_last or self._is_finishing:
            self._transport.close()
        elif self._waiting:
            self._begin(self._waiting.popleft())
        elif not self._is_in_head:
            self._alarm.set(self._loop.time() + KEEP_ALIVE_S)
        self._resume_reading()

    # Ending

    def finish(self) -> None:
        """Answer what is being answered, and close; without that, close now."""
        self._is_finishing = True
        if self._answered is None:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def late(self) -> None:
        """The time for whatever is waited for is over."""
        if self._is_in_head:
            self._refuse(408, "Request timeout")
        elif self._answered is None:
            self._transport.close()

    def _refuse(self, status: int, message: str) -> None:
        """Answer, then close once the client had time to read: closing over its unread bytes would reset it."""
        if self._is_refused or self._is_closing():
            return
        self._is_refused = True
        self._alarm.clear()
        if not self._abandon_request():
            self._transport.close()
            return
        answer = self._application.refusal(status, message)
        assert isinstance(answer.body, bytes)
        head = self._head(answer, new_request_id(), is_last=True, may_chunk=False)
        self._transport.write(head.data + answer.body)
        self._transport.write_eof()
        self._loop.call_later(LINGER_S, self._transport.close)

    def _abandon_request(self) -> bool:
        """Whether an error may be written now: not when another request's answer is due on this connection.

        A request whose body is still arriving is told that its client has gone, so that it ends unanswered.
        """
        turn = self._answered
        if turn is None:
            return True
        if turn.has_begun or turn.body.is_complete or self._waiting:
            return False
        turn.body.lose()
        return True


def path_and_query(url: bytes) -> tuple[bytes, bytes]:
    """Of a request's target, which is a path or a whole URL. Raises for what is neither, or too long."""
    if url.startswith(b"/") and len(url) <= PLAIN_TARGET_BYTES_MAX and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path, query
    parsed = httptools.parse_url(url)
    return parsed.path, parsed.query or b""
