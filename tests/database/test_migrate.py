import pkgutil
from importlib import import_module

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

import stoker
from stoker.database.dialects import Access, make_engine, parse_url
from stoker.database.engine import Database
from stoker.database.metadata import metadata
from stoker.database.migrate import MIGRATIONS_DIR, config_for
from stoker.logs.queries import EventSearch, find_events
from stoker.logs.records import LogGroupName


def difference(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def test_the_migrations_make_exactly_the_tables_that_the_rooms_declare(url: str) -> None:
    for module in pkgutil.walk_packages(stoker.__path__, "stoker."):
        if module.name.endswith(".tables"):
            import_module(module.name)
    async with Database(url) as database:
        assert await database.read(difference) == []


async def test_opening_twice_migrates_once(url: str) -> None:
    async with Database(url):
        pass
    async with Database(url) as database:
        revision = await database.read(lambda connection: MigrationContext.configure(connection).get_current_revision())
    assert revision == max(file.name for file in MIGRATIONS_DIR.glob("versions/*.py"))[:4]


async def test_log_events_of_an_older_node_are_kept(url: str) -> None:
    engine = make_engine(parse_url(url), Access.WRITE_DURABLE)
    with engine.begin() as connection:
        command.upgrade(config_for(connection), "0014")
        statement = text(
            "INSERT INTO log_events (account_id, region, log_group, log_stream, timestamp_ms, ingested_ms, message) "
            "VALUES ('0', 'r', 'g', :stream, :at, 9, :message)"
        )
        for stream, at in (("s", 1_000), ("s", 5_000), ("t", 1_100), ("s", 1_100)):
            connection.execute(statement, {"stream": stream, "at": at, "message": f"{stream} {at}"})
    engine.dispose()
    search = EventSearch(LogGroupName("0", "r", "g"))
    async with Database(url) as database:
        page = await database.read(find_events, search, lambda _: True)
        chunks = await database.read(lambda it: it.exec_driver_sql("SELECT count(*) FROM log_chunks").scalar_one())
    assert [event.message for event in page.events] == ["s 1000", "s 1100", "t 1100", "s 5000"]
    assert {event.ingested_ms for event in page.events} == {9}
    assert chunks == 3
