"""Functions and their versions. Created by the migrations of `database/`, which copy these declarations."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from stoker.database.metadata import metadata

functions = Table(
    "functions",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(140), nullable=False),
    Column("id", String(36), nullable=False),
    Column("next_version", Integer, nullable=False),
    Column("tags", JSON, nullable=False),
    PrimaryKeyConstraint("account_id", "region", "name"),
)

function_versions = Table(
    "function_versions",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(140), nullable=False),
    Column("version", String(20), nullable=False),
    Column("runtime", String(64), nullable=False),
    Column("handler", String(128), nullable=False),
    Column("role", Text, nullable=False),
    Column("code_sha256", String(64), nullable=False),
    Column("code_size_bytes", BigInteger, nullable=False),
    Column("description", String(256), nullable=False),
    Column("timeout_s", Integer, nullable=False),
    Column("memory_mb", Integer, nullable=False),
    Column("ephemeral_storage_mb", Integer, nullable=False),
    Column("architecture", String(16), nullable=False),
    Column("environment", JSON(none_as_null=True), nullable=True),
    Column("tracing_mode", String(16), nullable=False),
    Column("log_group", String(512), nullable=False),
    Column("log_format", String(8), nullable=False),
    Column("application_log_level", String(8), nullable=True),
    Column("system_log_level", String(8), nullable=True),
    Column("state", String(20), nullable=False),
    Column("state_reason", Text, nullable=True),
    Column("state_reason_code", String(64), nullable=True),
    Column("last_update_status", String(20), nullable=True),
    Column("last_update_reason", Text, nullable=True),
    Column("last_update_reason_code", String(64), nullable=True),
    Column("revision_id", String(36), nullable=False),
    Column("last_modified", String(32), nullable=False),
    Column("build_id", String(36), nullable=False),
    Column("configuration_sha256", String(64), nullable=False),
    PrimaryKeyConstraint("account_id", "region", "name", "version"),
    ForeignKeyConstraint(
        ["account_id", "region", "name"],
        ["functions.account_id", "functions.region", "functions.name"],
        ondelete="CASCADE",
    ),
)
