import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from stoker.database.dialects import insert_plain
from stoker.database.engine import Database, database_url
from stoker.database.errors import DatabaseError, DatabaseInUseError, DatabaseTooNewError
from stoker.functions.tables import function_versions
from stoker.logs.tables import log_groups

# Commits rows one after the other, saying each number after its commit, until it is killed.
WRITER = """
import asyncio, sys
from sqlalchemy import insert
from stoker.database.engine import Database
from stoker.logs.tables import log_groups

async def main():
    async with Database(sys.argv[1]) as database:
        for number in range(1_000_000):
            row = {"account_id": "1", "region": "r", "name": str(number), "created_ms": number}
            await getattr(database, sys.argv[2])(lambda connection: connection.execute(insert(log_groups).values(row)))
            print(number, flush=True)

asyncio.run(main())
"""


def add_group(connection: Connection, name: str) -> None:
    connection.execute(insert(log_groups).values(account_id="1", region="r", name=name, created_ms=0))


def group_names(connection: Connection) -> list[str]:
    return [row.name for row in connection.execute(select(log_groups.c.name).order_by(log_groups.c.name))]


async def test_what_was_written_is_read_after_a_restart(url: str) -> None:
    async with Database(url) as database:
        await database.write(add_group, "durable")
        await database.write_relaxed(add_group, "relaxed")
    async with Database(url) as database:
        assert await database.read(group_names) == ["durable", "relaxed"]


@pytest.mark.parametrize("count", [0, 1, 5, 37, 256, 300, 1_000])
async def test_plain_rows_are_all_inserted(url: str, count: int) -> None:
    names = [f"name {number:04}" for number in range(count)]
    rows = [("1", "r", name, 0) for name in names]

    def add(connection: Connection) -> None:
        insert_plain(connection, log_groups, ("account_id", "region", "name", "created_ms"), rows)

    async with Database(url) as database:
        await database.write(add)
        assert await database.read(group_names) == names


async def test_a_write_that_raises_leaves_nothing_behind(url: str) -> None:
    def add_and_fail(connection: Connection) -> None:
        add_group(connection, "half")
        raise RuntimeError("on purpose")

    async with Database(url) as database:
        for write in (database.write, database.write_relaxed):
            with pytest.raises(RuntimeError, match="on purpose"):
                await write(add_and_fail)
        assert await database.read(group_names) == []


async def test_both_ways_of_writing_together_lose_nothing(url: str) -> None:
    async with Database(url) as database:
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(database.write(add_group, f"durable{number:03}"))
                group.create_task(database.write_relaxed(add_group, f"relaxed{number:03}"))
        assert len(await database.read(group_names)) == 200


async def test_a_cancelled_caller_does_not_undo_the_transaction(url: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def add_slowly(connection: Connection) -> None:
        begun.set()
        assert go_on.wait(10)
        add_group(connection, "slow")

    async with Database(url) as database:
        caller = asyncio.create_task(database.write(add_slowly))
        await asyncio.to_thread(begun.wait, 10)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        go_on.set()
        await database.write(add_group, "after")
        assert await database.read(group_names) == ["after", "slow"]


async def test_a_reader_sees_one_state_while_others_write(url: str) -> None:
    seen_first, written = threading.Event(), threading.Event()

    def read_twice(connection: Connection) -> tuple[list[str], list[str]]:
        first = group_names(connection)
        seen_first.set()
        assert written.wait(10)
        return first, group_names(connection)

    async with Database(url) as database:
        reader = asyncio.create_task(database.read(read_twice))
        await asyncio.to_thread(seen_first.wait, 10)
        await database.write(add_group, "meanwhile")
        written.set()
        assert await reader == ([], [])


async def test_foreign_keys_are_enforced(url: str) -> None:
    columns = {column.name: "1" for column in function_versions.columns if not column.nullable}
    row = columns | {column.name: 1 for column in function_versions.columns if column.name in NUMBERS}
    async with Database(url) as database:
        with pytest.raises(IntegrityError):
            await database.write(lambda connection: connection.execute(insert(function_versions).values(row)))


NUMBERS = {"code_size_bytes", "timeout_s", "memory_mb", "ephemeral_storage_mb"}


async def test_readers_cannot_write_to_sqlite(tmp_path: Path) -> None:
    async with Database(database_url("", tmp_path)) as database:
        with pytest.raises(DBAPIError, match="readonly"):
            await database.read(add_group, "sneaked in")


@pytest.mark.parametrize("way", ["write", "write_relaxed"])
def test_every_acknowledged_write_survives_kill_9(tmp_path: Path, way: str) -> None:
    url = database_url("", tmp_path)
    with subprocess.Popen([sys.executable, "-c", WRITER, url, way], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(next(writer.stdout)) for _ in range(50)]
        writer.kill()
        acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]

    async def stored() -> set[int]:
        async with Database(url) as database:
            return {int(name) for name in await database.read(group_names)}

    assert set(acknowledged) <= asyncio.run(stored())


async def test_a_database_of_a_newer_schema_is_refused(url: str) -> None:
    async with Database(url) as database:
        await database.write(
            lambda connection: connection.execute(text("UPDATE alembic_version SET version_num='9999'"))
        )
    with pytest.raises(DatabaseTooNewError, match=r"schema 9999.*newer Stoker"):
        await Database(url).open()


async def test_two_nodes_on_one_postgresql_database_are_refused(postgresql: object) -> None:
    url = postgresql.new_database_url()  # type: ignore[attr-defined]
    async with Database(url):
        with pytest.raises(DatabaseInUseError, match="another Stoker"):
            await Database(url).open()
    async with Database(url):
        pass  # the first one has gone


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "stoker.db").write_text("These are not the bytes you are looking for." * 100)
    with pytest.raises(DatabaseError, match=r"cannot open the database .*stoker\.db"):
        await Database(database_url("", tmp_path)).open()


@pytest.mark.parametrize("bad", ["mysql://host/stoker", "sqlite://", "not a url", "sqlite:///:memory:"])
def test_an_unsupported_url_is_refused(bad: str) -> None:
    with pytest.raises(DatabaseError):
        Database(bad)


async def test_an_unreachable_server_is_named_without_its_password(postgresql: object) -> None:
    with pytest.raises(DatabaseError) as raised:
        await Database("postgresql://user:secret@localhost:1/stoker").open()
    assert "localhost:1" in str(raised.value)
    assert "secret" not in str(raised.value)
