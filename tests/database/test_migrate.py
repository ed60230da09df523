import pkgutil
from importlib import import_module

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

import stoker
from stoker.database.engine import Database
from stoker.database.metadata import metadata
from stoker.database.migrate import MIGRATIONS_DIR


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
