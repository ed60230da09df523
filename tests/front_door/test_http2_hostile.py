"""HTTP/2 by who means harm: floods, bombs, smuggling, and what is no HTTP/2. Each ends that connection alone."""

import asyncio
import contextlib
import random
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import hpack
import pytest

from stoker.front_door import protocol
from stoker.front_door.http2.connection import STREAMS_MAX
from stoker.front_door.http2.frames import FREE_FRAMES_MAX
from stoker.lambda_model.call import ApiAnswer, ApiCall

from .conftest import Door, door_of
from .http2_client import INVOKE, PREFACE, SETTINGS, Http2Client, farewell, frame

ENHANCE_YOUR_CALM, PROTOCOL_ERROR, REFUSED_STREAM = 0xB, 0x1, 0x7
HEAD = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", INVOKE)]
MANY = FREE_FRAMES_MAX + 1000


@pytest.fixture(autouse=True)
def _still_serving(door: Door) -> Iterator[None]:
    """After whatever a test did, the next client is served."""
    yield
    with urllib.request.urlopen(f"{door.url}/_stoker/health", timeout=5) as response:
        assert response.status == 200


def block(fields: list[tuple[str, str]] | None = None) -> bytes:
    return hpack.Encoder().encode(fields or HEAD, huffman=False)


def send(door: Door, *frames: bytes) -> int | None:
    """How the server says goodbye to who sends this."""
    with door.connect() as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(PREFACE + SETTINGS + b"".join(frames))
        return farewell(connection)


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(SETTINGS, id="SETTINGS"),
        pytest.param(frame(6, 0, 0, b"12345678"), id="PING"),
        pytest.param(frame(2, 0, 1, b"\x00\x00\x00\x00\x10"), id="PRIORITY"),
        pytest.param(frame(8, 0, 0, b"\x00\x00\x00\x01"), id="WINDOW_UPDATE"),
        pytest.param(frame(0x77, 0, 0), id="a type that nobody knows"),
    ],
)
def test_a_flood_of_frames_that_carry_nothing_is_cut_off(door: Door, flood: bytes) -> None:
    assert send(door, flood * MANY) == ENHANCE_YOUR_CALM


def test_a_flood_of_empty_data_is_cut_off(door: Door) -> None:
    """CVE-2019-9518."""
    assert send(door, frame(1, 4, 1, block()), frame(0, 0, 1) * MANY) == ENHANCE_YOUR_CALM
    assert door.calls == []


def test_rapid_resets_are_cut_off(door: Door) -> None:
    """CVE-2023-44487: open, reset, open, reset. Not all of it becomes work before that."""

    async def slow(_: ApiCall) -> ApiAnswer:
        await asyncio.sleep(0.5)
        return ApiAnswer()

    door.outcomes["Invoke"] = slow
    pairs = [frame(1, 5, number, block()) + frame(3, 0, number, b"\0\0\0\x08") for number in range(1, 2 * MANY, 2)]
    assert send(door, *pairs) == ENHANCE_YOUR_CALM
    assert len(door.calls) <= STREAMS_MAX


def test_streams_that_their_client_left_keep_their_places(door: Door) -> None:
    ended: list[bool] = []

    async def slow(_: ApiCall) -> ApiAnswer:
        await asyncio.sleep(1)
        ended.append(True)
        return ApiAnswer()

    door.outcomes["Invoke"] = slow
    with Http2Client(door.connect()) as client:
        client.receive()
        left = [client.ask("POST", INVOKE, b"{}") for _ in range(STREAMS_MAX)]
        deadline_s = time.monotonic() + 10
        while len(door.calls) < STREAMS_MAX and time.monotonic() < deadline_s:
            time.sleep(0.01)
        for stream_id in left:
            client.http2.reset_stream(stream_id, 8)
        client.flush()
        refused = client.ask("POST", INVOKE, b"{}")
        client.until(lambda: refused in client.resets)
        assert client.resets[refused] == REFUSED_STREAM
        while len(ended) < len(door.calls) and time.monotonic() < deadline_s:
            time.sleep(0.1)
        assert client.answer(client.ask("POST", INVOKE, b"{}"))[0] == 200


def test_more_streams_than_allowed_end_the_connection(door: Door) -> None:
    streams = [frame(1, 4, number, block()) for number in range(1, 2 * STREAMS_MAX + 10, 2)]
    assert send(door, *streams) is not None
    assert door.calls == []


def test_headers_without_end_are_cut_off(door: Door) -> None:
    """CONTINUATION floods: small, empty and large ones."""
    begin = frame(1, 1, 1, block())
    assert send(door, begin, frame(9, 0, 1, b"") * 1000) == PROTOCOL_ERROR
    assert send(door, begin, frame(9, 0, 1, b"\x00\x01a\x01b" * 1000) * 1000) == ENHANCE_YOUR_CALM
    assert door.calls == []


