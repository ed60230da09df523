"""A page in a real browser talks with a WebSocket API."""

import json
from typing import Any

import pytest

from tests.browsers import browser, trusting

from .conftest import SocketApi

__all__ = ["browser", "trusting"]

WAIT_MS = 30_000
# Opens, asks the two-way route and the management API's own, and closes; answers with all that was told to the page.
TALK = """async (url) => {
    const socket = new WebSocket(url);
    const told = [];
    const next = (name) => new Promise((resolve) => socket.addEventListener(name, resolve, { once: true }));
    await next("open");
    for (const message of [{ action: "echo", text: "grüße" }, { action: "other", do: "post" }]) {
        socket.send(JSON.stringify(message));
        told.push((await next("message")).data);
    }
    socket.close(4000, "enough");
    const end = await next("close");
    return { told, code: end.code, wasClean: end.wasClean };
}"""


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_page_sends_is_answered_is_told_and_leaves(api: SocketApi, trusting: Any, scheme: str) -> None:
    page = trusting.new_page()
    page.set_default_timeout(WAIT_MS)
    port = api.node.endpoint.rpartition(":")[2]
    said = page.evaluate(TALK, f"{scheme}://{api.host}:{port}/{api.stage}")
    page.close()
    echoed, posted = said.pop("told")
    assert json.loads(json.loads(echoed)["body"]) == {"action": "echo", "text": "grüße"}
    assert posted == "posted"
    assert said == {"code": 4000, "wasClean": True}


def test_a_page_whose_connection_is_refused_hears_nothing_of_why(api: SocketApi, trusting: Any) -> None:
    page = trusting.new_page()
    page.set_default_timeout(WAIT_MS)
    port = api.node.endpoint.rpartition(":")[2]
    refused = """(url) => new Promise((resolve) => {
        const socket = new WebSocket(url);
        socket.onopen = () => resolve("open");
        socket.onclose = (end) => resolve(end.code);
    })"""
    assert page.evaluate(refused, f"ws://{api.host}:{port}/{api.stage}?status=403") == 1006
    page.close()
