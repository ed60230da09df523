"""Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs the browser chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    with playwright.sync_playwright() as driver:
        # As root there is no sandbox of Chromium's; names below localhost it resolves by itself.
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=60_000)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def trusting(browser: Any) -> Iterator[Any]:
    """A context that takes the node's certificate: what it is for is checked in tests/front_door."""
    context = browser.new_context(ignore_https_errors=True)
    yield context
    context.close()
