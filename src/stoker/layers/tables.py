"""Layers and their versions. Created by the migrations of `database/`, which copy these declarations."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from stoker.database.metadata import metadata

# A row outlives its versions: their numbers are never used again (reference: control plane, 8).
layers = Table(
    "layers",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(140), nullable=False),
    Column("next_version", Integer, nullable=False),
    PrimaryKeyConstraint("account_id", "region", "name"),
)

layer_versions = Table(
    "layer_versions",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(140), nullable=False),
    Column("version", Integer, nullable=False),
    Column("code_sha256", String(64), nullable=False),
    Column("code_size_bytes", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("license_info", Text, nullable=True),
    Column("compatible_runtimes", JSON(none_as_null=True), nullable=True),
    Column("compatible_architectures", JSON(none_as_null=True), nullable=True),
    Column("created_date", String(32), nullable=False),
    Column("policy_revision_id", String(36), nullable=True),
    Column("policy_statements", JSON(none_as_null=True), nullable=True),
    PrimaryKeyConstraint("account_id", "region", "name", "version"),
    ForeignKeyConstraint(
        ["account_id", "region", "name"], ["layers.account_id", "layers.region", "layers.name"], ondelete="CASCADE"
    ),
)
