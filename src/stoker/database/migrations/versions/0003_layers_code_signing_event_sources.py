"""Layers, code signing configurations, event source mappings; the layers and the configuration that a function has."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_layers()
    create_code_signing_configs()
    create_event_source_mappings()
    op.add_column("functions", sa.Column("code_signing_config_arn", sa.String(200), nullable=True))
    op.add_column("function_versions", sa.Column("layers", sa.JSON, nullable=False, server_default="[]"))


def create_layers() -> None:
    op.create_table(
        "layers",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("name", sa.String(140), nullable=False),
        sa.Column("next_version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name"),
    )
    op.create_table(
        "layer_versions",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("name", sa.String(140), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("code_sha256", sa.String(64), nullable=False),
        sa.Column("code_size_bytes", sa.BigInteger, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("license_info", sa.Text, nullable=True),
        sa.Column("compatible_runtimes", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("compatible_architectures", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_date", sa.String(32), nullable=False),
        sa.Column("policy_revision_id", sa.String(36), nullable=True),
        sa.Column("policy_statements", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "region", "name", "version"),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name"], ["layers.account_id", "layers.region", "layers.name"], ondelete="CASCADE"
        ),
    )


def create_code_signing_configs() -> None:
    op.create_table(
        "code_signing_configs",
        sa.Column("arn", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("allowed_publishers", sa.JSON, nullable=False),
        sa.Column("untrusted_artifact_on_deployment", sa.String(16), nullable=False),
        sa.Column("last_modified", sa.String(32), nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("arn"),
    )


def create_event_source_mappings() -> None:
    op.create_table(
        "event_source_mappings",
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("function_arn", sa.Text, nullable=False),
        sa.Column("source", sa.JSON, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("is_enabled", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_transition_reason", sa.Text, nullable=False),
        sa.Column("last_processing_result", sa.Text, nullable=True),
        sa.Column("last_modified_s", sa.Float(53), nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("uuid"),
    )
    op.create_index("ix_event_source_mappings_account", "event_source_mappings", ["account_id", "region"])
