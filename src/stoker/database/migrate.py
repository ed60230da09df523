"""Bringing a database's schema up to date, with Alembic and the numbered steps in `migrations/versions/`.

A released step never changes; a change of the schema is a new one. A database that knows a step we do not is refused.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from stoker.database.errors import DatabaseTooNewError

MIGRATIONS_DIR = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> None:
    """Apply every missing step in one transaction: all or none. Raises DatabaseTooNewError."""
    with engine.begin() as connection:
        config = config_for(connection)
        scripts = ScriptDirectory.from_config(config)
        present = MigrationContext.configure(connection).get_current_revision()
        if present == scripts.get_current_head():
            return
        if present is not None and present not in {script.revision for script in scripts.walk_revisions()}:
            raise DatabaseTooNewError(
                f"the database {engine.url.render_as_string()} has schema {present}, which this Stoker does not know "
                f"(it knows up to {scripts.get_current_head()}): a newer Stoker wrote it. "
                "Use that version, or another data directory."
            )
        command.upgrade(config, "head")


def config_for(connection: Connection) -> Config:
    """Alembic's own, for the steps in this package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_DIR).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
