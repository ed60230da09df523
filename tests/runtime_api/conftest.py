"""The Runtime API of one environment, without the environment."""

import socket
from collections.abc import AsyncIterator

import pytest

from stoker.runtime_api.exchange import Exchange
from stoker.runtime_api.server import RuntimeApi

from .runtime import METADATA, RESPONSE_BYTES_MAX, Server, no_extensions


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    exchange = Exchange(RESPONSE_BYTES_MAX)
    api = RuntimeApi(exchange, no_extensions(), METADATA)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    await api.start(listener)
    server = Server(exchange, api, listener.getsockname()[1])
    yield server
    for client in server.clients:
        client.writer.close()
    api.close()
