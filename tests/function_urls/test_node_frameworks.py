"""Real libraries of Node.js behind a URL, as npm installs them into a package."""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Deploy, Node

from .conftest import url_of
from .test_streaming import GAP_S

INSTALL_LIMIT_S = 100
Packaged = Callable[..., dict[str, str | bytes]]

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is missing")


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Packaged:
    """A package's files: `index.mjs` and what npm installs of these packages."""

    def make(code: str, *packages: str) -> dict[str, str | bytes]:
        folder = tmp_path_factory.mktemp("package")
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel", "error", *packages]
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=INSTALL_LIMIT_S, check=False)
        if done.returncode != 0:
            pytest.skip(f"npm cannot install: {done.stderr.decode()[-200:]}")
        return {**_contents(folder), "index.mjs": code}

    return make


def _contents(folder: Path) -> dict[str, str | bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


EXPRESS = """
import express from 'express';
import serverless from 'serverless-http';

const app = express();
app.use(express.json());
app.use('/raw', express.raw({ type: '*/*' }));
app.post('/echo/:name', (request, response) => {
  response.cookie('one', '1').cookie('two', '2');
  response.status(201).json({
    name: request.params.name, query: request.query, body: request.body,
    agent: request.get('user-agent'), ip: request.ip,
  });
});
app.put('/raw', (request, response) => response.type('image/png').send(request.body));
app.get('/missing', (request, response, next) => next(new Error('broken')));
export const handler = serverless(app, { binary: ['image/*'] });
"""


def test_serverless_http_runs_express(packaged: Packaged, deploy: Deploy, platform: Node, nodejs: str) -> None:
    files = packaged(EXPRESS, "express@4.21.2", "serverless-http@4.0.0")
    url = url_of(platform, deploy(None, files, nodejs, "index.handler", MemorySize=256, Timeout=30))
    headers = {"content-type": "application/json", "user-agent": "test"}
    reply = url.ask("POST", "/echo/you%20all?a=1&b=2", b'{"x": [1, 2]}', headers)
    assert reply.status == 201
    assert reply.document == {
        "name": "you all",
        "query": {"a": "1", "b": "2"},
        "body": {"x": [1, 2]},
        "agent": "test",
        "ip": "127.0.0.1",
    }
    cookies = [value.partition(";")[0] for name, value in reply.pairs if name == "set-cookie"]
    assert cookies == ["one=1", "two=2"]
    image = bytes(range(256))
    returned = url.ask("PUT", "/raw", image, {"content-type": "image/png"})
    assert (returned.status, returned.headers["content-type"], returned.body) == (200, "image/png", image)
    assert url.ask("GET", "/missing").status == 500
    assert url.ask("GET", "/nowhere").status == 404


HONO = f"""
import {{ Hono }} from 'hono';
import {{ streamHandle }} from 'hono/aws-lambda';
import {{ streamSSE }} from 'hono/streaming';
import {{ getCookie, setCookie }} from 'hono/cookie';

const app = new Hono();
app.get('/events', (context) => streamSSE(context, async (stream) => {{
  for (let number = 0; number < 3; number += 1) {{
    await stream.writeSSE({{ data: String(Date.now() / 1000), event: 'tick', id: String(number) }});
    await stream.sleep({GAP_S * 1000});
  }}
}}));
app.post('/echo', async (context) => {{
  setCookie(context, 'seen', getCookie(context, 'name'));
  return context.json({{ body: await context.req.json(), url: context.req.url }}, 202);
}});
export const handler = streamHandle(app);
"""


def test_hono_streams_events(packaged: Packaged, deploy: Deploy, platform: Node, nodejs: str) -> None:
    files = packaged(HONO, "hono@4.9.6")
    name = deploy(None, files, nodejs, "index.handler", MemorySize=256, Timeout=30)
    url = url_of(platform, name, InvokeMode="RESPONSE_STREAM")
    reply = url.ask("POST", "/echo?a=b", b'{"x": 1}', {"content-type": "application/json", "cookie": "name=you"})
    assert reply.status == 202
    assert reply.document["body"] == {"x": 1}
    assert reply.document["url"].endswith("/echo?a=b")
    assert reply.headers["set-cookie"].startswith("seen=you")
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
    # Node.js tells the time in whole milliseconds, rounded down.
    assert all(here < after + 0.002 for here, after in zip(arrived, written[1:], strict=False))
