"""Aliases of functions; the qualifier is the alias's name."""

from sqlalchemy import JSON, Column, String

from stoker.functions.parts import part_table

function_aliases = part_table(
    "function_aliases",
    Column("function_version", String(20), nullable=False),
    Column("description", String(256), nullable=False),
    Column("additional_weights", JSON, nullable=False),
    Column("revision_id", String(36), nullable=False),
)
