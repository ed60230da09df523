"""Platform events as text: the lines that the platform itself writes into a function's log, exactly as AWS prints them.

Pure functions; each returns one event's text with its newline. Formats: reference, runtime side, 6.1 (recorded); the
lines of a failure have no tab at their end, the others do. Events that text does not have are None.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stoker.logs.platform_events import (
    End,
    Extension,
    InitReport,
    InitStart,
    PlatformEvent,
    Report,
    RestoreReport,
    RestoreStart,
    Start,
    TelemetrySubscription,
)


def text_line(event: PlatformEvent) -> str | None:
    """The event's text, None if it has none."""
    render = _RENDERERS.get(type(event))
    return None if render is None else render(event)


def _init_start(event: InitStart) -> str | None:
    """Told once for an environment; when the init is repeated in an invocation only its failure is.

    Container images have no runtime version, and AWS prints no such line for them.
    """
    if event.phase == "invoke" or not event.runtime_version:
        return None
    return f"INIT_START Runtime Version: {event.runtime_version}\tRuntime Version ARN: {event.runtime_version_arn}\n"


def _init_report(event: InitReport) -> str | None:
    if event.status == "success" and (event.initialization_type == "on-demand" or event.phase == "invoke"):
        return None
    failure = _failure(event.status, event.error_type)
    return f"INIT_REPORT Init Duration: {event.duration_ms:.2f} ms\tPhase: {event.phase}{failure}\n"


def _restore_start(event: RestoreStart) -> str:
    return f"RESTORE_START Runtime Version: {event.runtime_version}\tRuntime Version ARN: {event.runtime_version_arn}\n"


def _restore_report(event: RestoreReport) -> str:
    failure = _failure(event.status, event.error_type)
    return f"RESTORE_REPORT Restore Duration: {event.duration_ms:.2f} ms{failure}\n"


def _start(event: Start) -> str:
    return f"START RequestId: {event.request_id} Version: {event.version}\n"


def _end(event: End) -> str:
    return f"END RequestId: {event.request_id}\n"


def _report(event: Report) -> str:
    """With a trace it has a second line."""
    text = (
        f"REPORT RequestId: {event.request_id}\tDuration: {event.duration_ms:.2f} ms\t"
        f"Billed Duration: {event.billed_ms} ms\tMemory Size: {event.memory_mb} MB\t"
        f"Max Memory Used: {event.max_memory_used_mb} MB\t"
    )
    if event.init_ms is not None:
        text += f"Init Duration: {event.init_ms:.2f} ms\t"
    if event.restore_ms is not None:
        text += f"Restore Duration: {event.restore_ms:.2f} ms\t"
    if event.billed_restore_ms is not None:
        text += f"Billed Restore Duration: {event.billed_restore_ms} ms\t"
    if event.is_platform_fault:
        text += _failure(event.status, event.error_type)[1:]
    if event.tracing is not None:
        trace = event.tracing
        text += f"\nXRAY TraceId: {trace.trace_id}\tSegmentId: {trace.segment_id}\tSampled: true\t"
    return text + "\n"


def _extension(event: Extension) -> str:
    error = f"\tError Type: {event.error_type}" if event.error_type else ""
    return f"EXTENSION\tName: {event.name}\tState: {event.state}\tEvents: [{', '.join(event.events)}]{error}\n"


def _telemetry_subscription(event: TelemetrySubscription) -> str:
    return f"TELEMETRY\tName: {event.name}\tState: Subscribed\tTypes: [{', '.join(map(str.capitalize, event.types))}]\n"


def _failure(status: str, error_type: str | None) -> str:
    if status == "success":
        return ""
    return f"\tStatus: {status}" + (f"\tError Type: {error_type}" if error_type else "")


_RENDERERS: Mapping[type, Callable[[Any], str | None]] = {
    InitStart: _init_start,
    InitReport: _init_report,
    Start: _start,
    End: _end,
    Report: _report,
    RestoreStart: _restore_start,
    RestoreReport: _restore_report,
    Extension: _extension,
    TelemetrySubscription: _telemetry_subscription,
}
