"""Resource policies of functions; the qualifier is empty for the function as a whole."""

from sqlalchemy import JSON, Column, String

from stoker.functions.parts import part_table

function_policies = part_table(
    "function_policies",
    Column("statements", JSON, nullable=False),
    Column("revision_id", String(36), nullable=False),
)
