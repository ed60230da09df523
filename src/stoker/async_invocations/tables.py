"""The durable queue: events and deliveries. Created by the migrations of `database/`, which copy these declarations.

`lane` is what items wait for: an unqualified function ARN, or a destination's. Payloads come last, since SQLite reads a
row's columns in order and a large one would be read on the way to the others.
"""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, String, Table, Text

from stoker.database.metadata import metadata


def _queue_table(name: str, *columns: Column[object]) -> Table:
    """With what every queue has. SQLite only counts up by itself in a column of exactly this type."""
    return Table(
        name,
        metadata,
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("lane", Text, nullable=False),
        Column("due_s", Double, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("refusals", Integer, nullable=False),
        Column("size_bytes", Integer, nullable=False),
        *columns,
        Index(f"ix_{name}_due", "lane", "due_s", "id"),
        # No number twice: what is in flight is known by its number.
        sqlite_autoincrement=True,
    )


async_events = _queue_table(
    "async_events",
    Column("qualifier", String(128), nullable=True),
    Column("request_id", String(64), nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("accepted_s", Double, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

async_deliveries = _queue_table(
    "async_deliveries",
    Column("kind", String(16), nullable=False),
    Column("function_arn", Text, nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("is_success", Boolean, nullable=False),
    Column("error_code", Integer, nullable=False),
    Column("error_message", Text, nullable=False),
    Column("ended_s", Double, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
