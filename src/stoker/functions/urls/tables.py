"""Function URLs; the qualifier is an alias, or empty for the function as a whole."""

from sqlalchemy import JSON, Column, Double, String

from stoker.functions.parts import part_table

function_urls = part_table(
    "function_urls",
    Column("url_id", String(32), nullable=False, unique=True),
    Column("auth_type", String(16), nullable=False),
    Column("invoke_mode", String(16), nullable=False),
    Column("cors", JSON(none_as_null=True), nullable=True),
    Column("created_s", Double, nullable=False),
    Column("last_modified_s", Double, nullable=False),
)
