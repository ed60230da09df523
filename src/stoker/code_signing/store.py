"""Code signing configurations in the database: the only place where a row becomes a record."""

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from stoker.code_signing.records import CodeSigningConfig
from stoker.code_signing.tables import code_signing_configs
from stoker.database.engine import Database


class CodeSigningStore:
    """Every change is one transaction, and on disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[CodeSigningConfig]:
        """Those of every account and region."""
        return await self._database.read(_select_all)

    async def add(self, config: CodeSigningConfig) -> None:
        await self._database.write(_insert, config)

    async def replace(self, config: CodeSigningConfig) -> None:
        """Make the row of the same ARN that of `config`."""
        await self._database.write(_update, config)

    async def delete(self, arn: str) -> None:
        await self._database.write(_delete, arn)


def _select_all(connection: Connection) -> list[CodeSigningConfig]:
    return [_record(row) for row in connection.execute(select(code_signing_configs))]


def _insert(connection: Connection, config: CodeSigningConfig) -> None:
    connection.execute(insert(code_signing_configs).values(_row(config)))


def _update(connection: Connection, config: CodeSigningConfig) -> None:
    statement = update(code_signing_configs).where(code_signing_configs.c.arn == config.arn)
    connection.execute(statement.values(_row(config)))


def _delete(connection: Connection, arn: str) -> None:
    connection.execute(delete(code_signing_configs).where(code_signing_configs.c.arn == arn))


def _row(config: CodeSigningConfig) -> dict[str, Any]:
    return {
        "arn": config.arn,
        "description": config.description,
        "allowed_publishers": list(config.allowed_publishers),
        "untrusted_artifact_on_deployment": config.untrusted_artifact_on_deployment,
        "last_modified": config.last_modified,
        "tags": dict(config.tags),
    }


def _record(row: Row[Any]) -> CodeSigningConfig:
    return CodeSigningConfig(
        arn=row.arn,
        description=row.description,
        allowed_publishers=tuple(row.allowed_publishers),
        untrusted_artifact_on_deployment=row.untrusted_artifact_on_deployment,
        last_modified=row.last_modified,
        tags=row.tags,
    )
