"""Functions with their versions; log groups, streams and events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_functions()
    create_function_versions()
    create_logs()


def create_functions() -> None:
    op.create_table(
        "functions",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("name", sa.String(140), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("next_version", sa.Integer, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name"),
    )


def create_function_versions() -> None:
    op.create_table(
        "function_versions",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("name", sa.String(140), nullable=False),
        sa.Column("version", sa.String(20), nullable=False),
        sa.Column("runtime", sa.String(64), nullable=False),
        sa.Column("handler", sa.String(128), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("code_sha256", sa.String(64), nullable=False),
        sa.Column("code_size_bytes", sa.BigInteger, nullable=False),
        sa.Column("description", sa.String(256), nullable=False),
        sa.Column("timeout_s", sa.Integer, nullable=False),
        sa.Column("memory_mb", sa.Integer, nullable=False),
        sa.Column("ephemeral_storage_mb", sa.Integer, nullable=False),
        sa.Column("architecture", sa.String(16), nullable=False),
        sa.Column("environment", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("tracing_mode", sa.String(16), nullable=False),
        sa.Column("log_group", sa.String(512), nullable=False),
        sa.Column("log_format", sa.String(8), nullable=False),
        sa.Column("application_log_level", sa.String(8), nullable=True),
        sa.Column("system_log_level", sa.String(8), nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("state_reason", sa.Text, nullable=True),
        sa.Column("state_reason_code", sa.String(64), nullable=True),
        sa.Column("last_update_status", sa.String(20), nullable=True),
        sa.Column("last_update_reason", sa.Text, nullable=True),
        sa.Column("last_update_reason_code", sa.String(64), nullable=True),
        sa.Column("revision_id", sa.String(36), nullable=False),
        sa.Column("last_modified", sa.String(32), nullable=False),
        sa.Column("build_id", sa.String(36), nullable=False),
        sa.Column("configuration_sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name", "version"),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name"],
            ["functions.account_id", "functions.region", "functions.name"],
            ondelete="CASCADE",
        ),
    )


def create_logs() -> None:
    op.create_table(
        "log_groups",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("retention_days", sa.Integer, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "region", "name"),
    )
    op.create_table(
        "log_streams",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("log_group", sa.String(512), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("first_event_ms", sa.BigInteger, nullable=True),
        sa.Column("last_event_ms", sa.BigInteger, nullable=True),
        sa.Column("last_ingested_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "region", "log_group", "name"),
    )
    op.create_table(
        "log_events",
        # SQLite numbers rows by itself only for a column of exactly this type.
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("log_group", sa.String(512), nullable=False),
        sa.Column("log_stream", sa.String(512), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
        sa.Column("ingested_ms", sa.BigInteger, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    group = ["account_id", "region", "log_group"]
    op.create_index("ix_log_events_time", "log_events", [*group, "timestamp_ms", "id"])
    op.create_index("ix_log_events_stream", "log_events", [*group, "log_stream", "timestamp_ms", "id"])
