"""Schedules, their groups, and what they send. Created by the migrations of `database/`, which copy these declarations.

A rule with a schedule is a schedule of the kind "rule". Times are seconds since the epoch.
"""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from stoker.database.metadata import metadata

schedules = Table(
    "schedules",
    metadata,
    Column("kind", String(16), nullable=False),
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("group_name", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("state", String(64), nullable=False),
    Column("nominal_s", Double, nullable=True),
    Column("due_s", Double, nullable=True),
    Column("document", Text, nullable=False),
    PrimaryKeyConstraint("kind", "account_id", "region", "group_name", "name"),
    Index("ix_schedules_due", "kind", "due_s"),
)

schedule_groups = Table(
    "schedule_groups",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("created_s", Double, nullable=False),
    Column("modified_s", Double, nullable=False),
    Column("tags", Text, nullable=False),
    PrimaryKeyConstraint("account_id", "region", "name"),
)

schedule_deliveries = Table(
    "schedule_deliveries",
    metadata,
    # Counted up by SQLite itself: no number twice, for what is in flight is known by it.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("due_s", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_schedule_deliveries_due", "due_s", "id"),
    sqlite_autoincrement=True,
)
