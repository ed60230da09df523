"""Every test that asks for `url` runs on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database.postgresql import PostgresqlServer, running_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stoker.db'}"
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.new_database_url()
