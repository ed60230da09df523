"""Log events in chunks: the events of a stream that lie within a quarter of a second are one row."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

SPAN_MS = 250
CHARACTERS = 128 * 1024
EVENTS_MAX = 1 << 16
ROWS_AT_ONCE = 500
PLACE = ("account_id", "region", "log_group", "log_stream")


def upgrade() -> None:
    group = PLACE[:3]
    chunks = op.create_table(
        "log_chunks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("log_group", sa.String(512), nullable=False),
        sa.Column("log_stream", sa.String(512), nullable=False),
        sa.Column("first_ms", sa.BigInteger, nullable=False),
        sa.Column("ingested_ms", sa.BigInteger, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
    )
    op.create_index("ix_log_chunks_time", "log_chunks", [*group, "first_ms", "id"])
    op.create_index("ix_log_chunks_stream", "log_chunks", [*group, "log_stream", "first_ms", "id"])
    made = _chunks(op.get_bind())
    while rows := list(itertools.islice(made, ROWS_AT_ONCE)):
        op.get_bind().execute(chunks.insert(), rows)
    op.drop_table("log_events")


def _chunks(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """Rows of what `log_events` has, a stream after another."""
    where = ", ".join(PLACE)
    columns = f"{where}, timestamp_ms, ingested_ms, message"
    events = connection.execute(
        sa.text(f"SELECT {columns} FROM log_events ORDER BY {where}, timestamp_ms, id"),  # noqa: S608 - constants
        execution_options={"yield_per": ROWS_AT_ONCE},
    )
    chunk: dict[str, Any] = {}
    texts: list[tuple[int, str]] = []
    characters = 0
    for *place, timestamp_ms, ingested_ms, message in events:
        takes = (
            texts
            and place == [chunk[name] for name in PLACE]
            and timestamp_ms - chunk["first_ms"] <= SPAN_MS
            and characters < CHARACTERS
            and len(texts) < EVENTS_MAX
        )
        if not takes:
            if texts:
                yield _row(chunk, texts)
            chunk = {**dict(zip(PLACE, place, strict=True)), "first_ms": timestamp_ms, "ingested_ms": ingested_ms}
            texts, characters = [], 0
        texts.append((timestamp_ms, message))
        characters += len(message)
    if texts:
        yield _row(chunk, texts)


def _row(chunk: dict[str, Any], texts: list[tuple[int, str]]) -> dict[str, Any]:
    return {**chunk, "events": json.dumps(texts, separators=(",", ":"))}