def test_headers_that_unpack_to_megabytes_are_cut_off(door: Door) -> None:
    """HPACK bomb: one large header in the table, then one byte for each time that it is meant."""
    large = b"\x40" + b"\x01a" + b"\x7f" + b"\xa1\x1e" + b"x" * 4000
    assert send(door, frame(1, 5, 1, block() + large + b"\xbe" * 10_000)) == ENHANCE_YOUR_CALM
    assert door.calls == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([*HEAD, ("transfer-encoding", "chunked")], id="transfer coding"),
        pytest.param([*HEAD, ("connection", "close")], id="connection header"),
        pytest.param([*HEAD, ("X-Upper", "a")], id="upper case"),
        pytest.param([*HEAD, ("a b", "c")], id="name with a space"),
        pytest.param([*HEAD, ("a:b", "c")], id="name with a colon"),
        pytest.param([*HEAD, ("a", "b\r\nHost: evil")], id="line end in a value"),
        pytest.param([*HEAD, ("a", "b\0c")], id="zero in a value"),
        pytest.param([*HEAD, ("host", "elsewhere")], id="two hosts"),
        pytest.param([*HEAD, (":path", "/")], id="two paths"),
        pytest.param([*HEAD[:3]], id="no path"),
        pytest.param([(":method", "CONNECT"), (":authority", "localhost:443")], id="CONNECT"),
        pytest.param([("a", "b"), *HEAD], id="pseudo header behind another"),
        pytest.param([*HEAD, (":status", "200")], id="header of answers"),
        pytest.param([*HEAD, ("content-length", "x")], id="length that is none"),
        pytest.param([*HEAD, ("content-length", "1"), ("content-length", "2")], id="two lengths"),
        pytest.param([*HEAD, ("content-length", "1")], id="less than the body"),
        pytest.param([*HEAD, ("content-length", "3")], id="more than the body"),
    ],
)
def test_what_could_be_read_in_two_ways_starts_nothing(door: Door, fields: list[tuple[str, str]]) -> None:
    send(door, frame(1, 4, 1, block(fields)), frame(0, 1, 1, b"{}"), frame(7, 0, 0, bytes(8)))
    assert door.calls == []


def test_the_length_of_a_body_without_one_is_no_matter(door: Door) -> None:
    send(door, frame(1, 4, 1, block()), frame(0, 1, 1, b"{}"), frame(7, 0, 0, bytes(8)))
    assert [call.members["Payload"] for call in door.calls] == [b"{}"]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + bytes(100), id="another preface"),
        pytest.param(PREFACE + b"\xff" * 100, id="frame of 16 MB"),
        pytest.param(PREFACE + frame(0, 0, 1, b"x"), id="data without a stream"),
        pytest.param(PREFACE + SETTINGS + frame(1, 5, 2, block()), id="even stream"),
        pytest.param(PREFACE + SETTINGS + frame(5, 4, 1, bytes(4)), id="push"),
        pytest.param(PREFACE + SETTINGS + frame(4, 0, 0, b"\x00\x04\xff\xff\xff\xff"), id="window of 4 GB"),
        pytest.param(PREFACE + SETTINGS + frame(8, 0, 0, b"\x7f\xff\xff\xff"), id="window beyond its end"),
        pytest.param(PREFACE + SETTINGS + frame(1, 5, 1, b"\xff\xff\xff\xff\xff\xff"), id="headers that are none"),
        pytest.param(PREFACE + SETTINGS + frame(9, 4, 1, block()), id="continuation of nothing"),
        pytest.param(PREFACE + SETTINGS + frame(1, 0, 1, block()) + SETTINGS, id="frame within headers"),
    ],
)
def test_what_is_no_http2_ends_the_connection(door: Door, sent: bytes) -> None:
    with door.connect() as connection:
        connection.sendall(sent)
        assert farewell(connection) != 0  # who speaks something else may get no word at all
    assert door.calls == []


def test_the_node_remembers_no_more_than_it_wants_although_a_client_allows_it(door: Door) -> None:
    """A table of 4 GB for our headers, which change with every answer."""
    table = frame(4, 0, 0, b"\x00\x01\xff\xff\xff\xff")
    with door.connect() as connection:
        connection.sendall(PREFACE + table)
        decoder, size = hpack.Decoder(), 0
        decoder.max_allowed_table_size = 2**32 - 1
        for number in range(1, 400, 2):
            path = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/_stoker/health")]
            connection.sendall(frame(1, 5, number, block(path)))
            ended = False
            while not ended:
                header = connection.recv(9, socket.MSG_WAITALL)
                payload = connection.recv(int.from_bytes(header[:3]), socket.MSG_WAITALL)
                if header[3] == 1:
                    decoder.decode(payload)
                ended = header[3] == 0 and bool(header[4] & 1)
            size = max(size, decoder.header_table._current_size)
    assert 0 < size <= 4096


def test_bytes_changed_at_random_never_break_the_server(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    session = [
        PREFACE + SETTINGS,
        frame(1, 4, 1, block()) + frame(0, 1, 1, b'{"a": 1}'),
        frame(8, 0, 0, b"\x00\x00\x10\x00") + frame(6, 0, 0, b"12345678"),
        frame(1, 0, 3, block()[:20]) + frame(9, 5, 3, block()[20:]),
        frame(3, 0, 1, b"\x00\x00\x00\x08"),
        frame(1, 5, 5, block([(":method", "GET"), *HEAD[1:3], (":path", "/_stoker/stream")])),
    ]
    chance = random.Random(9113)

    def changed() -> bytes:
        data = bytearray(b"".join(session))
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(PREFACE), len(data))
            if chance.random() < 0.6:
                data[place] = chance.randrange(256)
            else:
                data[place : place + chance.randint(0, 4)] = chance.randbytes(chance.randint(0, 4))
        return bytes(data)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(door.send, [changed() for _ in range(300)]))
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("beginning", [PREFACE, PREFACE + SETTINGS, PREFACE + SETTINGS + frame(1, 1, 1, block())])
async def test_who_stops_in_the_middle_of_a_head_is_cut_off(monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.3)

    async def nothing(_: ApiCall) -> ApiAnswer:
        return ApiAnswer()

    front_door, port = await door_of(nothing)
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(beginning)
    code = await asyncio.to_thread(farewell, connection, 5)
    assert code == (ENHANCE_YOUR_CALM if len(beginning) > 40 else 0)
    connection.close()
    await front_door.stop(1)
