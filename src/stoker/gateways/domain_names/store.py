"""Custom domain names in the database: the only place where a row becomes a record."""

import json
from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select

from stoker.database.engine import Database
from stoker.gateways.domain_names.records import ApiMapping, DomainName, DomainNameKey
from stoker.gateways.domain_names.tables import api_domain_names


class DomainNameStore:
    """Every change is one transaction, and on disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[DomainName]:
        """All of them."""
        return await self._database.read(_load)

    async def save(self, name: str, domain_name: DomainName | None) -> None:
        """What has become of it; None: it is gone."""
        await self._database.write(_save, name, domain_name)


def _load(connection: Connection) -> list[DomainName]:
    return [
        DomainName(
            DomainNameKey(row.account_id, row.region, row.name),
            json.loads(row.document),
            {mapping_id: ApiMapping(**mapping) for mapping_id, mapping in json.loads(row.mappings).items()},
        )
        for row in connection.execute(select(api_domain_names))
    ]


def _save(connection: Connection, name: str, domain_name: DomainName | None) -> None:
    connection.execute(delete(api_domain_names).where(api_domain_names.c.name == name))
    if domain_name is not None:
        mappings = {mapping_id: asdict(mapping) for mapping_id, mapping in domain_name.mappings.items()}
        connection.execute(
            insert(api_domain_names).values(
                **domain_name.key._asdict(),
                document=json.dumps(dict(domain_name.document)),
                mappings=json.dumps(mappings),
            )
        )
