"""Provisioned concurrency configs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "provisioned_concurrency_configs",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("name", sa.String(140), nullable=False),
        sa.Column("qualifier", sa.String(128), nullable=False),
        sa.Column("requested", sa.Integer, nullable=False),
        sa.Column("last_modified_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name", "qualifier"),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name"],
            ["functions.account_id", "functions.region", "functions.name"],
            ondelete="CASCADE",
        ),
    )
