"""Queues and their messages. Created by the migrations of `database/`, which copy these declarations.

`place_ms` orders the messages of a queue together with their numbers: in a standard queue it is when a message can be
seen next, in a FIFO queue it is always 0. Bodies come last, since SQLite reads a row's columns in order and a large one
would be read on the way to the others.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from stoker.database.metadata import metadata

queues = Table(
    "queues",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(80), nullable=False),
    Column("content_id", BigInteger, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("modified_s", BigInteger, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("tags", Text, nullable=False),
    PrimaryKeyConstraint("account_id", "region", "name"),
)

queue_messages = Table(
    "queue_messages",
    metadata,
    # An INTEGER PRIMARY KEY is SQLite's own key for rows: nothing is kept twice.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("content_id", BigInteger, nullable=False),
    Column("place_ms", BigInteger, nullable=False),
    Column("message_id", String(36), nullable=False),
    Column("sent_ms", BigInteger, nullable=False),
    Column("visible_ms", BigInteger, nullable=False),
    Column("sender_id", String(64), nullable=False),
    Column("group_id", String(128), nullable=True),
    Column("deduplication_id", String(128), nullable=True),
    Column("receives", Integer, nullable=False),
    Column("receives_before", Integer, nullable=False),
    Column("first_received_ms", BigInteger, nullable=False),
    Column("source_arn", Text, nullable=True),
    Column("details", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_queue_messages_place", "content_id", "place_ms", "number"),
)

queue_deduplications = Table(
    "queue_deduplications",
    metadata,
    Column("content_id", BigInteger, nullable=False),
    Column("scope", String(128), nullable=False),
    Column("deduplication_id", String(128), nullable=False),
    Column("message_id", String(36), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("content_id", "scope", "deduplication_id"),
    Index("ix_queue_deduplications_expires", "expires_ms"),
)

queue_move_tasks = Table(
    "queue_move_tasks",
    metadata,
    Column("handle", Text, primary_key=True),
    Column("source_arn", Text, nullable=False),
    Column("destination_arn", Text, nullable=True),
    Column("rate_per_s", Integer, nullable=True),
    Column("status", String(16), nullable=False),
    Column("moved", BigInteger, nullable=False),
    Column("to_move", BigInteger, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("failure", Text, nullable=True),
    Index("ix_queue_move_tasks_source", "source_arn", "started_ms"),
)
