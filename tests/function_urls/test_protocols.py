"""URLs by TLS and by HTTP/2: what functions are told, and streams that arrive while they are written."""

import json
import socket
import ssl
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import boto3
import pytest

from tests.conftest import Deploy, Node
from tests.front_door.http2_client import Http2Client

from .conftest import UrlClient, url_of
from .test_streaming import BOOTSTRAP, CUSTOM, GAP_S

Connect = Callable[[str], Http2Client]
STREAMS = 10


@pytest.fixture(scope="module")
def authority(platform: Node) -> str:
    with urllib.request.urlopen(f"{platform.endpoint}/_stoker/tls/authority.pem", timeout=30) as answer:
        assert answer.status == 200
    return str(platform.data / "tls/authority.pem")


@pytest.fixture(scope="module")
def function(deploy_module: Deploy) -> str:
    name = f"stream-{uuid.uuid4().hex[:8]}"
    return deploy_module(name, {"bootstrap": BOOTSTRAP}, CUSTOM, "any.thing", Timeout=60, MemorySize=256)


@pytest.fixture(scope="module")
def url(platform: Node, function: str) -> UrlClient:
    return url_of(platform, function, InvokeMode="RESPONSE_STREAM")


@pytest.fixture
def connect(platform: Node, authority: str) -> Iterator[Connect]:
    """HTTP/2 by TLS to a host of the node's, as a browser connects."""
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["h2"])
    with ExitStack() as opened:

        def make(host: str) -> Http2Client:
            plain = socket.create_connection(("127.0.0.1", urlsplit(platform.endpoint).port or 0), timeout=20)
            return opened.enter_context(Http2Client(context.wrap_socket(plain, server_hostname=host), host=host))

        yield make


def test_a_function_is_told_how_its_client_is_connected(echo: UrlClient, connect: Connect) -> None:
    client = connect(echo.host)
    status, body = client.answer(client.ask(path="/a?b=c", cookie="d=e; f=g"))
    event = json.loads(body)
    assert status == 200
    assert event["headers"]["x-forwarded-proto"] == "https"
    assert event["headers"]["x-amzn-tls-version"] == "TLSv1.3"
    assert event["headers"]["x-amzn-tls-cipher-suite"].startswith("TLS_")
    assert event["headers"]["host"] == event["requestContext"]["domainName"] == echo.host
    assert (event["rawPath"], event["rawQueryString"], event["cookies"]) == ("/a", "b=c", ["d=e", "f=g"])
    assert event["requestContext"]["http"]["protocol"] == "HTTP/1.1"


def test_what_a_client_says_of_tls_is_not_passed_on(echo: UrlClient) -> None:
    event = echo.ask(headers={"x-amzn-tls-version": "TLSv1.3", "x-forwarded-proto": "https"}).document
    assert event["headers"]["x-forwarded-proto"] == "http"
    assert "x-amzn-tls-version" not in event["headers"]


def test_a_url_is_shown_with_the_scheme_of_who_asks(
    platform: Node, function: str, url: UrlClient, authority: str
) -> None:
    keys = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    endpoint = platform.endpoint.replace("http://", "https://")
    client = boto3.client("lambda", endpoint_url=endpoint, verify=authority, **keys)
    assert client.get_function_url_config(FunctionName=function)["FunctionUrl"].startswith("https://")
    assert url.url.startswith("http://")
    client.close()


def test_many_streams_of_events_arrive_on_one_connection_as_they_are_written(url: UrlClient, connect: Connect) -> None:
    """More than browsers open connections for one host. Each event is here before the next is written."""
    client = connect(url.host)
    streams = [client.ask(path=f"/?chunks=4&pause={GAP_S * 2}") for _ in range(STREAMS)]
    arrived: dict[int, list[float]] = {stream_id: [] for stream_id in streams}
    while not client.ended.issuperset(streams):
        client.receive()
        for stream_id in streams:
            count = client.bodies[stream_id].count(b"\n\n")
            arrived[stream_id] += [time.time()] * (count - len(arrived[stream_id]))
    for stream_id in streams:
        assert client.heads[stream_id][":status"] == "201"
        assert client.heads[stream_id]["content-type"] == "text/event-stream"
        written = [float(line[6:]) for line in client.bodies[stream_id].split(b"\n\n")[:-1]]
        assert len(written) == 4
        assert all(here < after for here, after in zip(arrived[stream_id], written[1:], strict=False))


@pytest.mark.parametrize("ending", ["error", "exit"])
def test_a_stream_that_breaks_is_reset(url: UrlClient, connect: Connect, ending: str) -> None:
    client = connect(url.host)
    stream_id = client.ask(path=f"/?ending={ending}")
    client.until(lambda: stream_id in client.resets)
    assert client.bodies[stream_id].startswith(b"data: ")
    assert stream_id not in client.ended


def test_invoke_with_response_stream(function: str, connect: Connect) -> None:
    client = connect("localhost")
    event = json.dumps({"queryStringParameters": {"type": "text/plain", "chunks": 3, "pause": GAP_S}}).encode()
    path = f"/2021-11-15/functions/{function}/response-streaming-invocations"
    stream_id = client.ask("POST", path, event)
    client.until(lambda: b"PayloadChunk" in client.bodies[stream_id])
    assert b"InvokeComplete" not in client.bodies[stream_id]
    status, body = client.answer(stream_id)
    assert (status, body.count(b"data: ")) == (200, 3)
    assert b"InvokeComplete" in body
