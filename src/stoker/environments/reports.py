"""What one environment tells of itself: platform events to its log, and of sampled invocations a trace."""

from typing import Protocol

from stoker.clock import Clock
from stoker.environments.outcomes import FailedInit, Outcome, init_failure
from stoker.environments.restore import HOOK_TIMEOUT
from stoker.environments.variables import Initialization
from stoker.functions.records import FunctionVersion
from stoker.invocation import Invocation
from stoker.logs.platform_events import (
    End,
    InitPhase,
    InitReport,
    InitRuntimeDone,
    InitStart,
    Report,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
    RuntimeDone,
    Span,
    Start,
    Status,
    Tracing,
    billed_ms,
)
from stoker.logs.platform_log import PlatformLog
from stoker.runtimes.records import RuntimeBuild
from stoker.runtimes.versions import runtime_version_arn
from stoker.traces.records import InvocationTrace, SampledRun

_MB = 1024 * 1024


class Traces(Protocol):
    """Who takes what X-Ray is told of. Neither method waits."""

    def invoked(self, run: SampledRun) -> None:
        """A sampled invocation has ended."""

    def received(self, account_id: str, region: str, datagram: bytes) -> None:
        """A process in a sandbox sent a segment."""


class Reports:
    """Of one environment: `init_…` and `restore_…` for those phases, `began` and `ended` for each invocation."""

    def __init__(
        self,
        version: FunctionVersion,
        build: RuntimeBuild,
        initialization: Initialization,
        instance_id: str,
        platform_log: PlatformLog,
        clock: Clock,
        traces: Traces,
    ) -> None:
        self._version = version
        self._build = build
        self._initialization: Initialization = initialization
        self._instance_id = instance_id
        self._log = platform_log
        self._clock = clock
        self._traces = traces
        self._init_began_s = 0.0
        # Of the init that the next invocation's report tells.
        self._init_ms: float | None = None
        # Of the restore that it tells.
        self._restore_began_s = 0.0
        self._restore_ms: float | None = None
        self._began_s = 0.0
        self._tracing: Tracing | None = None

    def init_began(self, phase: InitPhase) -> None:
        self._init_began_s = self._clock.now_s()
        self._log.emit(InitStart(self._initialization, phase, *self._instance()))

    def init_ended(self, failure: FailedInit | None, duration_ms: float, phase: InitPhase) -> None:
        """A good init is told with the first invocation, or by itself if it had nothing to do with one."""
        status: Status = "success"
        error_type = None
        if failure is not None:
            status, error_type = init_failure(failure)
        elif phase == "init" and self._initialization == "on-demand":
            self._init_ms = duration_ms
        if self._log.wants_details:
            self._log.emit(InitRuntimeDone(self._initialization, phase, status, error_type))
        self._log.emit(InitReport(self._initialization, phase, status, duration_ms, error_type))

    def restore_began(self) -> None:
        self._restore_began_s = self._clock.now_s()
        self._log.emit(RestoreStart(*self._instance()))

    def restore_ended(self, failure: FailedInit | None, duration_ms: float) -> None:
        """A good restore is told by the first invocation's report as well."""
        status: Status = "success"
        error_type = None
        if failure is None:
            self._restore_ms = duration_ms
        else:
            status, error_type = init_failure(failure)
        if self._log.wants_details:
            timed_out = HOOK_TIMEOUT if status == "timeout" else error_type
            self._log.emit(RestoreRuntimeDone(status, timed_out))
        self._log.emit(RestoreReport(status, duration_ms, error_type))

    def began(self, invocation: Invocation, trace: InvocationTrace | None, now_s: float) -> None:
        self._began_s = now_s
        self._tracing = None
        if trace is not None:
            self._tracing = Tracing(trace.trace_id, trace.function_segment_id, trace.function_header)
        self._log.emit(Start(invocation.request_id, self._version.version, self._tracing))

    @property
    def tell_everything(self) -> bool:
        """Whether somebody is told how long the runtime took to ask for its next event, so that it is waited for."""
        return self._log.wants_everything

    def runtime_done(
        self, invocation: Invocation, outcome: Outcome, duration_ms: float, overhead_ms: float | None = None
    ) -> None:
        """The runtime answered after `duration_ms`, and asked for its next event after `overhead_ms` more (None if it
        did not, or nobody waited); extensions may go on."""
        if self._log.wants_details:
            self._runtime_done(invocation.request_id, outcome, duration_ms, overhead_ms)

    def ended(
        self,
        invocation: Invocation,
        trace: InvocationTrace | None,
        outcome: Outcome,
        duration_ms: float,
        max_memory_used_mb: int,
        is_platform_fault: bool,
        extensions_ms: float = 0.0,
    ) -> None:
        """`is_platform_fault`: the failure is not merely an error that the handler reported.

        `extensions_ms` is the last part of `duration_ms`, in which only extensions were busy.
        """
        init_ms, self._init_ms = self._init_ms, None
        restore_ms, self._restore_ms = self._restore_ms, None
        status: Status = outcome.status or "success"
        answered_s = self._began_s + (duration_ms - extensions_ms) / 1000
        self._log.emit(
            End(invocation.request_id),
            Report(
                invocation.request_id,
                status,
                duration_ms,
                billed_ms(duration_ms, init_ms or restore_ms or 0.0),
                self._version.memory_mb,
                max_memory_used_mb,
                init_ms,
                outcome.error_type,
                is_platform_fault,
                self._tracing,
                restore_ms,
                None if restore_ms is None else billed_ms(restore_ms),
                (Span("extensionOverhead", answered_s, extensions_ms),) if extensions_ms else (),
            ),
        )
        if trace is not None:
            self._trace(invocation, trace, outcome, answered_s, init_ms, restore_ms)

    def _instance(self) -> tuple[str, str, str, str, str, int]:
        """What the start of an init and of a restore have in common."""
        version, build = self._version, self._build
        runtime_arn = runtime_version_arn(build, version.region) if build.version else ""
        memory_bytes = version.memory_mb * _MB
        return version.name, version.version, build.version, runtime_arn, self._instance_id, memory_bytes

    def _runtime_done(self, request_id: str, outcome: Outcome, duration_ms: float, overhead_ms: float | None) -> None:
        latency_ms = max(duration_ms - outcome.streamed_ms, 0.0)
        # A response that is not streamed comes in one piece.
        spans = [
            Span("responseLatency", self._began_s, latency_ms),
            Span("responseDuration", self._began_s + latency_ms / 1000, outcome.streamed_ms),
        ]
        if outcome.needs_reset:  # there was no response
            spans = []
        if overhead_ms is not None:
            spans.append(Span("runtimeOverhead", self._began_s + duration_ms / 1000, overhead_ms))
        produced = None if outcome.is_error else len(outcome.payload) + outcome.streamed_bytes
        status: Status = outcome.status or "success"
        whole_ms = duration_ms + (overhead_ms or 0.0)
        self._log.emit(RuntimeDone(request_id, status, whole_ms, produced, outcome.error_type, spans, self._tracing))

    def _trace(
        self,
        invocation: Invocation,
        trace: InvocationTrace,
        outcome: Outcome,
        answered_s: float,
        init_ms: float | None,
        restore_ms: float | None,
    ) -> None:
        version, began_s = self._version, self._began_s
        self._traces.invoked(
            SampledRun(
                trace=trace,
                account_id=version.account_id,
                region=version.region,
                function_name=version.name,
                function_arn=invocation.target.arn,
                request_id=invocation.request_id,
                began_s=began_s,
                answered_s=answered_s,
                ended_s=self._clock.now_s(),
                init=_phase(self._init_began_s, init_ms),
                restore=_phase(self._restore_began_s, restore_ms),
                error_document=outcome.payload if outcome.is_error else None,
                xray_cause=outcome.xray_cause,
            )
        )


def _phase(began_s: float, duration_ms: float | None) -> tuple[float, float] | None:
    """When it began and ended; None if there was none."""
    return None if duration_ms is None else (began_s, began_s + duration_ms / 1000)
