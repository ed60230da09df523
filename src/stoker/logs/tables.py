"""Log groups, streams, and events in chunks. Made by the migrations of `database/`, which copy these declarations."""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from stoker.database.metadata import metadata

log_groups = Table(
    "log_groups",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(512), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("retention_days", Integer, nullable=True),
    PrimaryKeyConstraint("account_id", "region", "name"),
)

log_streams = Table(
    "log_streams",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("log_group", String(512), nullable=False),
    Column("name", String(512), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("first_event_ms", BigInteger, nullable=True),
    Column("last_event_ms", BigInteger, nullable=True),
    Column("last_ingested_ms", BigInteger, nullable=True),
    PrimaryKeyConstraint("account_id", "region", "log_group", "name"),
)

log_chunks = Table(
    "log_chunks",
    metadata,
    # SQLite numbers rows by itself only for a column of exactly this type.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("log_group", String(512), nullable=False),
    Column("log_stream", String(512), nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("ingested_ms", BigInteger, nullable=False),
    Column("events", Text, nullable=False),
    # One index serves both readers: a whole group in time order, and (filtered) the streams in it.
    Index("ix_log_chunks_time", "account_id", "region", "log_group", "first_ms", "id"),
    Index("ix_log_chunks_stream", "account_id", "region", "log_group", "log_stream", "first_ms", "id"),
)
