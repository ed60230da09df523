"""Hostile and broken HTTP on a raw socket: every answer is a clean 4xx, and the server goes on serving."""

import asyncio
import gzip
import json
import random
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stoker.clock import SystemClock
from stoker.config import Settings
from stoker.front_door import protocol
from stoker.front_door import request as request_module
from stoker.front_door.server import FrontDoor
from stoker.lambda_model.call import ApiAnswer, ApiCall

from .conftest import Door

INVOKE = b"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: localhost\r\n"
CREATE = b"POST /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\n"
LIST = b"GET /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\n"


NAME = b'{"FunctionName":"f"}'
BODIES = {
    "UTF-16": NAME.decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + NAME,
    "compressed": gzip.compress(NAME),
    "a form": b"Action=ListFunctions",
    "two values": NAME + NAME,
    "single quotes": b"{'a': 1}",
    "control character": b'{"FunctionName":"a\x01b"}',
    "escaped zero": b'{"FunctionName":"a\\u0000b"}',
    "half a surrogate pair": b'{"FunctionName":"\\ud800"}',
    "member given twice": b'{"FunctionName":"f","FunctionName":"a b"}',
    "not a number": b'{"MemorySize":NaN}',
    "infinity": b'{"MemorySize":1e999}',
    "number of thousands of digits": b'{"MemorySize":' + b"1" * 5000 + b"}",
    "half a megabyte": b'{"MemorySize":128.5}',
    "bad Base64": b'{"Code":{"ZipFile":"***"}}',
    "spaces in Base64": b'{"Code":{"ZipFile":"AA AA"}}',
    "a hundred thousand members": b"{" + b",".join(b'"k%d":1' % number for number in range(100_000)) + b"}",
    "deep in a known member": b'{"Environment":{"Variables":' + b'{"a":' * 3000 + b"1" + b"}" * 3002,
    "deep in a known list": b'{"Layers":' + b"[" * 3000 + b"]" * 3000 + b"}",
}


