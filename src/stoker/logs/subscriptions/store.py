"""Subscription filters in the database."""

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select

from stoker.database.engine import Database
from stoker.logs.records import LogGroupName
from stoker.logs.subscriptions.records import SubscriptionFilter
from stoker.logs.subscriptions.tables import log_subscription_filters as table


class SubscriptionStore:
    """One row for each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[SubscriptionFilter]:
        return await self._database.read(_load)

    async def put(self, subscription: SubscriptionFilter) -> None:
        """In place of the one of that name, if there is one."""
        await self._database.write(_put, subscription)

    async def delete(self, group: LogGroupName, name: str | None) -> None:
        """One, or without a name all of the group."""
        await self._database.write(_delete, group, name)


def _load(connection: Connection) -> list[SubscriptionFilter]:
    return [_record(row) for row in connection.execute(select(table))]


def _put(connection: Connection, subscription: SubscriptionFilter) -> None:
    _delete(connection, subscription.group, subscription.name)
    group = subscription.group
    connection.execute(
        insert(table),
        {
            "account_id": group.account_id,
            "region": group.region,
            "log_group": group.name,
            "name": subscription.name,
            "pattern": subscription.pattern,
            "destination_arn": subscription.destination_arn,
            "distribution": subscription.distribution,
            "created_ms": subscription.created_ms,
        },
    )


def _delete(connection: Connection, group: LogGroupName, name: str | None) -> None:
    of_group: ColumnElement[bool] = and_(
        table.c.account_id == group.account_id, table.c.region == group.region, table.c.log_group == group.name
    )
    connection.execute(delete(table).where(of_group if name is None else and_(of_group, table.c.name == name)))


def _record(row: Row[tuple[object, ...]]) -> SubscriptionFilter:
    return SubscriptionFilter(
        group=LogGroupName(row.account_id, row.region, row.log_group),
        name=row.name,
        pattern=row.pattern,
        destination_arn=row.destination_arn,
        distribution=row.distribution,
        created_ms=row.created_ms,
    )
