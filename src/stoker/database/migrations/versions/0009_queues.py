"""Queues, their messages, what was sent to FIFO queues lately, and tasks that move messages."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "queues",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("content_id", sa.BigInteger, nullable=False),
        sa.Column("created_s", sa.BigInteger, nullable=False),
        sa.Column("modified_s", sa.BigInteger, nullable=False),
        sa.Column("attributes", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name"),
    )
    _create_messages()
    op.create_table(
        "queue_deduplications",
        sa.Column("content_id", sa.BigInteger, nullable=False),
        sa.Column("scope", sa.String(128), nullable=False),
        sa.Column("deduplication_id", sa.String(128), nullable=False),
        sa.Column("message_id", sa.String(36), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("content_id", "scope", "deduplication_id"),
    )
    op.create_index("ix_queue_deduplications_expires", "queue_deduplications", ["expires_ms"])
    op.create_table(
        "queue_move_tasks",
        sa.Column("handle", sa.Text, primary_key=True),
        sa.Column("source_arn", sa.Text, nullable=False),
        sa.Column("destination_arn", sa.Text, nullable=True),
        sa.Column("rate_per_s", sa.Integer, nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("moved", sa.BigInteger, nullable=False),
        sa.Column("to_move", sa.BigInteger, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("failure", sa.Text, nullable=True),
    )
    op.create_index("ix_queue_move_tasks_source", "queue_move_tasks", ["source_arn", "started_ms"])


def _create_messages() -> None:
    op.create_table(
        "queue_messages",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("content_id", sa.BigInteger, nullable=False),
        sa.Column("place_ms", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.String(36), nullable=False),
        sa.Column("sent_ms", sa.BigInteger, nullable=False),
        sa.Column("visible_ms", sa.BigInteger, nullable=False),
        sa.Column("sender_id", sa.String(64), nullable=False),
        sa.Column("group_id", sa.String(128), nullable=True),
        sa.Column("deduplication_id", sa.String(128), nullable=True),
        sa.Column("receives", sa.Integer, nullable=False),
        sa.Column("receives_before", sa.Integer, nullable=False),
        sa.Column("first_received_ms", sa.BigInteger, nullable=False),
        sa.Column("source_arn", sa.Text, nullable=True),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_queue_messages_place", "queue_messages", ["content_id", "place_ms", "number"])
