"""Runtime management configs in the database."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from stoker.functions.parts import Part
from stoker.functions.runtime_management.records import RuntimeManagement
from stoker.functions.runtime_management.tables import runtime_management_configs


def _row(config: RuntimeManagement) -> dict[str, Any]:
    return asdict(config)


def _config(row: Row[Any]) -> RuntimeManagement:
    return RuntimeManagement(row.update_runtime_on, row.runtime_version_arn)


RUNTIME_MANAGEMENT = Part(runtime_management_configs, lambda function: function.runtime_management, _row, _config)
