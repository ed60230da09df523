"""A real browser on the page of `examples/stream`: Chromium, driven by Playwright."""

import http.server
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.browsers import browser, trusting
from tests.conftest import Deploy, Node

from .conftest import UrlClient, url_of

__all__ = ["browser", "trusting"]

STREAM = Path(__file__).parents[2] / "examples/stream"
PAUSE_MS = 150
WORDS = 18
WHOLE = "Hope is the thing with feathers That perches in the soul, And sings the tune without the words"
WAIT_MS = 20_000


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def page_url() -> Iterator[str]:
    """The page, on a server of its own: another origin than the function's."""
    handler = partial(QuietHandler, directory=str(STREAM))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def url(platform: Node, deploy_module: Deploy, nodejs: str, page_url: str) -> UrlClient:
    files: dict[str, str | bytes] = {"index.mjs": (STREAM / "index.mjs").read_text()}
    name = f"stream-{uuid.uuid4().hex[:8]}"
    deploy_module(name, files, nodejs, "index.handler", MemorySize=256, Timeout=30)
    cors = {"AllowOrigins": [page_url.rstrip("/")], "AllowHeaders": ["x-reader"]}
    return url_of(platform, name, InvokeMode="RESPONSE_STREAM", Cors=cors)


def reached(url: UrlClient, platform: Node, scheme: str) -> str:
    port = platform.endpoint.rpartition(":")[2]
    return f"{scheme}://{url.host}:{port}/?pause={PAUSE_MS}"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("way", ["fetch", "events"])
def test_the_first_words_are_seen_before_the_function_has_ended(
    url: UrlClient, platform: Node, page_url: str, trusting: Any, way: str, scheme: str
) -> None:
    page = trusting.new_page()
    page.set_default_timeout(WAIT_MS)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{page_url}?url={quote(reached(url, platform, scheme), safe='')}")
    page.click(f"#{way}")
    page.wait_for_function("document.getElementById('text').textContent.includes('Hope ')")
    seen = page.text_content("#text")
    assert page.text_content("#state") == "arriving"
    assert len(seen.split()) < WORDS
    page.wait_for_function("document.getElementById('state').textContent !== 'arriving'")
    assert (page.text_content("#state"), page.text_content("#text").strip()) == ("ended", WHOLE)
    assert problems == []
    page.close()


def test_a_page_of_another_origin_reads_nothing(url: UrlClient, platform: Node, browser: Any, page_url: str) -> None:
    """`localhost` is not the origin that the configuration names, although it is the same server."""
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    elsewhere = page_url.replace("127.0.0.1", "localhost")
    page.goto(f"{elsewhere}?url={quote(reached(url, platform, 'http'), safe='')}")
    page.click("#fetch")
    page.wait_for_function("document.getElementById('state').textContent.startsWith('failed')")
    assert page.text_content("#text") == ""
    page.close()


def test_more_streams_than_a_browser_has_connections_arrive_by_http2(
    url: UrlClient, platform: Node, page_url: str, trusting: Any
) -> None:
    """Six connections for one host: by HTTP/1.1 the seventh stream would wait for one of them to end."""
    page = trusting.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(page_url)
    script = """async (url) => {
        let ended = 0;
        const begun = Array.from({ length: 10 }, async () => {
            const response = await fetch(url);
            const reader = response.body.getReader();
            reader.closed.then(() => { ended += 1; });
            await reader.read();
            return reader;
        });
        const readers = await Promise.all(begun);
        const endedMeanwhile = ended;
        await Promise.all(readers.map((reader) => reader.cancel()));
        return endedMeanwhile;
    }"""
    address = reached(url, platform, "https").replace(f"pause={PAUSE_MS}", "pause=500")
    assert page.evaluate(script, address) == 0
    page.close()
