"""Event invoke configs; the qualifier is `$LATEST`, a number or an alias."""

from sqlalchemy import Column, Double, Integer, String

from stoker.functions.parts import part_table

event_invoke_configs = part_table(
    "event_invoke_configs",
    Column("last_modified_s", Double, nullable=False),
    Column("maximum_retry_attempts", Integer, nullable=True),
    Column("maximum_event_age_s", Integer, nullable=True),
    Column("on_success", String(350), nullable=True),
    Column("on_failure", String(350), nullable=True),
)
