"""Runtime management configs that differ from the default; the qualifier is `$LATEST` or a number."""

from sqlalchemy import Column, String, Text

from stoker.functions.parts import part_table

runtime_management_configs = part_table(
    "runtime_management_configs",
    Column("update_runtime_on", String(16), nullable=False),
    Column("runtime_version_arn", Text, nullable=True),
)
