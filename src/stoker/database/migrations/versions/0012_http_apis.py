"""HTTP and WebSocket APIs, their parts, and custom domain names."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "http_apis",
        sa.Column("api_id", sa.String(32), primary_key=True),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "http_api_parts",
        sa.Column("api_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("part_id", sa.String(128), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("api_id", "kind", "part_id"),
    )
    op.create_table(
        "api_domain_names",
        sa.Column("name", sa.String(512), primary_key=True),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("mappings", sa.Text, nullable=False),
    )
