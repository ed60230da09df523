"""A log store on both databases, with a clock that stands still until a test moves it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from stoker.database.engine import Database
from stoker.lambda_model.call import ApiCall, Caller
from stoker.logs.api import LogsApi
from stoker.logs.records import LogGroupName
from stoker.logs.store import LogStore
from stoker.supervision import Background
from tests.database.conftest import postgresql, url

__all__ = ["postgresql", "url"]

NOON_S = 1_767_225_600.0 + 43_200  # 2026-01-01T12:00:00Z
GROUP = LogGroupName("000000000000", "eu-west-1", "/aws/lambda/f")
Logs = Callable[..., Awaitable[Any]]


class StillClock:
    def __init__(self) -> None:
        self.time_s = NOON_S

    def now_s(self) -> float:
        return self.time_s


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with Database(url) as database:
        yield database


@pytest.fixture
async def store(database: Database, clock: StillClock) -> AsyncIterator[LogStore]:
    async with Background() as background:
        store = LogStore(database, clock, background)
        store.start()
        yield store
        await store.close()


@pytest.fixture
def logs(store: LogStore, clock: StillClock) -> Logs:
    """Calls an operation as the front door does: `await logs("FilterLogEvents", logGroupName=…)`."""
    operations = LogsApi(store, clock).operations()

    async def call(operation: str, **members: Any) -> Any:
        request = ApiCall(operation, Caller("000000000000", "eu-west-1"), "request-1", members, "http://127.0.0.1:4566")
        return (await operations[operation](request)).members

    return call
