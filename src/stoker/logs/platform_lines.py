"""The lines that the platform itself writes into a function's log, exactly as AWS prints them.

Pure functions; each returns one event's text with its newline. Formats: reference, runtime side, 6.1 (recorded); the
lines of a failure have no tab at their end, the others do. Billing: 6.2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FailureStatus = Literal["error", "timeout"]
InitPhase = Literal["init", "invoke", "restore"]


@dataclass(frozen=True, slots=True)
class TraceSegment:
    """What X-Ray recorded of a sampled invocation."""

    trace_id: str
    segment_id: str


@dataclass(frozen=True, slots=True)
class Report:
    """The measures of one invocation. `init_ms` only for the first of an on-demand environment, `restore_ms` and
    `billed_restore_ms` only for the first after a restore; `status` only for a failure."""

    request_id: str
    duration_ms: float
    billed_ms: int
    memory_mb: int
    max_memory_used_mb: int
    init_ms: float | None = None
    restore_ms: float | None = None
    billed_restore_ms: int | None = None
    status: FailureStatus | None = None
    error_type: str | None = None
    trace: TraceSegment | None = None


def billed_ms(duration_ms: float, init_ms: float = 0.0) -> int:
    """Whole milliseconds that AWS would charge: init (or the billed part of a restore) counts since August 2025."""
    # Rounded to what is printed first, so that 3.00 + 4.00 never becomes 8 by an error in the last bit.
    return max(1, math.ceil(round(duration_ms + init_ms, 2)))


def init_start(version: str, version_arn: str) -> str:
    return f"INIT_START Runtime Version: {version}\tRuntime Version ARN: {version_arn}\n"


def init_report(
    duration_ms: float, phase: InitPhase, status: FailureStatus | None = None, error_type: str | None = None
) -> str:
    """Printed when an init failed, and always with SnapStart and provisioned concurrency."""
    return f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}{_failure(status, error_type)}\n"


def restore_start(version: str, version_arn: str) -> str:
    return f"RESTORE_START Runtime Version: {version}\tRuntime Version ARN: {version_arn}\n"


def restore_report(duration_ms: float, status: FailureStatus | None = None, error_type: str | None = None) -> str:
    return f"RESTORE_REPORT Restore Duration: {duration_ms:.2f} ms{_failure(status, error_type)}\n"


def start(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}\n"


def end(request_id: str) -> str:
    return f"END RequestId: {request_id}\n"


def report(measures: Report) -> str:
    """The REPORT event; with a trace it has a second line."""
    text = (
        f"REPORT RequestId: {measures.request_id}\tDuration: {measures.duration_ms:.2f} ms\t"
        f"Billed Duration: {measures.billed_ms} ms\tMemory Size: {measures.memory_mb} MB\t"
        f"Max Memory Used: {measures.max_memory_used_mb} MB\t"
    )
    if measures.init_ms is not None:
        text += f"Init Duration: {measures.init_ms:.2f} ms\t"
    if measures.restore_ms is not None:
        text += f"Restore Duration: {measures.restore_ms:.2f} ms\t"
    if measures.billed_restore_ms is not None:
        text += f"Billed Restore Duration: {measures.billed_restore_ms} ms\t"
    if measures.status is not None:
        text += _failure(measures.status, measures.error_type)[1:]
    if measures.trace is not None:
        text += f"\nXRAY TraceId: {measures.trace.trace_id}\tSegmentId: {measures.trace.segment_id}\tSampled: true\t"
    return text + "\n"


def extension(name: str, state: str, events: Sequence[str], error_type: str | None = None) -> str:
    """`state` is Registered, Ready, LaunchError, …"""
    error = f"\tError Type: {error_type}" if error_type else ""
    return f"EXTENSION\tName: {name}\tState: {state}\tEvents: [{', '.join(events)}]{error}\n"


def telemetry_subscription(name: str, types: Sequence[str]) -> str:
    return f"TELEMETRY\tName: {name}\tState: Subscribed\tTypes: [{', '.join(types)}]\n"


def exit_error(request_id: str, error_message: str, error_type: str) -> str:
    """The line between START and END of an invocation whose runtime died, such as `…: signal: killed`."""
    return f"RequestId: {request_id} Error: {error_message}\n{error_type}\n"


def task_timed_out(iso_time: str, request_id: str, timeout_s: int) -> str:
    """The line of a timeout, with the configured timeout; AWS prints an empty line after it."""
    return f"{iso_time} {request_id} Task timed out after {timeout_s:.2f} seconds\n\n"


def _failure(status: FailureStatus | None, error_type: str | None) -> str:
    if status is None:
        return ""
    return f"\tStatus: {status}" + (f"\tError Type: {error_type}" if error_type else "")
