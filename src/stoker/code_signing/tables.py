"""Code signing configurations. Created by the migrations of `database/`, which copy these declarations.

Which configuration a function has is written down with the function.
"""

from sqlalchemy import JSON, Column, PrimaryKeyConstraint, String, Table, Text

from stoker.database.metadata import metadata

code_signing_configs = Table(
    "code_signing_configs",
    metadata,
    Column("arn", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("allowed_publishers", JSON, nullable=False),
    Column("untrusted_artifact_on_deployment", String(16), nullable=False),
    Column("last_modified", String(32), nullable=False),
    Column("tags", JSON, nullable=False),
    PrimaryKeyConstraint("arn"),
)
