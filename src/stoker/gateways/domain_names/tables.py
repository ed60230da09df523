"""Custom domain names with their mappings. Created by the migrations of `database/`, which copy these declarations."""

from sqlalchemy import Column, String, Table, Text

from stoker.database.metadata import metadata

api_domain_names = Table(
    "api_domain_names",
    metadata,
    Column("name", String(512), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Column("mappings", Text, nullable=False),
)
