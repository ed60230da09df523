"""What there is of load balancers, in the database: the only place where a row becomes a record."""

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import Connection, delete, insert, select

from stoker.database.engine import Database
from stoker.load_balancers.records import Listener, LoadBalancer, Record, Rule, TargetGroup
from stoker.load_balancers.tables import load_balancing

_KINDS: Mapping[str, type[Record]] = {
    "load-balancer": LoadBalancer,
    "target-group": TargetGroup,
    "listener": Listener,
    "rule": Rule,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class LoadBalancerStore:
    """Every change is one transaction, and on disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[Record]:
        """Everything, of all accounts and regions."""
        return await self._database.read(_load)

    async def save(self, put: Collection[Record], gone: Collection[Record]) -> None:
        await self._database.write(_save, put, gone)


def _load(connection: Connection) -> list[Record]:
    rows = connection.execute(select(load_balancing).order_by(load_balancing.c.arn))
    return [msgspec.json.decode(row.document, type=_KINDS[row.kind]) for row in rows]


def _save(connection: Connection, put: Collection[Record], gone: Collection[Record]) -> None:
    arns = [record.arn for record in (*put, *gone)]
    connection.execute(delete(load_balancing).where(load_balancing.c.arn.in_(arns)))
    for record in put:
        document = msgspec.json.encode(record).decode()
        connection.execute(insert(load_balancing).values(arn=record.arn, kind=_NAMES[type(record)], document=document))
