"""The library h2 as a client on a plain socket, and frames by hand for what no client would send."""

import socket
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
INVOKE = "/2015-03-31/functions/f/invocations"
WAIT_S = 60.0


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream_id.to_bytes(4) + payload


class Http2Client:
    """One connection. What comes for a stream is kept by its id; `reads` says whether windows are given back."""

    def __init__(self, sock: socket.socket, *, reads: bool = True, host: str = "localhost") -> None:
        self.socket = sock
        self.host = host
        self.http2 = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self.reads = reads
        self.heads: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytes] = defaultdict(bytes)
        self.ended: set[int] = set()
        self.resets: dict[int, int] = {}
        self.goaway: int | None = None
        self.is_closed = False
        sock.settimeout(WAIT_S)
        # Or the second small frame would wait for the first to be acknowledged, which takes 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.http2.initiate_connection()
        self.flush()

    def __enter__(self) -> "Http2Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, method: str = "GET", path: str = "/_stoker/health", body: bytes | None = None, **headers: str) -> int:
        """The id of the stream. The body's rest is sent by `send`, as windows allow."""
        stream_id = self.http2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"), (":authority", self.host), (":path", path)]
        fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
        self.http2.send_headers(stream_id, fields, end_stream=body is None)
        self.flush()
        if body is not None:
            self.send(stream_id, body)
        return stream_id

    def send(self, stream_id: int, body: bytes, *, is_last: bool = True) -> None:
        position = 0
        while True:
            room = min(self.http2.local_flow_control_window(stream_id), self.http2.max_outbound_frame_size)
            if room <= 0 and position < len(body):
                self.receive()
                continue
            piece = body[position : position + room]
            position += len(piece)
            self.http2.send_data(stream_id, piece, end_stream=is_last and position == len(body))
            self.flush()
            if position == len(body):
                return

    def flush(self) -> None:
        self.socket.sendall(self.http2.data_to_send())

    def receive(self) -> None:
        """What comes next."""
        data = self.socket.recv(65536)
        if not data:
            self.is_closed = True
            return
        for event in self.http2.receive_data(data):
            self._take(event)
        self.flush()

    def _take(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            fields: Any = event.headers
            self.heads[event.stream_id] = dict(fields)
        elif isinstance(event, DataReceived):
            self.bodies[event.stream_id] += event.data
            if self.reads:
                self.http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self.ended.add(event.stream_id)
        elif isinstance(event, StreamReset):
            self.resets[event.stream_id] = int(event.error_code)
        elif isinstance(event, ConnectionTerminated):
            self.goaway = int(event.error_code)

    def until(self, happened: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + WAIT_S
        while not happened():
            assert not self.is_closed, "the server closed the connection"
            assert time.monotonic() < deadline_s
            self.receive()

    def answer(self, stream_id: int) -> tuple[int, bytes]:
        """Status and body, once it is whole."""
        self.until(lambda: stream_id in self.ended)
        return int(self.heads[stream_id][":status"]), self.bodies[stream_id]


def farewell(sock: socket.socket, timeout_s: float = WAIT_S) -> int | None:
    """The code of the GOAWAY that comes before the end of the connection, None if none does."""
    sock.settimeout(timeout_s)
    data = b""
    try:
        while chunk := sock.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    while len(data) >= 9:
        length, kind = int.from_bytes(data[:3]), data[3]
        if kind == 7:
            return int.from_bytes(data[13:17])
        data = data[9 + length :]
    return None
