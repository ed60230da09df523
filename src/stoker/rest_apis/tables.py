"""What is configured of REST APIs, and what was used of usage plans. Created by the migrations of `database/`, which
copy these declarations.

Items of all kinds have one shape: a document, found by its kind, whose it is and its id below that of its parent.
"""

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, String, Table, Text

from stoker.database.metadata import metadata

rest_api_items = Table(
    "rest_api_items",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("parent_id", String(256), nullable=False),
    Column("id", String(256), nullable=False),
    Column("document", Text, nullable=False),
    PrimaryKeyConstraint("account_id", "region", "kind", "parent_id", "id"),
)

rest_api_usage = Table(
    "rest_api_usage",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("plan_id", String(32), nullable=False),
    Column("key_id", String(32), nullable=False),
    # A day of UTC, as `2026-01-31`.
    Column("day", String(10), nullable=False),
    Column("used", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "region", "plan_id", "key_id", "day"),
)
