"""Event source mappings, and how far those of streams have come.

Created by the migrations of `database/`, which copy these declarations.
"""

from sqlalchemy import JSON, Boolean, Column, Double, Float, Index, PrimaryKeyConstraint, String, Table, Text

from stoker.database.metadata import metadata

event_source_mappings = Table(
    "event_source_mappings",
    metadata,
    Column("uuid", String(36), nullable=False),
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("function_arn", Text, nullable=False),
    Column("source", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_transition_reason", Text, nullable=False),
    Column("last_processing_result", Text, nullable=True),
    Column("last_modified_s", Float(53), nullable=False),
    Column("tags", JSON, nullable=False),
    PrimaryKeyConstraint("uuid"),
    Index("ix_event_source_mappings_account", "account_id", "region"),
)

event_source_checkpoints = Table(
    "event_source_checkpoints",
    metadata,
    Column("mapping_uuid", String(36), nullable=False),
    Column("shard_id", String(128), nullable=False),
    Column("stream", Text, nullable=False),
    Column("start", String(16), nullable=False),
    Column("since_s", Double, nullable=False),
    Column("sequence_number", Text, nullable=True),
    Column("is_finished", Boolean, nullable=False),
    PrimaryKeyConstraint("mapping_uuid", "shard_id"),
)
