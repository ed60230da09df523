"""HTTP/2 on one connection, over the library h2: each stream is answered by a task of its own.

The library knows the protocol; `frames.py` looks at every frame before it does. What is here is who reads and writes
when: windows follow what has been read, writing waits for the client's windows and for the socket, and a stream that
its client has left keeps its place until what it started has ended.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from stoker.alarm import Alarm
from stoker.front_door import protocol
from stoker.front_door.connections import Connections
from stoker.front_door.endpoints import Answering
from stoker.front_door.http2.fields import BadHeadError, Fields, request_head, response_fields
from stoker.front_door.http2.frames import HEADERS_BYTES_MAX, FloodError, FrameGate
from stoker.front_door.http2.streams import Http2Stream
from stoker.front_door.request import ClientGoneError, TlsSession, new_request_id, tls_session
from stoker.lambda_model.encoding import BrokenAnswerError, WireAnswer

log = logging.getLogger("stoker.front_door")

STREAMS_MAX = 100
# What one stream may send before somebody reads it. The connection's window is that of all streams together, so that
# none of them keeps the others from sending.
WINDOW_BYTES = 128 * 1024
# A frame takes the library 10 to 100 µs; others get their turn after so many.
FRAMES_PER_TURN = 128
# The library takes whatever the client allows, and the client may allow gigabytes.
ENCODER_TABLE_BYTES_MAX = 4096
FRAME_BYTES_MAX = 64 * 1024
_FIRST_WINDOW_BYTES = 65_535


class _Http2(H2Connection):
    # Remembered for those who still send on them; 65,536 of them would take megabytes.
    MAX_CLOSED_STREAMS = 1024


class Http2Connection(asyncio.Protocol):
    """One connection, from its preface on."""

    def __init__(self, application: Answering, connections: Connections) -> None:
        self._application = application
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._late)
        self._gate = FrameGate(self._loop.time)
        self._http2 = _library()
        self._transport: Any = None
        self._address = ""
        self._source_ip = ""
        self._tls: TlsSession | None = None
        self._streams: dict[int, Http2Stream] = {}
        # What has been received and must wait for its turn.
        self._held = b""
        self._is_unread = False
        self._has_ended = False
        self._is_finishing = False
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
        self._alarm.set(self._loop.time() + protocol.HEAD_TIMEOUT_S)
        self._http2.initiate_connection()
        self._http2.increment_flow_control_window(STREAMS_MAX * WINDOW_BYTES - _FIRST_WINDOW_BYTES)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_ended = True
        self._held = b""
        self._alarm.close()
        self.resume_writing()
        for stream in list(self._streams.values()):
            stream.lose()
        self._connections.closed(self)

    def data_received(self, data: bytes) -> None:
        is_waiting = bool(self._held)
        self._held += data
        if not is_waiting:
            self._take_turn()

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # Reading

    def _take_turn(self) -> None:
        if self._has_ended:
            self._held = b""
            return
        try:
            size = self._gate.admit(self._held, FRAMES_PER_TURN)
            events = self._http2.receive_data(self._held[:size])
        except FloodError as error:
            log.warning("a client of HTTP/2 (%s) is hung up on: %s", self._source_ip, error)
            self._http2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            self._hang_up()
            return
        except ProtocolError:  # the library has prepared what is to be said about it
            self._hang_up()
            return
        self._held = self._held[size:]
        for event in events:
            self._take(event)
        self._flush()
        if self._gate.is_in_headers:
            self._alarm.set(self._loop.time() + protocol.HEAD_TIMEOUT_S)
        elif self._streams:
            self._alarm.clear()
        if self._held:
            self._loop.call_soon(self._take_turn)
        if bool(self._held) != self._is_unread and not self._transport.is_closing():
            self._is_unread = not self._is_unread
            (self._transport.pause_reading if self._is_unread else self._transport.resume_reading)()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._begin(event)
        elif isinstance(event, DataReceived):
            self._take_body(event)
        elif isinstance(event, RemoteSettingsChanged):
            self._http2.encoder.header_table_size = min(self._http2.encoder.header_table_size, ENCODER_TABLE_BYTES_MAX)
            self._windows_opened()
        elif isinstance(event, ConnectionTerminated):
            # Whoever says that no more requests come may still wait for answers; to the library all is over.
            self._http2.state_machine.state = ConnectionState.SERVER_OPEN
            self._is_finishing = True
            self._close_if_finished()
        elif isinstance(event, WindowUpdated) and not event.stream_id:
            self._windows_opened()
        elif isinstance(event, StreamEnded | StreamReset | WindowUpdated):
            stream = self._streams.get(event.stream_id or 0)
            if stream is None:
                return
            if isinstance(event, StreamEnded):
                stream.body.end()
            elif isinstance(event, StreamReset):
                stream.lose()
            else:
                stream.window_opened()

    def _take_body(self, event: DataReceived) -> None:
        assert event.stream_id is not None
        size_bytes = event.flow_controlled_length or 0
        stream = self._streams.get(event.stream_id)
        if stream is None or stream.has_ended:
            if size_bytes:
                self._http2.acknowledge_received_data(size_bytes, event.stream_id)
            return
        stream.unread_bytes += size_bytes
        if event.data:
            stream.body.feed(event.data)

    def _body_wanted(self, stream: Http2Stream) -> None:
        """All that has come is being taken: as much again may follow."""
        if stream.unread_bytes and not self._has_ended:
            self._http2.acknowledge_received_data(stream.unread_bytes, stream.id)
            stream.unread_bytes = 0
            self._flush()

    def _windows_opened(self) -> None:
        for stream in self._streams.values():
            stream.window_opened()

    # Answering

    def _begin(self, event: RequestReceived) -> None:
        assert event.stream_id is not None
        if self._is_finishing or len(self._streams) >= STREAMS_MAX:
            # The library counts those that are open; those whose client left still run, and count here.
            self._reset(event.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        fields: Any = event.headers
        try:
            head = request_head(fields, self._address, self._source_ip, self._tls)
        except BadHeadError as error:
            with suppress(ProtocolError):  # it may be gone again
                self._refuse(event.stream_id, str(error))
            return
        stream = self._streams[event.stream_id] = Http2Stream(event.stream_id, head, self._body_wanted)
        stream.task = self._loop.create_task(self._answer(stream))
        self._connections.begun(stream.task)

    def _refuse(self, stream_id: int, message: str) -> None:
        answer = self._application.refusal(400, message)
        body = answer.body
        assert isinstance(body, bytes)
        fields, _ = self._fields(answer, new_request_id())
        self._http2.send_headers(stream_id, fields)
        if self._http2.local_flow_control_window(stream_id) >= len(body):
            self._http2.send_data(stream_id, body, end_stream=True)
        self._reset(stream_id, ErrorCodes.NO_ERROR)

    def _reset(self, stream_id: int, code: ErrorCodes) -> None:
        with suppress(StreamClosedError):  # by both sides already
            self._http2.reset_stream(stream_id, code)

    async def _answer(self, stream: Http2Stream) -> None:
        request_id = new_request_id()
        try:
            if stream.is_gone:  # before anything was done for it
                return
            answer = await self._application.answer(stream.head, stream.body, request_id)
            await self._send(stream, answer, request_id)
        except ClientGoneError:
            pass
        except asyncio.CancelledError:
            # Only a server that stops cancels a request, when its grace is over.
            if not stream.has_begun:
                stopped = self._application.stopped(request_id)
                self._begin_answer(stream, stopped._replace(body=b""), request_id, is_last=True)
        except Exception:
            log.exception("the answer to request %s could not be sent", request_id)
        finally:
            self._over(stream)
            assert stream.task is not None
            self._connections.ended(stream.task)

    async def _send(self, stream: Http2Stream, answer: WireAnswer, request_id: str) -> None:
        if self._writable is not None:
            await self._writable
        body = answer.body if stream.head.method != "HEAD" else b""
        if isinstance(body, bytes):
            self._begin_answer(stream, answer, request_id, is_last=not body)
            if body:
                await self._send_data(stream, body, is_last=True)
        else:
            length_bytes = self._begin_answer(stream, answer, request_id, is_last=False)
            await self._send_pieces(stream, body, length_bytes, request_id)

    def _begin_answer(self, stream: Http2Stream, answer: WireAnswer, request_id: str, *, is_last: bool) -> int | None:
        fields, length_bytes = self._fields(answer, request_id)
        stream.has_begun = True
        if not stream.is_gone:
            self._http2.send_headers(stream.id, fields, end_stream=is_last)
            stream.has_ended = is_last
            self._flush()
        return length_bytes

    def _fields(self, answer: WireAnswer, request_id: str) -> tuple[Fields, int | None]:
        return response_fields(answer, request_id if self._application.shows_request_ids else None)

    async def _send_pieces(
        self, stream: Http2Stream, pieces: AsyncIterator[bytes], length_bytes: int | None, request_id: str
    ) -> None:
        """Each as it comes. A client that went away is not told, but what writes runs to its end.

        A stream that is not ended here is reset by `_over`: the client knows that it did not get everything.
        """
        sent_bytes = 0
        try:
            async for piece in pieces:
                sent_bytes += len(piece)
                if piece:
                    await self._send_data(stream, piece, is_last=False)
        except (asyncio.CancelledError, BrokenAnswerError):
            return
        except Exception:
            log.exception("request %s failed while its response was streaming", request_id)
            return
        if length_bytes in (None, sent_bytes):
            await self._send_data(stream, b"", is_last=True)

    async def _send_data(self, stream: Http2Stream, data: bytes, *, is_last: bool) -> None:
        """As the client's windows and the socket allow; nothing once the client is gone."""
        position = 0
        while not stream.is_gone:
            if self._writable is not None:
                await self._writable
                continue
            room = min(self._http2.local_flow_control_window(stream.id), self._frame_bytes_max())
            if room <= 0 and position < len(data):
                await stream.wait_for_window()
                continue
            piece = data[position : position + max(room, 0)]
            position += len(piece)
            is_end = position == len(data)
            self._http2.send_data(stream.id, piece, end_stream=is_last and is_end)
            self._gate.sent_data()
            self._flush()
            if is_end:
                stream.has_ended = is_last
                return

    def _frame_bytes_max(self) -> int:
        return min(self._http2.max_outbound_frame_size, FRAME_BYTES_MAX)

    def _flush(self) -> None:
        data = self._http2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def _over(self, stream: Http2Stream) -> None:
        del self._streams[stream.id]
        if self._has_ended:
            return
        if stream.unread_bytes:
            self._http2.acknowledge_received_data(stream.unread_bytes, stream.id)
        if not stream.is_gone and not (stream.has_ended and stream.body.is_complete):
            # What is left of the body is not wanted (RFC 9113, 8.1), or the answer is not whole.
            code = ErrorCodes.NO_ERROR if stream.has_ended else ErrorCodes.INTERNAL_ERROR
            self._reset(stream.id, code)
        self._flush()
        if not self._streams and not self._gate.is_in_headers:
            self._alarm.set(self._loop.time() + protocol.KEEP_ALIVE_S)
        self._close_if_finished()

    # Ending

    def finish(self) -> None:
        """Answer what is being answered, and close; without that, close now."""
        if not self._is_finishing and not self._has_ended:
            self._is_finishing = True
            # By hand: when the library has said this, it lets nothing more be sent.
            last = GoAwayFrame(0, last_stream_id=self._http2.highest_inbound_stream_id, error_code=ErrorCodes.NO_ERROR)
            self._transport.write(last.serialize())
        self._close_if_finished()

    def abort(self) -> None:
        self._transport.abort()

    def _close_if_finished(self) -> None:
        if self._is_finishing and not self._streams:
            self._transport.close()

    def _late(self) -> None:
        if self._gate.is_in_headers:
            self._http2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            self._hang_up()
        elif not self._streams:
            self.finish()

    def _hang_up(self) -> None:
        """Say why, then close once the client had time to read it."""
        self._flush()
        self._has_ended = True
        self._held = b""
        self._alarm.clear()
        for stream in list(self._streams.values()):
            stream.lose()
        if not self._transport.is_closing():
            self._transport.write_eof()
            self._loop.call_later(protocol.LINGER_S, self._transport.close)


def _library() -> H2Connection:
    settings = {
        SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS_MAX,
        SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
        SettingCodes.MAX_HEADER_LIST_SIZE: HEADERS_BYTES_MAX,
    }
    library = _Http2(H2Configuration(client_side=False, header_encoding=None))
    library.local_settings = Settings(client=False, initial_values=settings)
    return library
