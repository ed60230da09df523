"""Load balancers, target groups, listeners and rules. Created by the migrations of `database/`, which copy this."""

from sqlalchemy import Column, String, Table, Text

from stoker.database.metadata import metadata

load_balancing = Table(
    "load_balancing",
    metadata,
    Column("arn", String(256), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("document", Text, nullable=False),
)
