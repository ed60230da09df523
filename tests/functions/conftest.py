"""The functions room on a real database and a real package store, called as the front door calls it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.database.conftest import postgresql, url
from tests.functions.node import Node, running_node

__all__ = ["postgresql", "url"]

StartNode = Callable[..., Awaitable[Node]]


@pytest.fixture
async def start_node(tmp_path: Path) -> AsyncIterator[StartNode]:
    """Starts a node on the test's data directory; starting another one stops the one before, as a restart does."""
    stack = AsyncExitStack()

    async def start(delay_s: float = 0.0, **settings: Any) -> Node:
        await stack.aclose()
        return await stack.enter_async_context(running_node(tmp_path, delay_s, **settings))

    yield start
    await stack.aclose()


@pytest.fixture
async def node(start_node: StartNode) -> Node:
    return await start_node()
