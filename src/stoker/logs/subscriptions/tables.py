"""Subscription filters. Created by the migrations of `database/`, which copy this declaration."""

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, String, Table, Text

from stoker.database.metadata import metadata

log_subscription_filters = Table(
    "log_subscription_filters",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("log_group", String(512), nullable=False),
    Column("name", String(512), nullable=False),
    Column("pattern", Text, nullable=False),
    Column("destination_arn", Text, nullable=False),
    Column("distribution", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "region", "log_group", "name"),
)
