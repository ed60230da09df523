"""When versions that can become inactive were last in use."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "version_uses",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("name", sa.String(140), nullable=False),
        sa.Column("version", sa.String(20), nullable=False),
        sa.Column("used_at_s", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name", "version"),
    )
