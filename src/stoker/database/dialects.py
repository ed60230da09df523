"""Everything that SQLite and PostgreSQL do differently, in one place.

SQLite has one writer at a time and decides durability by connection (`PRAGMA synchronous`); PostgreSQL has many and
decides by session (`synchronous_commit`). SQLite's file is guarded by the data directory's lock, a PostgreSQL database
by an advisory lock: the functions of an account are held in memory, so two nodes on one database would disagree.
"""

import itertools
import sqlite3
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, Insert, Table, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from stoker.database.errors import DatabaseError, DatabaseInUseError

READERS_MAX = 4
# Long enough for another process's checkpoint of a large log; our own writers never meet each other (see engine.py).
BUSY_TIMEOUT_S = 30.0
# Any number of ours will do, as long as every Stoker uses the same one: it spells "stoker" in hexadecimal.
ADVISORY_LOCK_KEY = 0x73746F6B6572

_ROWS_AT_ONCE = (256, 32, 4, 1)
# SQLite's own limit of values in one statement (sqlite.org, "Implementation Limits For SQLite").
_VALUES_MAX = 32_766 if sqlite3.sqlite_version_info >= (3, 32) else 999


class Access(Enum):
    """What a connection is for."""

    READ = "read"
    WRITE_DURABLE = "write, on disk when committed"
    WRITE_RELAXED = "write, may lose the last moments in a power cut"


def parse_url(url: str) -> URL:
    """`url` with the driver we use. Raises DatabaseError for a database that is not supported."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseError(
            f"the database URL {url!r} cannot be read; example: postgresql://user@host/stoker"
        ) from None
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite+pysqlite")
    raise DatabaseError(f"the database {parsed.drivername!r} is not supported: use a PostgreSQL URL or an SQLite file")


def is_single_writer(url: URL) -> bool:
    """Whether transactions of two connections exclude each other anyway."""
    return url.get_backend_name() == "sqlite"


def make_engine(url: URL, access: Access) -> Engine:
    """An engine whose connections are set up for `access`. Raises DatabaseError when the driver is not installed."""
    # One reader more than threads: `claim` keeps a connection.
    size = READERS_MAX + 1 if access is Access.READ else 1
    try:
        engine = create_engine(url, poolclass=QueuePool, pool_size=size, max_overflow=0, **_engine_arguments(url))
    except ModuleNotFoundError:
        raise DatabaseError("PostgreSQL needs its driver: pip install 'stoker[postgresql]'") from None
    if is_single_writer(url):
        _set_up_sqlite(engine, access)
    elif access is Access.WRITE_RELAXED:
        _relax_postgresql(engine)
    return engine


def _engine_arguments(url: URL) -> dict[str, Any]:
    if is_single_writer(url):
        return {"connect_args": {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}}
    # The encoding is said because a server set up in the C locale would hand out bytes.
    return {
        "pool_pre_ping": True,
        "isolation_level": "REPEATABLE READ",
        "connect_args": {"client_encoding": "utf8"},
    }


def _set_up_sqlite(engine: Engine, access: Access) -> None:
    synchronous = "NORMAL" if access is Access.WRITE_RELAXED else "FULL"

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        # Python's driver begins transactions late and never around DDL; we begin them ourselves, below.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")
        if access is Access.READ:
            connection.execute("PRAGMA query_only=ON")

    # A deferred transaction that reads and then writes can fail with SQLITE_BUSY at once, without waiting
    # (sqlite.org, "Isolation In SQLite"); an immediate one waits for its turn at the beginning.
    begin_statement = "BEGIN" if access is Access.READ else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin_statement)


def _relax_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_session(connection: Any, _record: Any) -> None:
        connection.execute("SET synchronous_commit TO off")
        connection.commit()


def insert_plain(
    connection: Connection, into: Table | Insert, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows of texts and numbers, in the order of `columns` (that of the table), as they are.

    `into` is a table, or an insert that is made once and says what becomes of rows that are there already.

    SQLAlchemy would look at each value of each row, which takes as long as SQLite takes to store it.
    """
    if not rows:
        return
    if not connection.dialect.positional:
        statement = _insert_statement(into, connection.dialect, tuple(columns))
        connection.exec_driver_sql(statement, [dict(zip(columns, row, strict=True)) for row in rows])
        return
    # Python's driver for SQLite lets go of the interpreter twice for each run of a statement, and has to get it back
    # from an event loop that has work: many rows in one run are a handover less for each of them (decision 0056).
    start = 0
    for size in [size for size in _ROWS_AT_ONCE if size * len(columns) <= _VALUES_MAX]:
        while len(rows) - start >= size:
            values = tuple(itertools.chain.from_iterable(rows[start : start + size]))
            connection.exec_driver_sql(_insert_statement(into, connection.dialect, tuple(columns), size), values)
            start += size


@lru_cache(maxsize=64)
def _insert_statement(into: Table | Insert, dialect: Dialect, columns: tuple[str, ...], rows: int = 1) -> str:
    """Compiling takes as long as inserting ten rows."""
    insert = into.insert() if isinstance(into, Table) else into
    one = str(insert.compile(dialect=dialect, column_keys=list(columns)))
    if rows == 1:
        return one
    values = f"({', '.join('?' * len(columns))})"
    return one.replace(values, ", ".join([values] * rows))


def claim(engine: Engine) -> Connection | None:
    """Hold the database for this node as long as the answered connection is open. Raises DatabaseInUseError.

    None for SQLite, whose file lies in a data directory that is locked as a whole.
    """
    if is_single_writer(engine.url):
        return None
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    taken = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY_LOCK_KEY}).scalar_one()
    if not taken:
        connection.close()
        raise DatabaseInUseError(f"another Stoker uses the database {engine.url.render_as_string()}")
    return connection
