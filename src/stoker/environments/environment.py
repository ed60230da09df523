"""One execution environment: a sandbox with a runtime in it, its log stream, and what it is doing.

Life: init phase (10 s; longer when nobody waits for it), then invocations one at a time, frozen in between by the pool,
until it is closed. An init that fails, or a runtime that dies, is started again inside the next invocation, under the
function's own timeout, with /tmp kept (reference: runtime side, 5).
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from time import perf_counter
from typing import NamedTuple, Protocol

from stoker.alarm import Alarm
from stoker.clock import Clock
from stoker.environments.events import event_head, invoke_event
from stoker.environments.extensions import ExtensionProcesses
from stoker.environments.outcomes import (
    Ending,
    FailedInit,
    Outcome,
    exit_text,
    outcome_of,
)
from stoker.environments.output import Output
from stoker.environments.records import EnvironmentPlan
from stoker.environments.reports import Reports, Traces
from stoker.environments.restore import restore_refusal, restored, served_credentials
from stoker.environments.timeline import Phase, timeline_of
from stoker.invocation import Invocation, InvocationResult
from stoker.lambda_model.call import Caller
from stoker.limits import MEMORY_MB_PER_VCPU
from stoker.logs.environment_log import EnvironmentLog
from stoker.logs.platform_log import PlatformLog
from stoker.runtime_api.exchange import (
    Answer,
    Event,
    Exchange,
    ExtensionFailed,
    InitResult,
    RuntimeEnded,
    RuntimeState,
    TimedOut,
)
from stoker.runtime_api.extensions import ShutdownReason
from stoker.runtime_api.metadata import Metadata, availability_zone_id
from stoker.runtime_api.server import RuntimeApi
from stoker.sandbox.sandbox import (
    RUNTIME,
    SANDBOX,
    SNAPSHOT_VCPUS,
    Exit,
    Forks,
    ProcessSpec,
    Sandbox,
    SandboxError,
    SandboxMaker,
)
from stoker.traces.daemon import TraceDaemon
from stoker.traces.invocation_trace import sampled_trace
from stoker.traces.records import InvocationTrace

log = logging.getLogger("stoker.environments")

# During init an environment may use a whole processor, whatever its memory: AWS boosts it too (unverified how far).
INIT_VCPUS_MIN = 1.0
# How long a copy may take from its making to its waiting to be restored.
COPY_LIMIT_S = 20.0


class _Run(NamedTuple):
    """An invocation whose answer is known. Times of the loop (`deadline_s`) and of perf_counter.

    `is_told`: that the runtime is done was written, and what was printed before.
    """

    invocation: Invocation
    trace: InvocationTrace | None
    outcome: Outcome
    began_s: float
    answered_s: float
    deadline_s: float
    is_platform_fault: bool
    is_told: bool = False


class Door(Protocol):
    """What answers at a sandbox's AWS endpoint."""

    def close(self) -> None:
        """Answer no longer."""


AddDoor = Callable[[socket.socket, Caller], Awaitable[Door]]


