"""The Extensions API, request by request (reference: runtime side, 7)."""

import asyncio
import json
import uuid
from dataclasses import dataclass

import pytest

from stoker.runtime_api.exchange import ExtensionFailed
from stoker.runtime_api.extensions import Extensions

from .runtime import LIMIT_S, Client, Response, Server

EVENT = {"eventType": "INVOKE", "requestId": "r1"}


@dataclass
class Caller:
    """One connection of an extension."""

    client: Client
    identifier: str = ""

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        lines = [f"{method} /2020-01-01/extension/{path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        if self.identifier:
            lines.append(f"Lambda-Extension-Identifier: {self.identifier}")
        lines += [f"Lambda-Extension-{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def register(self, name: str, *events: str, **headers: str) -> Response:
        body = json.dumps({"events": events}).encode()
        response = await self.client.ask(self.request("POST", "register", body, Name=name, **headers))
        self.identifier = response.headers.get("lambda-extension-identifier", "")
        return response

    async def next(self) -> Response:
        return await self.client.ask(self.request("GET", "event/next"))

    def wait_for_next(self) -> None:
        self.client.send(self.request("GET", "event/next"))

    async def fail(self, when: str, error_type: str = "Extension.Mine") -> Response:
        headers = {"Function_Error_Type": error_type} if error_type else {}
        return await self.client.ask(self.request("POST", f"{when}/error", b"{}", **headers))


async def caller(server: Server) -> Caller:
    return Caller(await server.connect())


async def ready(extensions: Extensions) -> None:
    async with asyncio.timeout(LIMIT_S):
        assert await extensions.wait_ready() is None


async def test_an_external_extension_registers_and_gets_both_events(server: Server) -> None:
    extensions = server.api.extensions
    extensions.launched("watcher")
    watcher = await caller(server)
    response = await watcher.register("watcher", "INVOKE", "SHUTDOWN")
    assert response.status == 200
    assert json.loads(response.body) == {"functionName": "f", "functionVersion": "$LATEST", "handler": "index.handler"}
    assert uuid.UUID(watcher.identifier)
    assert await extensions.wait_registered() is None
    watcher.wait_for_next()
    await ready(extensions)
    extensions.invoke(EVENT)
    event = await watcher.client.read()
    assert json.loads(event.body) == EVENT
    assert uuid.UUID(event.headers["lambda-extension-event-identifier"])
    watcher.wait_for_next()
    async with asyncio.timeout(LIMIT_S):
        assert await extensions.wait_done() is None
    extensions.shut_down("SPINDOWN", 17)
    end = {"eventType": "SHUTDOWN", "shutdownReason": "SPINDOWN", "deadlineMs": 17}
    assert json.loads((await watcher.client.read()).body) == end
    extensions.ended("watcher", 0, "exit code 0")
    await extensions.wait_shut_down()


async def test_the_account_is_told_to_whom_asks_for_it(server: Server) -> None:
    response = await (await caller(server)).register("inner", "INVOKE", Accept_Feature="other, accountId")
    assert json.loads(response.body)["accountId"] == "000000000000"


async def test_a_registration_without_a_body_is_one_for_no_events(server: Server) -> None:
    inner = await caller(server)
    response = await inner.client.ask(inner.request("POST", "register", Name="inner"))
    assert response.status == 200
    assert server.api.extensions.members["inner"].events == ()


async def test_an_event_that_nobody_waits_for_waits_itself(server: Server) -> None:
    extensions = server.api.extensions
    extensions.launched("watcher")
    watcher = await caller(server)
    await watcher.register("watcher", "INVOKE", "SHUTDOWN")
    watcher.wait_for_next()
    await ready(extensions)
    extensions.invoke(EVENT)
    assert json.loads((await watcher.client.read()).body) == EVENT
    extensions.shut_down("FAILURE", 0)
    assert json.loads((await watcher.next()).body)["shutdownReason"] == "FAILURE"


@pytest.mark.parametrize(
    ("name", "body", "error_type"),
    [
        ("", b"{}", "Extension.InvalidExtensionName"),
        ("inner", b"[", "InvalidRequestFormat"),
        ("inner", b'{"events":"INVOKE"}', "InvalidRequestFormat"),
        ("inner", b'{"events":[1]}', "InvalidRequestFormat"),
        ("inner", b"[" * 100_000, "InvalidRequestFormat"),
        ("inner", b'{"events":["START"]}', "Extension.InvalidEventType"),
        ("inner", b'{"events":["SHUTDOWN"]}', "ShutdownEventNotSupportedForInternalExtension"),
    ],
)
async def test_a_wrong_registration_is_forbidden(server: Server, name: str, body: bytes, error_type: str) -> None:
    inner = await caller(server)
    response = await inner.client.ask(inner.request("POST", "register", body, Name=name))
    assert (response.status, response.error_type) == (403, error_type)
    assert not server.api.extensions.members


async def test_a_name_registers_once(server: Server) -> None:
    assert (await (await caller(server)).register("inner")).status == 200
    again = await (await caller(server)).register("inner")
    assert (again.status, again.error_type) == (403, "Extension.InvalidExtensionState")


async def test_the_eleventh_extension_is_refused(server: Server) -> None:
    for number in range(10):
        assert (await (await caller(server)).register(f"inner{number}")).status == 200
    response = await (await caller(server)).register("inner10")
    assert response.error_type == "Extension.TooManyExtensions"
    assert json.loads(response.body)["errorMessage"] == "Extension limit (10) reached"


async def test_nobody_registers_after_init(server: Server) -> None:
    server.api.extensions.close_registration()
    assert (await (await caller(server)).register("inner")).error_type == "Extension.RegistrationClosed"


@pytest.mark.parametrize(
    ("identifier", "error_type"),
    [
        ("", "Extension.MissingExtensionIdentifier"),
        ("me", "Extension.InvalidExtensionIdentifier"),
        ("00000000-0000-4000-8000-000000000000", "Extension.UnknownExtensionIdentifier"),
    ],
)
async def test_who_does_not_say_who_it_is_is_forbidden(server: Server, identifier: str, error_type: str) -> None:
    stranger = Caller(await server.connect(), identifier)
    for response in (await stranger.next(), await stranger.fail("init"), await stranger.fail("exit")):
        assert (response.status, response.error_type) == (403, error_type)


@pytest.mark.parametrize(("when", "error_type"), [("init", "Extension.InitError"), ("exit", "Extension.ExitError")])
async def test_an_extension_that_gives_up_ends_the_environment(server: Server, when: str, error_type: str) -> None:
    extensions = server.api.extensions
    extensions.launched("watcher")
    watcher = await caller(server)
    await watcher.register("watcher")
    assert (await watcher.fail(when, "")).error_type == "Extension.MissingHeader"
    response = await watcher.fail(when)
    assert (response.status, response.body) == (202, b'{"status":"OK"}\n')
    extensions.ended("watcher", 1, "exit status 1")
    assert await extensions.wait_ready() == ExtensionFailed(error_type, "exit status 1")
    assert (await watcher.next()).error_type == "Extension.InvalidExtensionState"


async def test_one_that_gives_up_and_stays_has_given_up(server: Server) -> None:
    inner = await caller(server)
    await inner.register("inner")
    await inner.fail("init", "Extension.Mine")
    async with asyncio.timeout(LIMIT_S):
        failed = await server.api.extensions.wait_ready()
    assert failed == ExtensionFailed("Extension.InitError", "Extension.Mine")


async def test_an_end_of_the_runtime_leaves_an_extension_its_connection(server: Server) -> None:
    extensions = server.api.extensions
    extensions.launched("watcher")
    watcher = await caller(server)
    await watcher.register("watcher", "SHUTDOWN")
    watcher.wait_for_next()
    await ready(extensions)
    runtime, _ = await server.running()
    server.api.hang_up()
    assert await runtime.is_closed()
    extensions.shut_down("FAILURE", 0)
    assert json.loads((await watcher.client.read()).body)["shutdownReason"] == "FAILURE"
