"""What belongs to functions: aliases, policies, URLs, event invoke configs, runtime management, reservations."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("functions", sa.Column("reserved_concurrency", sa.Integer, nullable=True))
    op.add_column("functions", sa.Column("recursive_loop", sa.String(16), nullable=False, server_default="Terminate"))
    create_part(
        "function_aliases",
        sa.Column("function_version", sa.String(20), nullable=False),
        sa.Column("description", sa.String(256), nullable=False),
        sa.Column("additional_weights", sa.JSON, nullable=False),
        sa.Column("revision_id", sa.String(36), nullable=False),
    )
    create_part(
        "function_policies",
        sa.Column("statements", sa.JSON, nullable=False),
        sa.Column("revision_id", sa.String(36), nullable=False),
    )
    create_part(
        "function_urls",
        sa.Column("url_id", sa.String(32), nullable=False, unique=True),
        sa.Column("auth_type", sa.String(16), nullable=False),
        sa.Column("invoke_mode", sa.String(16), nullable=False),
        sa.Column("cors", sa.JSON, nullable=True),
        sa.Column("created_s", sa.Double, nullable=False),
        sa.Column("last_modified_s", sa.Double, nullable=False),
    )
    create_part(
        "event_invoke_configs",
        sa.Column("last_modified_s", sa.Double, nullable=False),
        sa.Column("maximum_retry_attempts", sa.Integer, nullable=True),
        sa.Column("maximum_event_age_s", sa.Integer, nullable=True),
        sa.Column("on_success", sa.String(350), nullable=True),
        sa.Column("on_failure", sa.String(350), nullable=True),
    )
    create_part(
        "runtime_management_configs",
        sa.Column("update_runtime_on", sa.String(16), nullable=False),
        sa.Column("runtime_version_arn", sa.Text, nullable=True),
    )


def create_part(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("name", sa.String(140), nullable=False),
        sa.Column("qualifier", sa.String(128), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("account_id", "region", "name", "qualifier"),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name"],
            ["functions.account_id", "functions.region", "functions.name"],
            ondelete="CASCADE",
        ),
    )
