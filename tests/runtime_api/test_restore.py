"""The phases of a snapshot, and credentials, on a real socket (reference: runtime side, 1 and 2.6)."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from stoker.clock import SystemClock
from stoker.role_sessions import RoleCredentials, RoleSessions
from stoker.runtime_api.credentials import Credentials
from stoker.runtime_api.exchange import Exchange, Failed, RuntimeEnded, RuntimeState
from stoker.runtime_api.server import RuntimeApi

from .runtime import EVENT, LIMIT_S, METADATA, NEXT, PING, RESPONSE_BYTES_MAX, Client, Server, no_extensions, post

RESTORE_NEXT = b"GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: x\r\n\r\n"
TOKEN = "t" * 64
ROLE_SESSIONS = RoleSessions(b"k", SystemClock())


def new_credentials() -> RoleCredentials:
    return ROLE_SESSIONS.begin("000000000000", "arn:aws:iam::000000000000:role/r", "f")


@pytest.fixture
async def snapped() -> AsyncIterator[Server]:
    """The Runtime API of an environment that is initialised for a snapshot."""
    exchange = Exchange(RESPONSE_BYTES_MAX)
    api = RuntimeApi(exchange, no_extensions(), METADATA, Credentials(TOKEN, new_credentials))
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    await api.start(listener)
    server = Server(exchange, api, listener.getsockname()[1])
    yield server
    for client in server.clients:
        client.writer.close()
    api.close()


async def ready(server: Server) -> Client:
    """A connection whose runtime waits to be restored."""
    client = await server.connect()
    client.send(RESTORE_NEXT)
    async with asyncio.timeout(LIMIT_S):
        assert await server.exchange.wait_init() is None
    assert server.exchange.awaits_restore
    return client


async def test_a_runtime_waits_until_it_is_restored_and_then_asks_for_events(snapped: Server) -> None:
    client = await ready(snapped)
    restored = snapped.exchange.restore()
    answer = await client.read()
    assert (answer.status, answer.body) == (200, b"")
    assert not restored.done()
    client.send(NEXT)
    async with asyncio.timeout(LIMIT_S):
        assert await restored is None
    snapped.exchange.offer(EVENT)
    assert (await client.read()).body == EVENT.payload


async def test_a_runtime_that_is_held_has_been_initialised_and_one_that_asked_is_not_held(snapped: Server) -> None:
    assert snapped.exchange.hold()
    async with asyncio.timeout(LIMIT_S):
        assert await snapped.exchange.wait_init() is None
    assert not snapped.exchange.hold()
    snapped.exchange.restart()
    await ready(snapped)
    assert not snapped.exchange.hold()


async def test_nothing_else_is_answered_before_the_restore(snapped: Server) -> None:
    """Whatever came on the same connection would be taken for the restore."""
    client = await ready(snapped)
    other = await snapped.connect()
    refused = await other.ask(NEXT)
    assert (refused.status, refused.error_type) == (403, "InvalidStateTransition")
    client.send(PING)
    assert await client.is_closed()


async def test_an_error_after_the_restore_is_the_nodes_to_tell(snapped: Server) -> None:
    client = await ready(snapped)
    restored = snapped.exchange.restore()
    await client.read()
    header = "Lambda-Runtime-Function-Error-Type: Runtime.AfterRestoreError"
    assert (await client.ask(post("restore/error", b'{"errorMessage":"x"}', header))).status == 202
    assert await restored == Failed(b'{"errorMessage":"x"}', "Runtime.AfterRestoreError")
    assert (await client.ask(NEXT)).status == 403


async def test_a_runtime_that_ends_while_it_is_restored_is_not_waited_for(snapped: Server) -> None:
    client = await ready(snapped)
    restored = snapped.exchange.restore()
    await client.read()
    snapped.exchange.ended(RuntimeEnded(65, None))
    assert await restored == RuntimeEnded(65, None)


async def test_a_runtime_that_lost_its_connection_may_wait_again(snapped: Server) -> None:
    first = await ready(snapped)
    first.writer.close()
    await first.writer.wait_closed()
    second = await snapped.connect()
    assert (await second.ask(PING)).status == 200  # so the end of the first has been seen
    restored = snapped.exchange.restore()
    assert (await second.ask(RESTORE_NEXT)).status == 200
    second.send(NEXT)
    async with asyncio.timeout(LIMIT_S):
        assert await restored is None


async def test_a_restore_error_out_of_turn_is_refused(snapped: Server) -> None:
    client = await snapped.connect()
    assert (await client.ask(post("restore/error"))).status == 403
    assert snapped.exchange.state is RuntimeState.STARTED


@pytest.mark.parametrize("line", ["POST /2018-06-01/runtime/restore/next", "GET /2018-06-01/runtime/restore/error"])
async def test_other_methods_are_refused(snapped: Server, line: str) -> None:
    client = await snapped.connect()
    answer = await client.ask(f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    assert answer.status == 405


async def test_other_environments_have_neither_these_routes_nor_credentials(server: Server) -> None:
    client = await server.connect()
    assert (await client.ask(RESTORE_NEXT)).status == 404
    assert (await client.ask(post("restore/error"))).status == 404
    assert (await client.ask(credentials(TOKEN))).status == 404


async def test_credentials_are_for_those_who_have_the_token(snapped: Server) -> None:
    client = await snapped.connect()
    answer = await client.ask(credentials(TOKEN))
    document = json.loads(answer.body)
    expiration = datetime.fromisoformat(document.pop("Expiration"))
    assert answer.status == 200
    found = ROLE_SESSIONS.recognise(document["AccessKeyId"], document["Token"])
    assert (found.secret_access_key, found.session.name) == (document["SecretAccessKey"], "f")
    assert expiration.timestamp() > SystemClock().now_s() + 3600


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "t"])
async def test_another_token_gets_nothing(snapped: Server, token: str) -> None:
    client = await snapped.connect()
    assert (await client.ask(credentials(token))).status == 404


def credentials(token: str) -> bytes:
    return f"GET /2021-04-23/credentials HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode()
