"""HTTP/2 on the one port, asked by real clients: what is answered, and how."""

import asyncio
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stoker.front_door import protocol
from stoker.lambda_model.call import ApiAnswer, ApiCall

from .conftest import Door, door_of
from .http2_client import INVOKE, Http2Client, farewell, frame

MIB = 1024 * 1024
WINDOW_BYTES = 65_535
CURL_FORMAT = "\n%{http_version} %{http_code}"


@pytest.fixture
def client(door: Door) -> Iterator[Http2Client]:
    with Http2Client(door.connect()) as client:
        yield client


@pytest.fixture
def authority(door: Door, data: Path) -> str:
    with urllib.request.urlopen(f"{door.url}/_stoker/tls/authority.pem", timeout=30) as response:
        assert response.status == 200
    return str(data / "tls/authority.pem")


def echo(call: ApiCall) -> ApiAnswer:
    return ApiAnswer({"Payload": call.members["Payload"]})


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs the program {name}")
    return found


def curl(*arguments: str) -> tuple[str, str]:
    """The body, and version and status."""
    command = [program("curl"), "-sS", "--max-time", "20", "-w", CURL_FORMAT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    body, _, result = done.stdout.rpartition("\n")
    return body, result


def test_curl_by_prior_knowledge(door: Door) -> None:
    door.outcomes["Invoke"] = echo
    assert curl("--http2-prior-knowledge", f"{door.url}/_stoker/stream") == ("one,two", "2 200")
    assert curl("--http2-prior-knowledge", "-d", '{"a": 1}', door.url + INVOKE) == ('{"a": 1}', "2 200")


def test_curl_by_tls(door: Door, authority: str, tmp_path: Path) -> None:
    door.outcomes["Invoke"] = echo
    large = tmp_path / "large.json"
    large.write_text(f'"{"x" * 5 * MIB}"')
    url = f"https://localhost:{door.port}"
    assert curl("--cacert", authority, f"{url}/_stoker/stream") == ("one,two", "2 200")
    assert curl("--cacert", authority, "--http1.1", f"{url}/_stoker/stream") == ("one,two", "1.1 200")
    body, result = curl("--cacert", authority, "--data-binary", f"@{large}", url + INVOKE)
    assert (body == large.read_text(), result) == (True, "2 200")


def test_a_request_to_change_to_it_is_answered_without(door: Door) -> None:
    """Decision 62: a front end that passes the header on would be tunnelled past."""
    assert curl("--http2", f"{door.url}/_stoker/stream") == ("one,two", "1.1 200")


def test_boto3s_signatures_hold_for_it(locked_door: Door) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    from .conftest import ACCESS_KEY_ID, SECRET_ACCESS_KEY

    locked_door.outcomes["Invoke"] = echo
    request = AWSRequest("POST", f"http://localhost{INVOKE}", data=b"{}", headers={"Host": "localhost"})
    SigV4Auth(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), "lambda", "us-east-1").add_auth(request)
    signed = {name.lower(): value for name, value in request.headers.items() if name != "Host"}
    with Http2Client(locked_door.connect()) as client:
        assert client.answer(client.ask("POST", INVOKE, b"{}", **signed)) == (200, b"{}")
        assert client.answer(client.ask("POST", INVOKE, b"{1}", **signed))[0] == 403


def test_streams_are_answered_as_they_are_ready(door: Door, client: Http2Client) -> None:
    async def outcome(call: ApiCall) -> ApiAnswer:
        delay_s = json.loads(call.members["Payload"])
        await asyncio.sleep(delay_s)
        return echo(call)

    door.outcomes["Invoke"] = outcome
    delays = [b"0.6", *[b"0.%d" % (number % 3) for number in range(48)]]
    asked = {client.ask("POST", INVOKE, delay): delay for delay in delays}
    slow = next(iter(asked))
    client.until(lambda: len(client.ended) == len(delays) - 1)
    assert slow not in client.ended
    for stream_id, delay in asked.items():
        assert client.answer(stream_id) == (200, delay)


def test_large_bodies_pass_in_both_directions_at_once(door: Door, client: Http2Client) -> None:
    door.outcomes["Invoke"] = echo
    bodies = {}
    for number in range(3):
        body = json.dumps(str(number) * 2 * MIB).encode()
        bodies[client.ask("POST", INVOKE, body)] = body
    for stream_id, body in bodies.items():
        assert client.answer(stream_id) == (200, body)


def test_the_answer_to_head_has_a_length_and_no_body(client: Http2Client) -> None:
    stream_id = client.ask("HEAD")
    assert client.answer(stream_id) == (200, b"")
    assert client.heads[stream_id]["content-length"] == "20"


def test_a_body_beyond_its_limit_is_refused_before_it_has_come(door: Door, client: Http2Client) -> None:
    stream_id = client.ask("POST", INVOKE)  # its stream is over
    client.answer(stream_id)
    stream_id = client.http2.get_next_available_stream_id()
    fields = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", INVOKE)]
    client.http2.send_headers(stream_id, [*fields, ("content-length", str(100 * MIB))])
    client.flush()
    assert client.answer(stream_id)[0] == 413
    client.until(lambda: stream_id in client.resets)
    assert client.resets[stream_id] == 0  # the answer counts, the body's rest is not wanted (RFC 9113, 8.1)
    assert len(door.calls) == 1


