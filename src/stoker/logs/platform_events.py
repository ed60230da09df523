"""What the platform says about an environment, as typed records: one class for each type of event that AWS has.

`platform_lines.py` renders them as AWS's text lines, `platform_json.py` as AWS's JSON; whoever subscribes to telemetry
gets the same records. Fields and their order: reference, runtime side, 6.3 and 8. Named tuples, because some are made
on every invocation and a frozen dataclass takes three times as long to make.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

InitializationType = Literal["on-demand", "provisioned-concurrency", "snap-start"]
InitPhase = Literal["init", "invoke", "snap-start"]
Status = Literal["success", "failure", "error", "timeout"]


class Tracing(NamedTuple):
    """The X-Ray context of a sampled invocation: its segment, and the header that says where that belongs."""

    trace_id: str
    segment_id: str
    header: str


class Span(NamedTuple):
    """A part of an invocation, such as `responseLatency`."""

    name: str
    start_s: float
    duration_ms: float


class InitStart(NamedTuple):
    """An init begins."""

    initialization_type: InitializationType
    phase: InitPhase
    function_name: str
    function_version: str
    runtime_version: str
    runtime_version_arn: str
    instance_id: str
    instance_max_memory_bytes: int


class InitRuntimeDone(NamedTuple):
    """The runtime asked for its first event, or never will."""

    initialization_type: InitializationType
    phase: InitPhase
    status: Status
    error_type: str | None = None


class InitReport(NamedTuple):
    """How an init ended. As text it is printed when it failed, and always when it was done ahead of all calls."""

    initialization_type: InitializationType
    phase: InitPhase
    status: Status
    duration_ms: float
    error_type: str | None = None


class Start(NamedTuple):
    """An invocation begins."""

    request_id: str
    version: str
    tracing: Tracing | None = None


class RuntimeDone(NamedTuple):
    """The runtime answered, or never will. `produced_bytes` is the size of its response."""

    request_id: str
    status: Status
    duration_ms: float
    produced_bytes: int | None = None
    error_type: str | None = None
    spans: Sequence[Span] = ()
    tracing: Tracing | None = None


class End(NamedTuple):
    """The invocation is over for everybody in the environment. Only text has a line for it."""

    request_id: str


class Report(NamedTuple):
    """The measures of one invocation. `init_ms` only for the first of an on-demand environment, `restore_ms` and
    `billed_restore_ms` only for the first after a restore. `is_platform_fault`: the failure is not merely an error that
    the handler reported; only then does the text name it. `spans`: what extensions took after the response."""

    request_id: str
    status: Status
    duration_ms: float
    billed_ms: int
    memory_mb: int
    max_memory_used_mb: int
    init_ms: float | None = None
    error_type: str | None = None
    is_platform_fault: bool = False
    tracing: Tracing | None = None
    restore_ms: float | None = None
    billed_restore_ms: int | None = None
    spans: Sequence[Span] = ()


class RestoreStart(NamedTuple):
    """A snapshot is being resumed."""

    function_name: str
    function_version: str
    runtime_version: str
    runtime_version_arn: str
    instance_id: str
    instance_max_memory_bytes: int


class RestoreRuntimeDone(NamedTuple):
    """The hooks that follow a restore have run."""

    status: Status
    error_type: str | None = None


class RestoreReport(NamedTuple):
    """How a restore ended."""

    status: Status
    duration_ms: float
    error_type: str | None = None


class Extension(NamedTuple):
    """What has become of an extension: `Registered`, `Ready`, `LaunchError`, …"""

    name: str
    state: str
    events: Sequence[str]
    error_type: str | None = None


class TelemetrySubscription(NamedTuple):
    """An extension takes telemetry from now on."""

    name: str
    types: Sequence[str]


class LogsDropped(NamedTuple):
    """A subscriber did not get everything."""

    reason: str
    dropped_records: int
    dropped_bytes: int


PlatformEvent = (
    InitStart
    | InitRuntimeDone
    | InitReport
    | Start
    | RuntimeDone
    | End
    | Report
    | RestoreStart
    | RestoreRuntimeDone
    | RestoreReport
    | Extension
    | TelemetrySubscription
    | LogsDropped
)


def billed_ms(duration_ms: float, init_ms: float = 0.0) -> int:
    """Whole milliseconds that AWS would charge: init (or the billed part of a restore) counts since August 2025."""
    # Rounded to what is printed first, so that 3.00 + 4.00 never becomes 8 by an error in the last bit.
    return max(1, math.ceil(round(duration_ms + init_ms, 2)))