class Environment:
    """Owned by the pool. `start` once, `run` for each invocation, `close` at the end; never two of them at a time."""

    def __init__(
        self,
        plan: EnvironmentPlan,
        maker: SandboxMaker,
        environment_log: EnvironmentLog,
        platform_log: PlatformLog,
        traces: Traces,
        clock: Clock,
        on_gone: Callable[["Environment"], None],
        response_bytes_max: int,
        add_door: AddDoor | None = None,
        forks: Forks | None = None,
        original: "Environment | None" = None,
    ) -> None:
        """`on_gone` is called when the sandbox has ended, or the runtime in it, whoever ended it.

        `add_door` answers at the sandbox's AWS endpoint; without it nobody does. `forks` is the maker where it can
        fork; with an `original` this is a copy of it, which needs no init.
        """
        self.plan = plan
        self.version = plan.version
        self.is_frozen = False
        self.idle_since_s = 0.0
        self.init_failure: FailedInit | None = None
        self.is_snapshot = False
        self._forks = forks
        self._original = original
        self._maker = maker
        self._on_gone = on_gone
        self._log = environment_log
        self._reports = Reports(plan.version, plan.build, plan.initialization, plan.name, platform_log, clock, traces)
        self._traces = traces
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._exchange = Exchange(response_bytes_max)
        self._deadline = Alarm(self._exchange.time_out)
        self._others = ExtensionProcesses(
            plan.version, plan.extensions, environment_log, platform_log, clock, self._extension_failed, self._connect
        )
        self._extensions = self._others.extensions
        credentials = served_credentials(plan.credentials_token, plan.new_credentials)
        metadata = Metadata(plan.metadata_token, availability_zone_id(plan.version.region))
        self._api = RuntimeApi(self._exchange, self._extensions, metadata, credentials)
        self._add_door = add_door
        self._door: Door | None = None
        self._sandbox: Sandbox | None = None
        self._output: Output | None = None
        self._daemon: TraceDaemon | None = None
        self._needs_init = True
        self._needs_reset = False
        self._reset_reason: ShutdownReason = "FAILURE"
        self._unfinished: _Run | None = None
        # What is over, and since when (perf_counter), but not reported yet: the caller's answer goes first.
        self._over: tuple[_Run, float] | None = None
        self._is_gone = False
        self._was_restored = False
        self._made_s = self._init_began_s = self._init_ended_s = 0.0
        self._vcpus = plan.version.memory_mb / MEMORY_MB_PER_VCPU

    @property
    def is_usable(self) -> bool:
        """Whether it can take another invocation, perhaps after `recover`.

        What was restored once is not initialised again: the next call gets an environment that waits to be restored.
        """
        return self._sandbox is not None and not self._is_gone and not (self._was_restored and self._needs_init)

    @property
    def is_initialised(self) -> bool:
        """Whether its next invocation finds a runtime that waits for it."""
        return self.is_usable and not self._needs_init

    @property
    def needs_recovery(self) -> bool:
        return self._needs_reset and self.is_usable

    @property
    def is_unfinished(self) -> bool:
        """Whether the last invocation goes on, in extensions, although it is answered: `finish` is to be called."""
        return self._unfinished is not None

    async def start(self) -> None:
        """The init phase. A function whose init fails is no error here: its next invocation finds out.

        Raises SandboxError when there is no sandbox to be had.
        """
        if self._original is not None:
            await self._start_copy()
            return
        self._others.init_began()
        self._reports.init_began("init")
        self._init_began_s = began_s = perf_counter()
        deadline_s = self._loop.time() + self.plan.init_limit_s
        await self._make(self.plan.first)
        self._made_s = perf_counter()
        failure: FailedInit | None
        if self.plan.process is None:
            failure = FailedInit(self.plan.no_process)
        else:
            failure = await self._wait_init(deadline_s, self.plan.process if self.plan.extensions else None)
        self._init_ended_s = perf_counter()
        init_ms = (self._init_ended_s - began_s) * 1000
        self._drain()
        self._others.init_ended()
        self._reports.init_ended(failure, init_ms, "init")
        self.init_failure = failure
        if failure is None:
            self._needs_init = False
            self._set_cpu(SNAPSHOT_VCPUS if self.is_snapshot else self._vcpus)
        else:
            await self._reset()

    async def _start_copy(self) -> None:
        """Its init was the original's, which has told of it. Raises SandboxError."""
        deadline_s = self._loop.time() + COPY_LIMIT_S
        await self._make(self.plan.first)
        failure = await self._wait_init(deadline_s, None)
        self._drain()
        if failure is not None:
            raise SandboxError(f"a copy of the snapshot ended before its restore: {failure.answer}")
        self._needs_init = False
        self._set_cpu(self._vcpus)

    def timeline(self, asked_s: float) -> list[Phase]:
        """Where its init went, once `start` has ended, for somebody who waited since `asked_s` (time.perf_counter)."""
        steps = () if self._sandbox is None else self._sandbox.steps
        return timeline_of(asked_s, self._init_began_s, steps, self._made_s, self._init_ended_s)

    async def run(self, invocation: Invocation) -> InvocationResult:
        """One invocation, from START to REPORT. Raises what `_restore` raises, when it needs to be restored first."""
        self._report_over()
        self.thaw()
        if self._exchange.awaits_restore:
            await self._restore()
        # The loop's own clock has whole milliseconds only: good for a deadline, too coarse for a duration.
        began_s = perf_counter()
        deadline_s = self._loop.time() + self.version.timeout_s
        now_s = self._clock.now_s()
        deadline_ms = int(now_s * 1000) + self.version.timeout_s * 1000
        failure = None
        if self._needs_init:
            failure = await self._init_again(deadline_s)
        if invocation.wants_log:
            self._log.begin_tail()
        trace = sampled_trace(invocation.trace_id)
        answer: Ending
        if failure is None:
            header = invocation.trace_id if trace is None else trace.handler_header
            head = event_head(invocation, deadline_ms, header)
            event = Event(invocation.request_id, head, invocation.payload, invocation.sink)
            told = invoke_event(invocation, deadline_ms, header) if self._extensions.members else None
            waiting = self._offer(event, told, deadline_s)
            # The handler is on its way; nothing that it prints is read before this.
            self._reports.began(invocation, trace, now_s)
            answer, ran_out_of_memory = await self._answer_to(waiting, event, told, deadline_s)
        else:
            self._reports.began(invocation, trace, now_s)
            answer, ran_out_of_memory = failure.answer, failure.ran_out_of_memory
        answered_s = perf_counter()
        outcome = outcome_of(answer, invocation.request_id, self.version.timeout_s, ran_out_of_memory)
        run = _Run(
            invocation, trace, outcome, began_s, answered_s, deadline_s, outcome.needs_reset or failure is not None
        )
        if (self._extensions.members or self._reports.tell_everything) and not run.is_platform_fault:
            self._drain()
            self._unfinished = run
            if invocation.wants_log:  # which ends with REPORT
                await self.finish()
        else:
            self._ended(run, answered_s)
            if invocation.wants_log or run.is_platform_fault:
                self._report_over()
            else:
                self._loop.call_soon(self._report_over)
        return InvocationResult(
            payload=outcome.payload,
            executed_version=self.version.version,
            function_error="Unhandled" if outcome.is_error else None,
            log_tail=self._log.end_tail() if invocation.wants_log else b"",
        )

    async def finish(self) -> None:
        """Wait until runtime and extensions ask for their next event, and report the invocation."""
        run, self._unfinished = self._unfinished, None
        if run is None:
            return
        failed: ExtensionFailed | RuntimeEnded | TimedOut | None
        overhead_ms: float | None = None
        try:
            async with asyncio.timeout_at(run.deadline_s):
                await self._exchange.wait_idle()
                overhead_ms = (perf_counter() - run.answered_s) * 1000
                self._runtime_done(run, overhead_ms)
                if self._exchange.state is RuntimeState.EXITED and not self._extensions.has_failed:
                    failed = RuntimeEnded(None, None)
                else:
                    failed = await self._extensions.wait_done()
        except TimeoutError:
            failed = TimedOut()
        except asyncio.CancelledError:
            self._needs_init = self._needs_reset = True
            raise
        ended_s = perf_counter()
        if overhead_ms is None:
            self._runtime_done(run, None)
        run = run._replace(is_told=True)
        if failed is not None:
            status = outcome_of(failed, run.invocation.request_id, self.version.timeout_s)
            told = run.outcome._replace(needs_reset=True, status=status.status, error_type=status.error_type)
            run = run._replace(outcome=told, is_platform_fault=True)
        self._drain()
        self._ended(run, ended_s)
        self._report_over()

    def _runtime_done(self, run: _Run, overhead_ms: float | None) -> None:
        """`overhead_ms` is what the runtime took to ask for its next event; None if it never did."""
        self._drain()
        duration_ms = (run.answered_s - run.began_s) * 1000
        self._reports.runtime_done(run.invocation, run.outcome, duration_ms, overhead_ms)

    def freeze(self) -> None:
        if not self.is_frozen and self._sandbox is not None:
            self._sandbox.freeze()
            self._others.freeze()
            self.is_frozen = True

    def thaw(self) -> None:
        if self.is_frozen and self._sandbox is not None:
            self._sandbox.thaw()
            self._others.thaw()
            self.is_frozen = False

    async def recover(self) -> None:
        """After a crash or timeout: nothing of the former runtime is left when this returns."""
        self._needs_reset = False
        await self._reset()

    async def close(self) -> None:
        """End it. AWS kills a runtime without extensions at once, so there is nothing to wait for but the end."""
        self._report_over()
        if self._sandbox is not None:
            if self._extensions.members and not self._is_gone:
                self.thaw()
                await self._others.shut_down(self._sandbox, "SPINDOWN")
            self._sandbox.kill()
            await self._sandbox.wait_closed()
        self._api.close()
        self._deadline.close()
        if self._door is not None:
            self._door.close()
        if self._output is not None:
            self._output.close()
            self._output = None
        await self._others.close()
        if self._daemon is not None:
            self._daemon.close()

    # Init

    async def _make(self, process: ProcessSpec) -> None:
        if self._original is not None and self._forks is not None:
            original = self._original._started()
            self._sandbox = await self._forks.fork(original, self.plan.sandbox, process, self._on_exit)
        else:
            self._sandbox = await self._maker.make(self.plan.sandbox, process, self._on_exit)
        if process.is_snapshot and self._original is None and self._forks is not None:
            self._forks.held(self._sandbox).add_done_callback(self._held)
        self._sandbox.set_cpu(max(self._vcpus, INIT_VCPUS_MIN))
        self._output = Output(self._sandbox.output, self._log)
        if self._sandbox.datagrams is not None:
            take = partial(self._traces.received, self.version.account_id, self.version.region)
            self._daemon = TraceDaemon(self._sandbox.datagrams, take)
        await self._api.start(self._sandbox.listener)
        await self._open_door(self._sandbox.aws_endpoint)

    async def _open_door(self, listener: socket.socket | None) -> None:
        if listener is None:
            return
        if self._add_door is None:
            listener.close()
        else:
            self._door = await self._add_door(listener, Caller(self.version.account_id, self.version.region))

    async def _init_again(self, deadline_s: float) -> FailedInit | None:
        """Start the runtime anew, on the invocation's time. As text its init is reported only if it fails again."""
        if self._extensions.members:
            await self._reset()
        self._others.init_began()
        self._reports.init_began("invoke")
        began_s = perf_counter()
        if self.plan.process is None:
            failure: FailedInit | None = FailedInit(self.plan.no_process)
        else:
            self._exchange.restart()
            self._extensions.restart()
            self._set_cpu(max(self._vcpus, INIT_VCPUS_MIN))
            failure = await self._wait_init(deadline_s, self.plan.process)
        self._drain()
        self._others.init_ended()
        self._reports.init_ended(failure, (perf_counter() - began_s) * 1000, "invoke")
        if failure is not None:
            self._needs_reset = True
            return failure
        self._needs_init = False
        self._set_cpu(self._vcpus)
        if self._exchange.awaits_restore:
            await self._restore()
        return None

    async def _wait_init(self, deadline_s: float, runtime: ProcessSpec | None) -> FailedInit | None:
        """`runtime` is to be started, after the extensions; None if it runs already."""
        try:
            async with asyncio.timeout_at(deadline_s):
                result = await self._initialised(runtime)
        except TimeoutError:
            return FailedInit(TimedOut())
        except SandboxError:
            return FailedInit(RuntimeEnded(None, None))
        if result is None:
            return None
        return FailedInit(result, self._ran_out_of_memory(result))

    async def _initialised(self, runtime: ProcessSpec | None) -> InitResult:
        """Extensions register, then the runtime starts; it has ended well when all of them wait for an event."""
        if runtime is not None:
            if self.plan.extensions and (failed := await self._others.start(self._started())) is not None:
                return failed
            self._others.runtime_starts()
            self._started().start(runtime)
        result = await self._exchange.wait_init()
        if result is None and self._extensions.members:
            return await self._extensions.wait_ready()
        return result

    # Restore

    def _held(self, told: "asyncio.Future[str]") -> None:
        """Whether its runtime is held, to be copied."""
        if told.cancelled():
            return
        if reason := told.result():
            log.warning("%s is initialised for each environment anew: %s", self.version.version_arn, reason)
        else:
            self.is_snapshot = self._exchange.hold()

    async def _restore(self) -> None:
        """Of a runtime that waits for it. Raises SnapStartException, SnapStartTimeoutException."""
        self._reports.restore_began()
        began_s = perf_counter()
        self._was_restored = True
        try:
            failure = await restored(self._exchange, self._ran_out_of_memory)
        except asyncio.CancelledError:
            self._needs_init = self._needs_reset = True
            raise
        self._drain()
        self._reports.restore_ended(failure, (perf_counter() - began_s) * 1000)
        if failure is not None:
            self._needs_init = self._needs_reset = True
            raise restore_refusal(failure)

    # Invoke

    def _offer(self, event: Event, told: Mapping[str, object] | None, deadline_s: float) -> "asyncio.Future[Answer]":
        """`told` is what extensions get to know, if there are any."""
        if told is not None:
            self._extensions.invoke(told)
        self._deadline.set(deadline_s)
        return self._exchange.offer(event)

    async def _answer_to(
        self, waiting: "asyncio.Future[Answer]", event: Event, told: Mapping[str, object] | None, deadline_s: float
    ) -> tuple[Ending, bool]:
        """What `_offer` of the same waits for, and whether memory ran out."""
        try:
            answer = await waiting
        except asyncio.CancelledError:
            # Only a node that stops cancels an invocation; the handler must not be met running by the next one.
            self._exchange.withdraw()
            self._needs_init = self._needs_reset = True
            raise
        finally:
            self._deadline.clear()
        if isinstance(answer, RuntimeEnded) and self._exchange.has_undelivered_event:
            # It died before it saw this event: nothing was run, so it may be run now.
            self._exchange.withdraw()
            if not self._is_gone:
                await self._reset()
                failure = await self._init_again(deadline_s)
                if failure is None:
                    waiting = self._offer(event, told, deadline_s)
                    return await self._answer_to(waiting, event, told, deadline_s)
                return failure.answer, failure.ran_out_of_memory
        return answer, self._ran_out_of_memory(answer)

    def _ended(self, run: _Run, ended_s: float) -> None:
        """The invocation is over for everybody. `_report_over` is to follow."""
        if run.outcome.needs_reset:
            self._needs_init = self._needs_reset = True
            self._reset_reason = "TIMEOUT" if run.outcome.status == "timeout" else "FAILURE"
        self._over = (run, ended_s)

    def _report_over(self) -> None:
        """END and REPORT of the invocation that is over, unless they were written."""
        if self._over is None:
            return
        (run, ended_s), self._over = self._over, None
        if not run.is_told:
            self._runtime_done(run, None)
        self._reports.ended(
            run.invocation,
            run.trace,
            run.outcome,
            (ended_s - run.began_s) * 1000,
            self._started().memory_max_mb(),
            is_platform_fault=run.is_platform_fault,
            extensions_ms=(ended_s - run.answered_s) * 1000 if self._extensions.members else 0.0,
        )

    # Ends

    def _extension_failed(self, failed: ExtensionFailed) -> None:
        """Whatever goes on is over, and nothing goes on before a reset."""
        self._needs_init = self._needs_reset = True
        self._exchange.ended(failed)
        self._on_gone(self)

    def _on_exit(self, end: Exit) -> None:
        if end.name == SANDBOX:
            self._is_gone = True
            self._api.ended(RuntimeEnded(None, end.signal))
            self._extensions.restart()
            self._on_gone(self)
        else:
            self._others.ended(end)
        if end.name == RUNTIME:
            self._needs_init = True
            self._api.ended(RuntimeEnded(end.code, end.signal))
            self._on_gone(self)
            log.debug("%s: %s", self.plan.name, exit_text(RuntimeEnded(end.code, end.signal)))

    async def _reset(self) -> None:
        self._needs_init = True
        reason, self._reset_reason = self._reset_reason, "FAILURE"
        if self._extensions.members and not self._is_gone:
            await self._others.shut_down(self._started(), reason)
        try:
            await self._started().reset()
        except SandboxError:
            self._is_gone = True
        await self._others.restart()
        self._needs_reset = False
        self._drain()
        self._api.hang_up(on_extensions=True)

    def _ran_out_of_memory(self, answer: object) -> bool:
        return isinstance(answer, RuntimeEnded) and self._started().ran_out_of_memory()

    async def _connect(self, port: int) -> socket.socket:
        return await self._started().connect(port)

    def _drain(self) -> None:
        if self._output is not None:
            self._output.drain()
        self._others.drain()

    def _set_cpu(self, vcpus: float) -> None:
        self._started().set_cpu(vcpus)

    def _started(self) -> Sandbox:
        assert self._sandbox is not None
        return self._sandbox
