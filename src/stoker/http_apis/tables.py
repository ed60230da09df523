"""HTTP and WebSocket APIs and their parts. Created by the migrations of `database/`, which copy these declarations."""

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table, Text

from stoker.database.metadata import metadata

http_apis = Table(
    "http_apis",
    metadata,
    Column("api_id", String(32), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("document", Text, nullable=False),
)

http_api_parts = Table(
    "http_api_parts",
    metadata,
    Column("api_id", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("part_id", String(128), nullable=False),
    Column("document", Text, nullable=False),
    PrimaryKeyConstraint("api_id", "kind", "part_id"),
)
