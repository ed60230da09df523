"""Both databases, and time that only tests move."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from stoker.database.engine import Database
from stoker.schedules.store import ScheduleStore
from tests.database.conftest import postgresql, url

__all__ = ["postgresql", "url"]

BEGIN_S = 1_800_000_000.0


class VirtualTime:
    """A clock, and the sleep that goes with it."""

    def __init__(self) -> None:
        self.s = BEGIN_S
        self._moved = asyncio.Condition()

    def now_s(self) -> float:
        return self.s

    async def sleep(self, rest_s: float) -> None:
        until_s = self.s + rest_s
        async with self._moved:
            await self._moved.wait_for(lambda: self.s >= until_s)

    async def move(self, by_s: float) -> None:
        async with self._moved:
            self.s += by_s
            self._moved.notify_all()


@pytest.fixture
async def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
async def store(url: str) -> AsyncIterator[ScheduleStore]:
    async with Database(url) as database:
        yield ScheduleStore(database)
