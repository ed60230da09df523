"""URLs whose answers arrive while they are written. Reference: invocation, 5.5; runtime side, 2.4."""

import http.client
import json
import socket
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from stoker.limits import MIB
from tests.conftest import Deploy, Node

from .conftest import ECHO, UrlClient, url_of

CUSTOM = "provided.al2023"
GAP_S = 0.3
# A node that holds back 24 MB for a slow client grows by nothing near that.
GROWTH_MB_MAX = 6

# A runtime that streams what the query of its event says.
BOOTSTRAP = """#!/usr/bin/env python3
import base64, http.client, json, os, time
API = os.environ["AWS_LAMBDA_RUNTIME_API"]
PREFIX = "/2018-06-01/runtime/invocation"
def chunk(connection, data):
    connection.send(b"%x\\r\\n%b\\r\\n" % (len(data), data))
while True:
    connection = http.client.HTTPConnection(API)
    connection.request("GET", PREFIX + "/next")
    response = connection.getresponse()
    request_id, event = response.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(response.read())
    asked = event.get("queryStringParameters", {})
    connection = http.client.HTTPConnection(API)
    connection.putrequest("POST", f"{PREFIX}/{request_id}/response")
    connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    connection.putheader("Content-Type", asked.get("type", "application/vnd.awslambda.http-integration-response"))
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    if "type" not in asked:
        head = asked.get("prelude") or json.dumps({
            "statusCode": int(asked.get("status", 201)),
            "headers": {"content-type": "text/event-stream", "Transfer-Encoding": "gzip"},
            "cookies": ["a=b", "c=d"],
        })
        head = head.encode()
        chunk(connection, head[:5])
        chunk(connection, head[5:] + b"\\0\\0\\0")
        chunk(connection, b"\\0" * 5)
    for number in range(int(asked.get("chunks", 1))):
        time.sleep(float(asked.get("pause", 0)) if number else 0)
        chunk(connection, f"data: {time.time()}\\n\\n".encode().ljust(int(asked.get("bytes", 0)), b"."))
    if asked.get("ending") == "exit":
        os._exit(3)
    trailers = b""
    if asked.get("ending") == "error":
        body = base64.b64encode(b'{"errorType": "Custom", "errorMessage": "broke"}')
        trailers = b"Lambda-Runtime-Function-Error-Type: Custom\\r\\n"
        trailers += b"Lambda-Runtime-Function-Error-Body: %b\\r\\n" % body
    connection.send(b"0\\r\\n%b\\r\\n" % trailers)
    connection.getresponse().read()
    print("answered", asked.get("mark", ""), flush=True)
"""


@pytest.fixture(scope="module")
def function(deploy_module: Deploy) -> str:
    return deploy_module(
        f"stream-{uuid.uuid4().hex[:8]}", {"bootstrap": BOOTSTRAP}, CUSTOM, "any.thing", Timeout=60, MemorySize=256
    )


@pytest.fixture(scope="module")
def url(platform: Node, function: str) -> UrlClient:
    return url_of(platform, function, InvokeMode="RESPONSE_STREAM")


def test_events_arrive_before_the_next_is_written(url: UrlClient) -> None:
    """Server-sent events with gaps: each has been read when the function writes the next."""
    connection = url.begin(path=f"/?chunks=4&pause={GAP_S}")
    response = connection.getresponse()
    written, arrived = [], []
    while line := response.readline():
        if line.startswith(b"data: "):
            written.append(float(line.removeprefix(b"data: ")))
            arrived.append(time.time())
    connection.close()
    assert response.headers["transfer-encoding"] == "chunked"
    assert len(written) == 4
    assert all(then < following for then, following in zip(arrived, written[1:], strict=False))


def test_a_prelude_says_status_headers_and_cookies(url: UrlClient) -> None:
    reply = url.ask()
    assert reply.status == 201
    assert reply.headers["content-type"] == "text/event-stream"
    assert [value for name, value in reply.pairs if name == "set-cookie"] == ["a=b", "c=d"]
    assert [value for name, value in reply.pairs if name == "transfer-encoding"] == ["chunked"]
    assert reply.body.startswith(b"data: ")
    assert reply.headers["x-amzn-trace-id"].startswith("root=1-")


def test_without_a_prelude_the_type_is_that_of_the_stream(url: UrlClient) -> None:
    reply = url.ask(path="/?type=text/plain")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain")
    assert reply.body.startswith(b"data: ")


