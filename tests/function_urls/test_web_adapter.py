"""AWS's Lambda Web Adapter, the real one: an ordinary web server behind a URL, without a line about Lambda."""

import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Deploy, Node, zip_of

from .conftest import url_of
from .test_streaming import CUSTOM, GAP_S

# An ordinary web server, started as the function's bootstrap; the adapter is an extension beside it, and asks it.
SERVER = f"""#!/usr/bin/env python3
import json, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(3):
                data = f"data: {{time.time()}}\\n\\n".encode()
                self.wfile.write(b"%x\\r\\n%b\\r\\n" % (len(data), data))
                self.wfile.flush()
                time.sleep({GAP_S})
            self.wfile.write(b"0\\r\\n\\r\\n")
        else:
            self.answer(200 if self.path == "/" else 404, b"ready")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        context = json.loads(self.headers["x-amzn-request-context"])
        shown = {{"path": self.path, "body": body.decode("latin-1"), "host": self.headers["host"],
                 "cookie": self.headers["cookie"], "api": context["apiId"]}}
        self.answer(201, json.dumps(shown).encode(), "one=1")

    def answer(self, status, body, cookie=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def adapter(lambda_client: Any) -> Iterator[str]:
    """A layer with the adapter."""
    program = os.environ.get("STOKER_WEB_ADAPTER")
    if not program:
        pytest.skip("needs the Lambda Web Adapter, which ./run test-web builds: STOKER_WEB_ADAPTER says where it is")
    name = f"web-adapter-{uuid.uuid4().hex[:8]}"
    content = zip_of({"extensions/lambda-adapter": Path(program).read_bytes()})
    layer = lambda_client.publish_layer_version(LayerName=name, Content={"ZipFile": content})
    yield layer["LayerVersionArn"]
    lambda_client.delete_layer_version(LayerName=name, VersionNumber=layer["Version"])


def deployed(deploy: Deploy, adapter: str, invoke_mode: str) -> str:
    return deploy(
        None,
        {"bootstrap": SERVER},
        CUSTOM,
        "any.thing",
        Layers=[adapter],
        MemorySize=512,
        Timeout=30,
        Environment={"Variables": {"AWS_LWA_INVOKE_MODE": invoke_mode, "AWS_LWA_PORT": "8080"}},
    )


def test_a_web_server_answers_by_the_adapter(adapter: str, deploy: Deploy, platform: Node) -> None:
    url = url_of(platform, deployed(deploy, adapter, "buffered"))
    body = b"bytes: " + bytes(range(256))
    reply = url.ask("POST", "/some/path?a=1&b=%20", body, {"content-type": "image/png", "cookie": "c=d; e=f"})
    assert reply.status == 201
    shown = reply.document
    assert (shown["path"], shown["body"]) == ("/some/path?a=1&b=%20", body.decode("latin-1"))
    assert (shown["host"], shown["api"]) == (url.host, url.id)
    assert shown["cookie"].split(";") == ["c=d", "e=f"]  # the adapter joins them
    assert reply.headers["set-cookie"] == "one=1"
    assert url.ask("GET", "/nowhere").status == 404


def test_a_web_server_streams_by_the_adapter(adapter: str, deploy: Deploy, platform: Node) -> None:
    url = url_of(platform, deployed(deploy, adapter, "response_stream"), InvokeMode="RESPONSE_STREAM")
    connection = url.begin(path="/events")
    response = connection.getresponse()
    assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    written, arrived = [], []
    while line := response.readline():
        if line.startswith(b"data: "):
            written.append(float(line.removeprefix(b"data: ")))
            arrived.append(time.time())
    connection.close()
    assert len(written) == 3
    assert all(here < after for here, after in zip(arrived, written[1:], strict=False))
    assert json.loads(url.ask("POST", "/x", b"{}").body)["body"] == "{}"
