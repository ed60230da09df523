"""The same application behind a sandbox's own socket."""

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator

import pytest

from stoker.config import Settings
from stoker.front_door import sandbox_doors
from stoker.front_door.raw_routes import RawRequest, RawResponse, RawRoute
from stoker.front_door.sandbox_doors import SandboxDoors
from stoker.front_door.server import FrontDoor
from stoker.lambda_model.call import ApiAnswer, ApiCall, Caller

INSIDE = Caller("111122223333", "eu-west-1")
OTHER = "AWS4-HMAC-SHA256 Credential=999999999999/20250101/eu-north-1/lambda/aws4_request, SignedHeaders=h, Signature=0"


class Opened:
    """A front door and one sandbox door, whose listener came before it."""

    def __init__(self) -> None:
        self.doors = SandboxDoors()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]
        self.callers: list[Caller] = []

    async def list_functions(self, call: ApiCall) -> ApiAnswer:
        self.callers.append(call.caller)
        return ApiAnswer({"Functions": []})

    async def ask(self, path: str, **headers: str) -> int:
        return await asyncio.to_thread(self._ask, path, headers)

    def _ask(self, path: str, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        json.loads(answer.read() or b"{}")
        connection.close()
        return answer.status


async def _page(request: RawRequest) -> RawResponse:
    return RawResponse(200)


@pytest.fixture(params=["with credentials", "without"])
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    opened = Opened()
    keys = {"access_key_id": "AKID", "secret_access_key": "s"} if request.param == "with credentials" else {}
    outside = socket.create_server(("127.0.0.1", 0))
    front_door = FrontDoor(
        Settings(**keys),
        {"ListFunctions": opened.list_functions},
        {},
        {"/_stoker/open": RawRoute(_page, needs_signature=False), "/_stoker/closed": RawRoute(_page)},
        outside,
        sandbox_doors=opened.doors,
    )
    await opened.doors.add(opened.listener, INSIDE)
    waiting = asyncio.create_task(opened.ask("/_stoker/open"))
    await front_door.start()
    assert await waiting == 200
    yield opened
    await opened.doors.close()
    await front_door.stop(1)
    opened.listener.close()


async def test_who_calls_there_is_the_sandboxs_caller(opened: Opened) -> None:
    assert await opened.ask("/2015-03-31/functions") == 200
    assert opened.callers == [INSIDE]


@pytest.mark.parametrize("opened", ["with credentials"], indirect=True)
async def test_with_credentials_nothing_that_is_sent_makes_another_of_it(opened: Opened) -> None:
    forged = {"Authorization": OTHER, "stoker.sandbox_caller": "999999999999"}
    assert await opened.ask("/2015-03-31/functions", **forged) == 200
    assert opened.callers == [Caller("111122223333", "eu-north-1")], "a region may be named, an account not"


@pytest.mark.parametrize("opened", ["without"], indirect=True)
async def test_without_credentials_an_account_may_be_named_as_outside(opened: Opened) -> None:
    assert await opened.ask("/2015-03-31/functions", Authorization=OTHER) == 200
    assert opened.callers == [Caller("999999999999", "eu-north-1")]


async def test_what_is_for_the_operator_is_not_for_functions(opened: Opened) -> None:
    assert await opened.ask("/_stoker/closed") == 403


async def test_connections_are_bounded(opened: Opened) -> None:
    def connect(count: int) -> list[socket.socket]:
        return [socket.create_connection(("127.0.0.1", opened.port), 5) for _ in range(count)]

    held = await asyncio.to_thread(connect, sandbox_doors.CONNECTIONS_MAX)
    [one_more] = await asyncio.to_thread(connect, 1)
    assert await asyncio.to_thread(_is_hung_up, one_more)
    for connection in (*held, one_more):
        connection.close()


def _is_hung_up(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
