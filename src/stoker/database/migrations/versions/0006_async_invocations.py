"""The queue of asynchronous invocations: events, and deliveries to their destinations."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_queue(
        "async_events",
        sa.Column("qualifier", sa.String(128), nullable=True),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("accepted_s", sa.Double, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    create_queue(
        "async_deliveries",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("function_arn", sa.Text, nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("is_success", sa.Boolean, nullable=False),
        sa.Column("error_code", sa.Integer, nullable=False),
        sa.Column("error_message", sa.Text, nullable=False),
        sa.Column("ended_s", sa.Double, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def create_queue(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("due_s", sa.Double, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("refusals", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        *columns,
        sqlite_autoincrement=True,
    )
    op.create_index(f"ix_{name}_due", name, ["lane", "due_s", "id"])
