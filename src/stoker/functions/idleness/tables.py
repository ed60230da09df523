"""When versions that can become inactive were last known to be in use."""

from sqlalchemy import Column, Double, PrimaryKeyConstraint, String, Table

from stoker.database.metadata import metadata

version_uses = Table(
    "version_uses",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(140), nullable=False),
    Column("version", String(20), nullable=False),
    Column("used_at_s", Double, nullable=False),
    PrimaryKeyConstraint("account_id", "region", "name", "version"),
)
