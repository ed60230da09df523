"""Provisioned concurrency configs in the database."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from stoker.functions.parts import Part
from stoker.functions.provisioned_concurrency.records import ProvisionedConcurrencyConfig
from stoker.functions.provisioned_concurrency.tables import provisioned_concurrency_configs


def _row(config: ProvisionedConcurrencyConfig) -> dict[str, Any]:
    return asdict(config)


def _config(row: Row[Any]) -> ProvisionedConcurrencyConfig:
    return ProvisionedConcurrencyConfig(row.requested, row.last_modified_s)


PROVISIONED = Part(provisioned_concurrency_configs, lambda function: function.provisioned, _row, _config)