@pytest.fixture(autouse=True)
def _still_serving(door: Door) -> Iterator[None]:
    """After whatever a test did, the next client is served."""
    yield
    with urllib.request.urlopen(f"{door.url}/_stoker/health", timeout=5) as response:
        assert response.status == 200


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(
            b"DELETE /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="method of another path"
        ),
        pytest.param(
            b"PATCH /2015-03-31/functions/f HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="method of no operation"
        ),
        pytest.param(b"OPTIONS /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="OPTIONS"),
        pytest.param(b"HEAD /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="HEAD"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="OPTIONS *"),
        pytest.param(b"CONNECT h:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="CONNECT"),
        pytest.param(b"BREW /coffee HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="unknown method"),
        pytest.param(b"GET http:///x HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="absolute form without host"),
        pytest.param(b"GET http://h/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="absolute form"),
        pytest.param(b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="bytes in the path"),
        pytest.param(b"GET /2015-03-31/functions/%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="path is not UTF-8"),
        pytest.param(
            b"GET /2015-03-31/functions/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="bad percent-encoding"
        ),
        pytest.param(b"GET /2015-03-31/functions/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="zero in the name"),
        pytest.param(
            b"GET /2015-03-31/functions/..%2f..%2fetc HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="dots in a name"
        ),
        pytest.param(b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="dots in the path"),
        pytest.param(b"GET /_stoker/../2015-03-31 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="dots in a raw path"),
        pytest.param(
            b"GET /2015-03-31/functions?Marker=%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="query is not UTF-8"
        ),
        pytest.param(b"GET /" + b"a/" * 50_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="deep path"),
        pytest.param(LIST + b"Host: other\r\n\r\n", 400, id="two hosts"),
        pytest.param(LIST + b"Authorization: a\r\nAuthorization: b\r\n\r\n", 400, id="two signatures"),
        pytest.param(LIST + b"X-Amz-Target: Logs_20140328.A\r\nX-Amz-Target: B\r\n\r\n", 400, id="two targets"),
        pytest.param(CREATE + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400, id="two lengths"),
        pytest.param(CREATE + b"Content-Length: -1\r\n\r\n", 400, id="negative length"),
        pytest.param(CREATE + b"Content-Length: 1e3\r\n\r\n", 400, id="length is no number"),
        pytest.param(CREATE + b"Content-Length: 99999999999999999999999\r\n\r\n", 400, id="length without end"),
        pytest.param(
            CREATE + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="length and chunks"
        ),
        pytest.param(CREATE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400, id="bad chunk size"),
        pytest.param(CREATE + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n", 400, id="negative chunk size"),
        pytest.param(CREATE + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{ }\r\n0\r\n\r\n", 400, id="good chunks"),
        pytest.param(LIST + b"X: a\r\n" * 600 + b"\r\n", 400, id="hundreds of headers"),
        pytest.param(LIST + b"X:\x00a\r\n\r\n", 400, id="zero in a header"),
        pytest.param(LIST + b"no colon\r\n\r\n", 400, id="header without colon"),
        pytest.param(LIST + b"X: a\r\n folded\r\n\r\n", 400, id="folded header"),
        pytest.param(LIST + b"X: " + b"a" * 2_000_000 + b"\r\n\r\n", 431, id="huge header"),
        pytest.param(b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1\r\n\r\n", 431, id="huge path"),
        pytest.param(b"\r\n\r\n\r\nnonsense\r\n\r\n", 400, id="nonsense"),
        pytest.param(CREATE + b"Content-Length: 4\r\n\r\nnull", 400, id="JSON that is no object"),
        pytest.param(CREATE + b"Content-Length: 20000\r\n\r\n" + b"[" * 20_000, 400, id="deep JSON"),
        pytest.param(CREATE + b'Content-Length: 20005\r\n\r\n{"a":' + b'{"a":' * 4_000, 400, id="deep JSON objects"),
        pytest.param(LIST + b"Authorization: " + b"Credential=" * 1000 + b"\r\n\r\n", 200, id="odd signature"),
        pytest.param(CREATE + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, id="compressed chunks"),
        pytest.param(
            CREATE + b"Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}", 400, id="unknown transfer coding"
        ),
        pytest.param(CREATE + b"Content-Length: +2\r\n\r\n{}", 400, id="length with a sign"),
        pytest.param(
            CREATE + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n",
            400,
            id="huge chunk extension",
        ),
        pytest.param(
            CREATE + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Evil: 1\r\n\r\n", 400, id="trailer"
        ),
        pytest.param(b"GET /2015-03-31/functions HTTP/1.1\nHost: localhost\n\n", 400, id="lines without returns"),
        pytest.param(b"GET /2015-03-31/functions HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n", 400, id="lone return"),
        pytest.param(b"GET //2015-03-31//functions HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, id="double slashes"),
        pytest.param(
            b"GET /2015-03-31/functions/arn%253Aaws HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="encoded twice"
        ),
        pytest.param(
            b"GET /2015-03-31/functions/" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="long name"
        ),
        pytest.param(
            b"GET /2015-03-31/functions?" + b"a=1&" * 2000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            400,
            id="query of thousands",
        ),
        pytest.param(
            b"GET /2015-03-31/functions?MaxItems=99999999999999999999 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            400,
            id="number without end",
        ),
        *(
            pytest.param(CREATE + b"Content-Length: %d\r\n\r\n" % len(body) + body, 400, id=name)
            for name, body in BODIES.items()
        ),
    ],
)
def test_odd_requests_get_a_clean_answer(door: Door, raw: bytes, status: int) -> None:
    answer = door.send(raw)
    assert status_of(answer) == status
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"x-amzn-requestid: " in head.lower()
    assert b"Traceback" not in body
    if status >= 400 and not raw.startswith(b"HEAD"):
        assert isinstance(json.loads(body), dict)


def test_a_body_in_small_chunks_is_put_together(door: Door) -> None:
    door.outcomes["Invoke"] = lambda call: ApiAnswer({"Payload": call.members["Payload"]})
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in b'{"a": "bc"}')
    answer = door.send(INVOKE + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert answer.endswith(b'\r\n\r\n{"a": "bc"}')


def test_requests_sent_in_one_go_are_answered_in_order(door: Door) -> None:
    door.outcomes["Invoke"] = lambda call: ApiAnswer({"Payload": call.members["Payload"]})
    requests = [INVOKE + b"Content-Length: 1\r\n" + end + b"\r\n%d" for end in (b"", b"", b"Connection: close\r\n")]
    with door.connect() as connection:
        connection.sendall(b"".join(request % number for number, request in enumerate(requests)))
        answers = b""
        while chunk := connection.recv(65536):
            answers += chunk
    assert [part[:1] for part in answers.split(b"\r\n\r\n")[1:]] == [b"0", b"1", b"2"]


def test_a_client_that_asks_first_is_told_to_go_on(door: Door) -> None:
    with door.connect() as connection:
        connection.sendall(INVOKE + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_request_that_ends_in_the_middle_starts_nothing(door: Door) -> None:
    for raw in (
        INVOKE + b"Content-Length: 10\r\n\r\n{}",
        INVOKE[:30],
        INVOKE,
        INVOKE + b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
    ):
        with door.connect() as connection:
            connection.sendall(raw)
    time.sleep(0.1)
    assert door.calls == []


def test_a_client_that_sends_byte_by_byte_is_served(door: Door) -> None:
    with door.connect() as connection:
        for byte in INVOKE + b"Content-Length: 2\r\n\r\n{}":
            connection.sendall(bytes([byte]))
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_request_to_change_protocols_is_not_followed(door: Door) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"
    with door.connect() as connection:
        connection.sendall(LIST + upgrade)
        assert status_of(connection.recv(1000)) in (200, 400, 404)


@pytest.mark.parametrize("pieces", [1, 2])
def test_the_body_of_a_request_to_change_protocols_is_its_body(door: Door, pieces: int) -> None:
    """And not the next request: Java's client asks with every request whether HTTP/2 is spoken."""
    door.outcomes["Invoke"] = lambda call: ApiAnswer({"Payload": call.members["Payload"]})
    hidden = b"POST /2015-03-31/functions/hidden/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    body = b'"' + hidden.replace(b"\r\n", b"\\r\\n") + b'"'
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    head = INVOKE + upgrade + b"Content-Length: %d\r\n\r\n" % len(body)
    with door.connect() as connection:
        for piece in [head + body] if pieces == 1 else [head, body]:
            connection.sendall(piece)
            time.sleep(0.1)
        connection.sendall(INVOKE + b"Content-Length: 1\r\nConnection: close\r\n\r\n2")
        answers = b""
        while chunk := connection.recv(65536):
            answers += chunk
    assert answers.count(b"HTTP/1.1 200 ") == 2
    assert [call.members["Payload"] for call in door.calls] == [body, b"2"]


def test_many_connections_that_say_nothing_keep_nobody_out(door: Door) -> None:
    silent = [door.connect() for _ in range(300)]
    try:
        with urllib.request.urlopen(f"{door.url}/2015-03-31/functions", timeout=5) as response:
            assert response.status == 200
    finally:
        for connection in silent:
            connection.close()


def test_bytes_changed_at_random_never_break_the_server(door: Door) -> None:
    seeds = [
        INVOKE + b'Content-Length: 9\r\nX-Amz-Log-Type: Tail\r\n\r\n{"a": 12}',
        CREATE + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n4\r\n "b}\r\n0\r\n\r\n',
        b"DELETE /2017-03-31/tags/arn%3Aaws%3Alambda?tagKeys=a&tagKeys=b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        LIST + b"Authorization: AWS4-HMAC-SHA256 Credential=1/2/3/lambda/aws4_request, Signature=0\r\n\r\n",
    ]
    chance = random.Random(20150331)

    def changed() -> bytes:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            place = chance.randrange(len(data))
            if chance.random() < 0.5:
                data[place] = chance.randrange(256)
            else:
                data[place : place + chance.randint(0, 4)] = chance.randbytes(chance.randint(0, 4))
        return bytes(data)

    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(door.send, [changed() for _ in range(600)]):
            assert answer == b"" or status_of(answer) < 500 or status_of(answer) == 501


async def started(operation: object) -> tuple[FrontDoor, int]:
    """A front door in this test's own loop."""
    listener = socket.create_server(("127.0.0.1", 0))
    door = FrontDoor(Settings(), {"Invoke": operation}, {}, {}, listener, SystemClock())  # type: ignore[dict-item]
    await door.start()
    return door, listener.getsockname()[1]


async def echo(call: ApiCall) -> ApiAnswer:
    return ApiAnswer({"Payload": call.members["Payload"]})


async def test_a_head_that_takes_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.2)
    door, port = await started(echo)
    for beginning in (b"", b"GET / HT", INVOKE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(beginning)
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 408 ")
        writer.close()
    await door.stop(1)


async def test_a_second_head_on_a_connection_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.3)
    door, port = await started(echo)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(INVOKE + b"Content-Length: 1\r\n\r\n1")
    assert (await reader.readuntil(b"\r\n\r\n1")).startswith(b"HTTP/1.1 200 ")
    await asyncio.sleep(0.5)  # a quiet connection is not a slow head
    writer.write(INVOKE)
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 408 ")
    writer.close()
    await door.stop(1)


async def test_a_body_that_stops_arriving_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_module, "BODY_PAUSE_MAX_S", 0.2)
    door, port = await started(echo)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(INVOKE + b"Content-Length: 10\r\n\r\n123")
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 408 ")
    writer.close()
    await door.stop(1)


async def test_stopping_lets_running_requests_end() -> None:
    begun = asyncio.Event()

    async def slow(call: ApiCall) -> ApiAnswer:
        begun.set()
        await asyncio.sleep(0.4)
        return await echo(call)

    door, port = await started(slow)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(INVOKE + b"Content-Length: 1\r\n\r\n1")
    await begun.wait()
    await door.stop(5)
    assert (await reader.read()).endswith(b"\r\n\r\n1")
    writer.close()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_stopping_does_not_wait_for_ever() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def endless(_: ApiCall) -> ApiAnswer:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ApiAnswer()

    door, port = await started(endless)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(INVOKE + b"\r\n")
    await begun.wait()
    started_s = asyncio.get_running_loop().time()
    await door.stop(1)
    assert asyncio.get_running_loop().time() - started_s < 3
    assert cancelled.is_set()
    writer.close()
    del reader


async def test_a_door_that_never_opened_can_be_stopped() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    await FrontDoor(Settings(), {}, {}, {}, listener).stop(1)
    assert listener.fileno() == -1


async def test_an_operation_that_aws_lacks_is_a_mistake_at_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ValueError, match="Invok"):
        FrontDoor(Settings(), {"Invok": echo}, {}, {}, listener)
