"""The network, dead letters, key, file systems, snapshots and image of a function version."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for column in (
        sa.Column("vpc", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("dead_letter_target_arn", sa.Text, nullable=False, server_default=""),
        sa.Column("kms_key_arn", sa.Text, nullable=False, server_default=""),
        sa.Column("sealed_environment", sa.Text, nullable=True),
        sa.Column("file_systems", sa.JSON, nullable=False, server_default="[]"),
        sa.Column("snap_start", sa.String(20), nullable=False, server_default="None"),
        sa.Column("image", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("image_config", sa.JSON(none_as_null=True), nullable=True),
    ):
        op.add_column("function_versions", column)
