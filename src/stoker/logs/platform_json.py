"""Platform events as JSON, for a function with LogFormat JSON, and how much each of them matters.

Pure functions. Form and members: reference, runtime side, 6.3 and 8; levels: AWS's table of system log levels.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from stoker.clock import iso_timestamp
from stoker.logs.platform_events import (
    Extension,
    InitReport,
    InitRuntimeDone,
    InitStart,
    LogsDropped,
    PlatformEvent,
    Report,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
    RuntimeDone,
    Span,
    Start,
    TelemetrySubscription,
    Tracing,
)

SystemLevel = Literal["DEBUG", "INFO", "WARN"]

_RANKS: Mapping[str, int] = {"DEBUG": 0, "INFO": 1, "WARN": 2}
# The states of an extension that has not failed.
_GOOD_STATES = frozenset({"Started", "Registered", "Ready"})
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def json_line(event: PlatformEvent, now_s: float) -> str | None:
    """The event on one line; None for what only text has."""
    document = json_document(event, now_s)
    return None if document is None else _encode(document) + "\n"


def json_document(event: PlatformEvent, now_s: float) -> Mapping[str, Any] | None:
    """`{"time", "type", "record"}` of an event that happened at `now_s`; None for what only text has."""
    found = _RECORDS.get(type(event))
    if found is None:
        return None
    kind, record = found
    members = {name: value for name, value in record(event).items() if value is not None}
    return {"time": iso_timestamp(now_s), "type": f"platform.{kind}", "record": members}


def is_at_least(event: PlatformEvent, level: SystemLevel) -> bool:
    """Whether a function with the system log level `level` wants to read it."""
    return _RANKS[system_level(event)] >= _RANKS[level]


def system_level(event: PlatformEvent) -> SystemLevel:
    """How much an event matters: failures are warnings, what the reports repeat is for debugging."""
    match event:
        case LogsDropped():
            return "WARN"
        case Extension():
            return "INFO" if event.state in _GOOD_STATES and event.error_type is None else "WARN"
        case InitStart() | RestoreStart():
            return "INFO" if event.runtime_version else "DEBUG"
        case InitReport() if event.status == "success":
            return "DEBUG" if event.initialization_type == "on-demand" else "INFO"
        case InitRuntimeDone() | RestoreRuntimeDone() | RuntimeDone() if event.status == "success":
            return "DEBUG"
        case InitReport() | InitRuntimeDone() | RestoreRuntimeDone() | RuntimeDone():
            return "WARN"
        case Report() | RestoreReport() if event.status != "success":
            return "WARN"
        case _:
            return "INFO"


def _init_start(event: InitStart) -> dict[str, Any]:
    return {"initializationType": event.initialization_type, "phase": event.phase, **_instance(event)}


def _restore_start(event: RestoreStart) -> dict[str, Any]:
    return _instance(event)


def _instance(event: InitStart | RestoreStart) -> dict[str, Any]:
    return {
        "functionName": event.function_name,
        "functionVersion": event.function_version,
        "runtimeVersion": event.runtime_version or None,
        "runtimeVersionArn": event.runtime_version_arn or None,
        "instanceId": event.instance_id,
        "instanceMaxMemory": event.instance_max_memory_bytes,
    }


def _init_end(event: InitRuntimeDone | InitReport) -> dict[str, Any]:
    return {
        "initializationType": event.initialization_type,
        "phase": event.phase,
        "status": event.status,
        "errorType": event.error_type,
    }


def _init_report(event: InitReport) -> dict[str, Any]:
    return {**_init_end(event), "metrics": {"durationMs": _ms(event.duration_ms)}}


def _start(event: Start) -> dict[str, Any]:
    return {"requestId": event.request_id, "version": event.version, "tracing": _tracing(event.tracing)}


def _runtime_done(event: RuntimeDone) -> dict[str, Any]:
    metrics: dict[str, Any] = {"durationMs": _ms(event.duration_ms)}
    if event.produced_bytes is not None:
        metrics["producedBytes"] = event.produced_bytes
    return {
        "requestId": event.request_id,
        "status": event.status,
        "errorType": event.error_type,
        "tracing": _tracing(event.tracing),
        "spans": _spans(event.spans),
        "metrics": metrics,
    }


def _report(event: Report) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "durationMs": _ms(event.duration_ms),
        "billedDurationMs": event.billed_ms,
        "memorySizeMB": event.memory_mb,
        "maxMemoryUsedMB": event.max_memory_used_mb,
    }
    if event.init_ms is not None:
        metrics["initDurationMs"] = _ms(event.init_ms)
    if event.restore_ms is not None:
        metrics["restoreDurationMs"] = _ms(event.restore_ms)
    if event.billed_restore_ms is not None:
        metrics["billedRestoreDurationMs"] = event.billed_restore_ms
    return {
        "requestId": event.request_id,
        "metrics": metrics,
        "spans": _spans(event.spans),
        "tracing": _tracing(event.tracing),
        "status": event.status,
        "errorType": event.error_type,
    }


def _restore_runtime_done(event: RestoreRuntimeDone) -> dict[str, Any]:
    return {"status": event.status, "errorType": event.error_type}


def _restore_report(event: RestoreReport) -> dict[str, Any]:
    metrics = {"durationMs": _ms(event.duration_ms)}
    return {"status": event.status, "errorType": event.error_type, "metrics": metrics}


def _extension(event: Extension) -> dict[str, Any]:
    return {"name": event.name, "state": event.state, "events": list(event.events), "errorType": event.error_type}


def _telemetry_subscription(event: TelemetrySubscription) -> dict[str, Any]:
    return {"name": event.name, "state": "Subscribed", "types": list(event.types)}


def _logs_dropped(event: LogsDropped) -> dict[str, Any]:
    return {
        "reason": event.reason,
        "droppedRecords": event.dropped_records,
        "droppedBytes": event.dropped_bytes,
    }


def _ms(duration_ms: float) -> float:
    return round(duration_ms, 3)


def _tracing(tracing: Tracing | None) -> dict[str, str] | None:
    if tracing is None:
        return None
    return {"spanId": tracing.segment_id, "type": "X-Amzn-Trace-Id", "value": tracing.header}


def _spans(spans: Sequence[Span]) -> list[dict[str, Any]] | None:
    return [
        {"name": span.name, "start": iso_timestamp(span.start_s), "durationMs": _ms(span.duration_ms)} for span in spans
    ] or None


_RECORDS: Mapping[type, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    InitStart: ("initStart", _init_start),
    InitRuntimeDone: ("initRuntimeDone", _init_end),
    InitReport: ("initReport", _init_report),
    Start: ("start", _start),
    RuntimeDone: ("runtimeDone", _runtime_done),
    Report: ("report", _report),
    RestoreStart: ("restoreStart", _restore_start),
    RestoreRuntimeDone: ("restoreRuntimeDone", _restore_runtime_done),
    RestoreReport: ("restoreReport", _restore_report),
    Extension: ("extension", _extension),
    TelemetrySubscription: ("telemetrySubscription", _telemetry_subscription),
    LogsDropped: ("logsDropped", _logs_dropped),
}