def test_a_client_that_does_not_read_gets_no_more_than_its_window(door: Door) -> None:
    """And other streams go on."""
    made: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(1000):
            made.append(number)
            yield b"x" * 10_000

    door.outcomes["InvokeWithResponseStream"] = lambda _: ApiAnswer()
    door.outcomes["Invoke"] = lambda _: ApiAnswer({"Payload": pieces()})
    with Http2Client(door.connect(), reads=False) as client:
        stream_id = client.ask("POST", INVOKE, b"{}")
        client.until(lambda: len(client.bodies[stream_id]) == WINDOW_BYTES)
        time.sleep(0.3)
        assert len(made) < 10
        client.http2.increment_flow_control_window(20 * MIB)
        client.flush()
        assert client.answer(client.ask())[0] == 200
        client.http2.increment_flow_control_window(20 * MIB, stream_id)
        client.flush()
        assert client.answer(stream_id) == (200, b"x" * 10_000_000)


def test_a_stream_that_breaks_is_reset(client: Http2Client) -> None:
    stream_id = client.ask(path="/_stoker/stream?fail")
    client.until(lambda: stream_id in client.resets)
    assert client.bodies[stream_id] == b"one,two"
    assert client.resets[stream_id] == 2  # INTERNAL_ERROR
    assert client.answer(client.ask())[0] == 200


@pytest.mark.parametrize("leaves", ["stream", "connection"])
def test_a_request_runs_to_its_end_although_its_client_has_gone(door: Door, leaves: str) -> None:
    ended: list[bool] = []

    async def slow(_: ApiCall) -> ApiAnswer:
        await asyncio.sleep(0.3)
        ended.append(True)
        return ApiAnswer()

    door.outcomes["Invoke"] = slow
    with Http2Client(door.connect()) as client:
        stream_id = client.ask("POST", INVOKE, b"{}")
        client.answer(client.ask())
        if leaves == "stream":
            client.http2.reset_stream(stream_id, 8)
            client.flush()
            time.sleep(0.6)
            assert client.answer(client.ask())[0] == 200
    time.sleep(0.6)
    assert ended == [True]


def test_a_body_that_is_left_in_the_middle_starts_nothing(door: Door, client: Http2Client) -> None:
    stream_id = client.http2.get_next_available_stream_id()
    fields = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", INVOKE)]
    client.http2.send_headers(stream_id, fields)
    client.send(stream_id, b"{", is_last=False)
    client.answer(client.ask())
    client.http2.reset_stream(stream_id, 8)
    client.flush()
    assert client.answer(client.ask())[0] == 200
    assert door.calls == []


def test_who_says_that_no_more_will_come_is_still_answered(door: Door, client: Http2Client) -> None:
    async def slow(call: ApiCall) -> ApiAnswer:
        await asyncio.sleep(0.3)
        return echo(call)

    door.outcomes["Invoke"] = slow
    stream_id = client.ask("POST", INVOKE, b"{}")
    client.socket.sendall(frame(7, 0, 0, bytes(8)))
    assert client.answer(stream_id) == (200, b"{}")
    client.until(lambda: client.socket.recv(100) == b"")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param({":method": "GE T"}, 400, id="method with a space"),
        pytest.param({":path": "*"}, 404, id="no path"),
        pytest.param({":path": "/a b"}, 400, id="path with a space"),
        pytest.param({":path": "/ä"}, 400, id="path that is not ASCII"),
        pytest.param({":path": "//[x"}, 404, id="odd path"),
        pytest.param({":path": "nothing"}, 400, id="relative path"),
        pytest.param({f"x-{number}": "1" for number in range(600)}, 400, id="hundreds of headers"),
        pytest.param({"content-type": "a, b"}, 404, id="fine"),
    ],
)
def test_odd_heads_get_a_clean_answer(client: Http2Client, fields: dict[str, str], status: int) -> None:
    head = {":method": "GET", ":scheme": "http", ":authority": "localhost", ":path": "/nothing"}
    client.http2.config.validate_outbound_headers = False
    stream_id = client.http2.get_next_available_stream_id()
    client.http2.send_headers(stream_id, list((head | fields).items()), end_stream=True)
    client.flush()
    client.until(lambda: stream_id in client.ended)
    assert client.heads[stream_id][":status"] == str(status)
    assert json.loads(client.bodies[stream_id])
    assert client.answer(client.ask())[0] == 200


