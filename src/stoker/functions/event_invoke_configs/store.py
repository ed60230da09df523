"""Event invoke configs in the database."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from stoker.functions.event_invoke_configs.records import EventInvokeConfig
from stoker.functions.event_invoke_configs.tables import event_invoke_configs
from stoker.functions.parts import Part


def _row(config: EventInvokeConfig) -> dict[str, Any]:
    return asdict(config)


def _config(row: Row[Any]) -> EventInvokeConfig:
    return EventInvokeConfig(
        last_modified_s=row.last_modified_s,
        maximum_retry_attempts=row.maximum_retry_attempts,
        maximum_event_age_s=row.maximum_event_age_s,
        on_success=row.on_success,
        on_failure=row.on_failure,
    )


EVENT_INVOKE_CONFIGS = Part(event_invoke_configs, lambda function: function.event_invoke_configs, _row, _config)
