"""How far event source mappings have come in the shards of their streams."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "event_source_checkpoints",
        sa.Column("mapping_uuid", sa.String(36), nullable=False),
        sa.Column("shard_id", sa.String(128), nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("start", sa.String(16), nullable=False),
        sa.Column("since_s", sa.Double, nullable=False),
        sa.Column("sequence_number", sa.Text, nullable=True),
        sa.Column("is_finished", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("mapping_uuid", "shard_id"),
    )