async def test_stopping_answers_what_runs_and_refuses_what_comes() -> None:
    begun = asyncio.Event()

    async def slow(call: ApiCall) -> ApiAnswer:
        begun.set()
        await asyncio.sleep(0.5)
        return echo(call)

    front_door, port = await door_of(slow)
    client = await asyncio.to_thread(lambda: Http2Client(socket.create_connection(("127.0.0.1", port))))
    stream_id = await asyncio.to_thread(client.ask, "POST", INVOKE, b"{}")
    await begun.wait()
    stopping = asyncio.create_task(front_door.stop(5))
    await asyncio.to_thread(client.until, lambda: client.goaway == 0)
    assert stream_id not in client.ended
    # The library sends nothing more once it has been told so.
    data: list[bytes] = []
    late = frame(1, 5, 3, b"\x82\x84\x86\x01\x09localhost")
    await asyncio.to_thread(client.socket.sendall, late)
    while chunk := await asyncio.to_thread(client.socket.recv, 65536):
        data.append(chunk)
    await stopping
    frames = b"".join(data)
    assert b"\x00\x00\x04\x03\x00\x00\x00\x00\x03\x00\x00\x00\x07" in frames  # REFUSED_STREAM
    assert b"{}" in frames
    client.socket.close()


async def test_stopping_does_not_wait_for_ever() -> None:
    async def endless(_: ApiCall) -> ApiAnswer:
        await asyncio.Event().wait()
        return ApiAnswer()

    front_door, port = await door_of(endless)
    client = await asyncio.to_thread(lambda: Http2Client(socket.create_connection(("127.0.0.1", port))))
    stream_id = await asyncio.to_thread(client.ask, "POST", INVOKE, b"{}")
    await asyncio.sleep(0.2)
    async with asyncio.timeout(5):
        await front_door.stop(0.3)
    with client:
        assert await asyncio.to_thread(farewell, client.socket) == 0
    assert stream_id == 1


async def test_a_connection_without_streams_ends_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings do not keep it open."""
    monkeypatch.setattr(protocol, "KEEP_ALIVE_S", 0.5)

    async def nothing(_: ApiCall) -> ApiAnswer:
        return ApiAnswer()

    front_door, port = await door_of(nothing)
    client = await asyncio.to_thread(lambda: Http2Client(socket.create_connection(("127.0.0.1", port))))
    await asyncio.to_thread(client.answer, await asyncio.to_thread(client.ask))
    await asyncio.sleep(0.3)
    client.http2.ping(b"12345678")
    await asyncio.to_thread(client.flush)
    assert await asyncio.to_thread(farewell, client.socket, 3) == 0
    client.socket.close()
    await front_door.stop(1)


def test_nodes_client_reads_a_stream_by_tls(door: Door, authority: str) -> None:
    code = (
        "const http2 = require('node:http2'), fs = require('node:fs');\n"
        "const session = http2.connect(process.argv[1], { ca: fs.readFileSync(process.argv[2]) });\n"
        "let count = 0;\n"
        "for (let number = 0; number < 20; number += 1) {\n"
        "  const stream = session.request({ ':path': '/_stoker/stream' });\n"
        "  let body = '', status;\n"
        "  stream.on('response', (headers) => { status = headers[':status']; });\n"
        "  stream.on('data', (data) => { body += data; });\n"
        "  stream.on('end', () => {\n"
        "    count += 1;\n"
        "    if (count === 20) { console.log(session.alpnProtocol, status, body); session.close(); }\n"
        "  });\n"
        "}\n"
    )
    command = [program("node"), "-e", code, f"https://localhost:{door.port}", authority]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("h2 200 one,two\n", "")


JAVA = """
import java.net.URI;
import java.net.http.*;

public class Client {
    public static void main(String[] arguments) throws Exception {
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build();
        for (String url : arguments) {
            var body = HttpRequest.BodyPublishers.ofString("{}");
            var request = HttpRequest.newBuilder(URI.create(url)).POST(body).build();
            var response = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(response.version() + " " + response.statusCode() + " " + response.body());
        }
    }
}
"""


def test_javas_client_by_tls_and_without(door: Door, authority: str, tmp_path: Path) -> None:
    """Without, it asks for a change of protocols with every request."""
    door.outcomes["Invoke"] = echo
    store = tmp_path / "trust.p12"
    keytool = [program("keytool"), "-importcert", "-noprompt", "-alias", "stoker", "-file", authority]
    done = subprocess.run([*keytool, "-keystore", store, "-storepass", "changeit"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout
    source = tmp_path / "Client.java"
    source.write_text(JAVA)
    trust = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]
    urls = [f"https://localhost:{door.port}{INVOKE}", f"{door.url}{INVOKE}"]
    command = [program("java"), *trust, str(source), *urls]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.stdout.decode() == "HTTP_2 200 {}\nHTTP_1_1 200 {}\n", done.stderr


def test_many_connections_at_once(door: Door) -> None:
    door.outcomes["Invoke"] = echo
    with ExitStack() as stack:
        clients = [stack.enter_context(Http2Client(door.connect())) for _ in range(30)]
        asked = [(client, client.ask("POST", INVOKE, b"{}")) for client in clients * 5]
        for client, stream_id in asked:
            assert client.answer(stream_id) == (200, b"{}")
