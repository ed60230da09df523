"""The one way to the database: functions of a connection, run in threads, each in one transaction.

`write` and `write_relaxed` have a thread and a connection each, so that a control operation waits for one batch of log
lines at the most.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from stoker.database.dialects import READERS_MAX, Access, claim, is_single_writer, make_engine, parse_url
from stoker.database.errors import DatabaseError
from stoker.database.migrate import migrate

log = logging.getLogger("stoker.database")

P = ParamSpec("P")
T = TypeVar("T")

Written = Callable[[Connection], None]
"""What one noun writes in a transaction of another's: both happen, or neither."""


def database_url(configured: str, data: Path) -> str:
    """The setting `database_url`, or the SQLite file of the data directory."""
    return configured or f"sqlite:///{data / 'stoker.db'}"


class Database:
    """Connections, threads and transactions. Open it before use; close it after everything that writes has ended."""

    def __init__(self, url: str) -> None:
        """Raises DatabaseError for a URL that cannot be used."""
        self._url = parse_url(url)
        self._engines = {access: make_engine(self._url, access) for access in Access}
        self._threads = {
            Access.READ: ThreadPoolExecutor(READERS_MAX, "stoker-read"),
            Access.WRITE_DURABLE: ThreadPoolExecutor(1, "stoker-write"),
            Access.WRITE_RELAXED: ThreadPoolExecutor(1, "stoker-write-relaxed"),
        }
        # SQLite's own waiting sleeps up to 100 ms between looks; this lock hands the file over at once.
        self._turn: AbstractContextManager[object] = threading.Lock() if is_single_writer(self._url) else nullcontext()
        self._claim: Connection | None = None

    async def __aenter__(self) -> "Database":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect, claim the database for this node, and bring its schema up to date. Raises DatabaseError."""
        try:
            await self._run(Access.WRITE_DURABLE, self._prepare)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish the transactions that run, and disconnect. Closing twice is fine."""
        await asyncio.to_thread(self._close)

    async def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `query(connection, …)` in a thread, on one consistent view of the data."""
        return await self._run(Access.READ, lambda: self._transact(Access.READ, query, *args, **kwargs))

    async def write(self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `change(connection, …)` in one transaction, which is on disk when this returns.

        A caller that is cancelled stops waiting; the transaction goes on.
        """
        access = Access.WRITE_DURABLE
        return await self._run(access, lambda: self._transact_in_turn(access, change, *args, **kwargs))

    async def write_relaxed(
        self, change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `write`, but a power cut may take the last moments back; the death of the process does not."""
        access = Access.WRITE_RELAXED
        return await self._run(access, lambda: self._transact_in_turn(access, change, *args, **kwargs))

    async def _run(self, access: Access, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads[access], work)

    def _transact(
        self, access: Access, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with self._engines[access].begin() as connection:
            return work(connection, *args, **kwargs)

    def _transact_in_turn(
        self, access: Access, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with self._turn:
            return self._transact(access, work, *args, **kwargs)

    def _prepare(self) -> None:
        engine = self._engines[Access.WRITE_DURABLE]
        try:
            self._claim = claim(self._engines[Access.READ])
            migrate(engine)
        except DBAPIError as error:
            raise DatabaseError(f"cannot open the database {_shown(engine)}: {error.orig}") from error

    def _close(self) -> None:
        for threads in self._threads.values():
            threads.shutdown(wait=True)
        if self._claim is not None:
            self._claim.close()
            self._claim = None
        for engine in self._engines.values():
            engine.dispose()


def _shown(engine: Engine) -> str:
    """The URL without its password."""
    return engine.url.render_as_string(hide_password=True)
