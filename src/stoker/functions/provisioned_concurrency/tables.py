"""Provisioned concurrency configs; the qualifier is a number or an alias."""

from sqlalchemy import Column, Double, Integer

from stoker.functions.parts import part_table

provisioned_concurrency_configs = part_table(
    "provisioned_concurrency_configs",
    Column("requested", Integer, nullable=False),
    Column("last_modified_s", Double, nullable=False),
)