@pytest.mark.parametrize("prelude", ["nonsense", "%5B%5D", '{"statusCode":99}'])
def test_a_prelude_that_is_none_is_a_bad_gateway(url: UrlClient, prelude: str) -> None:
    reply = url.ask(path=f"/?prelude={prelude}&bytes=100000&chunks=3")
    assert (reply.status, reply.body) == (502, b"Internal Server Error")


@pytest.mark.parametrize("ending", ["error", "exit"])
def test_a_stream_that_breaks_is_not_taken_for_whole(url: UrlClient, ending: str) -> None:
    connection = url.begin(path=f"/?ending={ending}")
    response = connection.getresponse()
    assert response.status == 201
    with pytest.raises(http.client.IncompleteRead) as caught:
        response.read()
    assert caught.value.partial.startswith(b"data: ")
    connection.close()
    assert url.ask().status == 201


@pytest.mark.parametrize(
    ("method", "path"), [("HEAD", "/?chunks=4&bytes=100000"), ("GET", "/?status=204&chunks=4&bytes=100000")]
)
def test_what_nobody_reads_is_not_waited_for(url: UrlClient, method: str, path: str) -> None:
    reply = url.ask(method, path)
    assert reply.body == b""
    assert reply.headers.get("content-length") == ("400000" if method == "HEAD" else None)


def test_a_client_that_leaves_does_not_end_the_function(url: UrlClient, function: str, logs_client: Any) -> None:
    """Decision 8."""
    mark = uuid.uuid4().hex
    connection = url.begin(path=f"/?chunks=4&pause=0.2&bytes=100000&mark={mark}")
    connection.getresponse().read(10)
    connection.close()
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        found = logs_client.filter_log_events(
            logGroupName=f"/aws/lambda/{function}", filterPattern=f'"answered {mark}"'
        )
        if found["events"]:
            return
        time.sleep(0.1)
    raise AssertionError("it did not end")


def test_a_slow_client_costs_no_memory(url: UrlClient, platform: Node) -> None:
    for _ in range(2):  # what the node needs anyway is there
        url.ask(path="/?chunks=10&bytes=100000")
    before_mb = _resident_mb(platform.pid)
    request = f"GET /?chunks=24&bytes={MIB} HTTP/1.1\r\nHost: {url.host}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(platform.endpoint).port or 80), timeout=30) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(request.encode())
        received = connection.recv(1000)
        time.sleep(1.5)
        assert received.startswith(b"HTTP/1.1 201 ")
        assert _resident_mb(platform.pid) - before_mb < GROWTH_MB_MAX


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def test_a_function_that_does_not_stream_is_passed_on_as_it_is(deploy: Deploy, platform: Node) -> None:
    url = url_of(platform, deploy(None, ECHO), InvokeMode="RESPONSE_STREAM")
    reply = url.ask()
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert json.loads(reply.body)["statusCode"] == 200
    failed = url.ask(headers={"x-answer": "error"})
    assert (failed.status, failed.body) == (502, b"Internal Server Error")


def test_a_stream_under_buffered_is_read_as_any_result(deploy: Deploy, platform: Node, url: UrlClient) -> None:
    whole = url_of(platform, deploy(None, {"bootstrap": BOOTSTRAP}, CUSTOM, "any.thing"))
    assert whole.ask(path="/?type=application/json").status == 502
    assert whole.ask(path="/?type=application/json&chunks=0").body == b"null"


def test_node_streams_with_a_prelude(deploy: Deploy, platform: Node, nodejs: str) -> None:
    code = {
        "index.mjs": "import { setTimeout as sleep } from 'node:timers/promises';\n"
        "export const handler = awslambda.streamifyResponse(async (event, stream) => {\n"
        "  stream = awslambda.HttpResponseStream.from(stream, {\n"
        "    statusCode: 418, headers: { 'content-type': 'text/html' }, cookies: ['a=b'] });\n"
        "  for (let number = 0; number < 3; number += 1) {\n"
        "    stream.write(`${Date.now() / 1000}\\n`);\n"
        f"    await sleep({GAP_S * 1000});\n"
        "  }\n"
        "  stream.end();\n"
        "});\n"
    }
    url = url_of(platform, deploy(None, code, nodejs, "index.handler", MemorySize=256), InvokeMode="RESPONSE_STREAM")
    connection = url.begin()
    response = connection.getresponse()
    assert (response.status, response.headers["set-cookie"]) == (418, "a=b")
    first = float(response.readline())
    # Node.js tells the time in whole milliseconds, rounded down.
    assert time.time() < float(response.readline()) + 0.002
    assert first < float(response.readline())
    connection.close()
