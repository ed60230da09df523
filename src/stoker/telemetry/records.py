"""The records that subscribers get: `{"time", "type", "record"}` as JSON text, in the schema that each asked for; pure.

The Telemetry API has the platform's events as its JSON log has them; the Logs API, its predecessor, knows fewer of them
with fewer members. Source: reference, runtime side, 8.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from stoker.clock import iso_timestamp
from stoker.logs.platform_events import (
    End,
    Extension,
    LogsDropped,
    PlatformEvent,
    Report,
    RuntimeDone,
    Start,
    TelemetrySubscription,
)
from stoker.logs.platform_json import json_document
from stoker.telemetry.subscription import Subscription

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class PlatformRecord(NamedTuple):
    """An event of the platform."""

    event: PlatformEvent
    time_s: float


class PrintedRecord(NamedTuple):
    """What a process printed; `kind` is `function` or `extension`. `is_json`: the function logs JSON."""

    kind: str
    text: str
    time_s: float
    is_json: bool


Record = PlatformRecord | PrintedRecord


def encoded(record: Record, subscription: Subscription) -> bytes | None:
    """The record for a subscriber, None if it did not ask for its like."""
    match record:
        case PrintedRecord(kind):
            document = _printed(record, subscription) if kind in subscription.types else None
        case PlatformRecord(event, time_s):
            if "platform" not in subscription.types:
                document = None
            elif subscription.api == "Telemetry":
                document = json_document(event, time_s)
            else:
                document = _of_logs_api(event, time_s, subscription.schema_version)
    return None if document is None else _encode(document).encode(errors="replace")


def _printed(record: PrintedRecord, subscription: Subscription) -> Mapping[str, Any]:
    text: Any = record.text.removesuffix("\n")
    if record.is_json and subscription.api == "Telemetry" and subscription.schema_version != "2022-07-01":
        text = _object(text)
    return {"time": iso_timestamp(record.time_s), "type": record.kind, "record": text}


def _object(text: str) -> Any:
    if not text.startswith("{"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _of_logs_api(event: PlatformEvent, time_s: float, schema_version: str) -> Mapping[str, Any] | None:
    kind, record = "", dict[str, Any]()
    match event:
        case Start():
            kind, record = "start", {"requestId": event.request_id, "version": event.version}
        case End():
            kind, record = "end", {"requestId": event.request_id}
        case RuntimeDone() if schema_version != "2020-08-15":
            kind, record = "runtimeDone", {"requestId": event.request_id, "status": event.status}
        case TelemetrySubscription():
            kind = "logsSubscription"
            record = {"name": event.name, "state": "Subscribed", "types": list(event.types)}
        case Report():
            document = json_document(event, time_s)
            assert document is not None
            kind, record = "report", {name: document["record"][name] for name in ("requestId", "metrics")}
        case Extension() | LogsDropped():
            return json_document(event, time_s)
        case _:
            return None
    return {"time": iso_timestamp(time_s), "type": f"platform.{kind}", "record": record}
