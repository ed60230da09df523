"""What a function has one of per qualifier (aliases, policies, URLs and so on), as rows: read, and brought up to date.

Each such noun declares a `Part` in its `store.py`; `FunctionStore` then keeps all parts of a function in the function's
own transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    and_,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.sql import ColumnElement

from stoker.database.metadata import metadata
from stoker.functions.records import Function, FunctionKey

T = TypeVar("T")


def part_table(name: str, *columns: Column[Any]) -> Table:
    """A table with a row per function and qualifier. Its rows go when their function goes."""
    return Table(
        name,
        metadata,
        Column("account_id", String(12), nullable=False),
        Column("region", String(64), nullable=False),
        Column("name", String(140), nullable=False),
        Column("qualifier", String(128), nullable=False),
        *columns,
        PrimaryKeyConstraint("account_id", "region", "name", "qualifier"),
        ForeignKeyConstraint(
            ["account_id", "region", "name"],
            ["functions.account_id", "functions.region", "functions.name"],
            ondelete="CASCADE",
        ),
    )


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """One kind of thing: where a function holds it, and how it is a row."""

    table: Table
    of: Callable[[Function], Mapping[str, T]]
    row: Callable[[T], dict[str, Any]]
    record: Callable[[Row[Any]], T]

    def load(self, connection: Connection) -> dict[FunctionKey, dict[str, T]]:
        """All there are, by function and qualifier."""
        loaded: dict[FunctionKey, dict[str, T]] = defaultdict(dict)
        for row in connection.execute(select(self.table)):
            loaded[row.account_id, row.region, row.name][row.qualifier] = self.record(row)
        return loaded

    def replace(self, connection: Connection, before: Function | None, after: Function) -> None:
        """Make the rows of `before` those of `after`. `before` is None when there are none."""
        old: Mapping[str, T] = self.of(before) if before is not None else {}
        new = self.of(after)
        for qualifier in old.keys() - new.keys():
            connection.execute(delete(self.table).where(self._is_of(after.key, qualifier)))
        for qualifier, part in new.items():
            if qualifier not in old:
                connection.execute(insert(self.table).values(_key(after.key, qualifier) | self.row(part)))
            elif part != old[qualifier]:
                connection.execute(update(self.table).where(self._is_of(after.key, qualifier)).values(**self.row(part)))

    def _is_of(self, key: FunctionKey, qualifier: str) -> ColumnElement[bool]:
        return and_(*(self.table.c[name] == value for name, value in _key(key, qualifier).items()))


def _key(key: FunctionKey, qualifier: str) -> dict[str, Any]:
    account_id, region, name = key
    return {"account_id": account_id, "region": region, "name": name, "qualifier": qualifier}
