"""One execution environment: a sandbox with a runtime in it, its log stream, and what it is doing.

Life: init phase (10 s; longer when nobody waits for it), then invocations one at a time, frozen in between by the pool,
until it is closed. An init that fails, or a runtime that dies, is started again inside the next invocation, under the
function's own timeout, with /tmp kept (reference: runtime side, 5).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from stoker.clock import Clock
from stoker.environments.outcomes import Ending, NoBootstrap, Outcome, TimedOut, exit_text, kept_error_type, outcome_of
from stoker.environments.output import Output
from stoker.environments.variables import Initialization
from stoker.functions.records import FunctionVersion
from stoker.invocation import Invocation, InvocationResult
from stoker.limits import MEMORY_MB_PER_VCPU
from stoker.logs import platform_lines as lines
from stoker.logs.environment_log import EnvironmentLog
from stoker.runtime_api.exchange import Event, Exchange, Failed, InitResult, RuntimeEnded
from stoker.runtime_api.server import RuntimeApi
from stoker.runtimes.records import RuntimeBuild
from stoker.runtimes.versions import runtime_version_arn
from stoker.sandbox.sandbox import RUNTIME, SANDBOX, Exit, ProcessSpec, Sandbox, SandboxError, SandboxMaker, SandboxSpec

log = logging.getLogger("stoker.environments")

INIT_LIMIT_S = 10.0
# Of environments that are initialised ahead: this or the function's timeout (900 s at most), whichever is longer.
INIT_LIMIT_AHEAD_S = 130.0
# During init an environment may use a whole processor, whatever its memory: AWS boosts it too (unverified how far).
INIT_VCPUS_MIN = 1.0


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """All that starting one environment takes. `process` is None when a custom runtime has no program to start."""

    name: str
    version: FunctionVersion
    build: RuntimeBuild
    sandbox: SandboxSpec
    process: ProcessSpec | None
    initialization: Initialization = "on-demand"

    @property
    def init_limit_s(self) -> float:
        """How long the init phase may take (reference: runtime side, 5)."""
        if self.initialization == "on-demand":
            return INIT_LIMIT_S
        return max(INIT_LIMIT_AHEAD_S, self.version.timeout_s)


@dataclass(frozen=True, slots=True)
class _Ended:
    """How an init ended, if not well."""

    answer: Failed | RuntimeEnded | TimedOut | NoBootstrap
    ran_out_of_memory: bool = False


class Environment:
    """Owned by the pool. `start` once, `run` for each invocation, `close` at the end; never two of them at a time."""

    def __init__(
        self,
        plan: EnvironmentPlan,
        maker: SandboxMaker,
        environment_log: EnvironmentLog,
        clock: Clock,
        on_gone: Callable[["Environment"], None],
    ) -> None:
        """`on_gone` is called when the sandbox has ended, or the runtime in it, whoever ended it."""
        self.plan = plan
        self.version = plan.version
        self.is_frozen = False
        self.idle_since_s = 0.0
        self._maker = maker
        self._on_gone = on_gone
        self._log = environment_log
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._exchange = Exchange()
        self._api = RuntimeApi(self._exchange)
        self._sandbox: Sandbox | None = None
        self._output: Output | None = None
        self._needs_init = True
        self._needs_reset = False
        self._is_gone = False
        self._init_ms: float | None = None
        self._vcpus = plan.version.memory_mb / MEMORY_MB_PER_VCPU

    @property
    def is_usable(self) -> bool:
        """Whether it can take another invocation, perhaps after `recover`."""
        return self._sandbox is not None and not self._is_gone

    @property
    def is_initialised(self) -> bool:
        """Whether its next invocation finds a runtime that waits for it."""
        return self.is_usable and not self._needs_init

    @property
    def needs_recovery(self) -> bool:
        return self._needs_reset and self.is_usable

    async def start(self) -> None:
        """The init phase. A function whose init fails is no error here: its next invocation finds out.

        Raises SandboxError when there is no sandbox to be had.
        """
        build = self.plan.build
        self._log.platform_line(lines.init_start(build.version, runtime_version_arn(build, self.version.region)))
        began_s = perf_counter()
        deadline_s = self._loop.time() + self.plan.init_limit_s
        if self.plan.process is None:
            ended: _Ended | None = _Ended(NoBootstrap())
            await self._make(_nothing())
        else:
            await self._make(self.plan.process)
            ended = await self._wait_init(deadline_s)
        init_ms = (perf_counter() - began_s) * 1000
        if ended is None:
            self._needs_init = False
            self._report_good_init(init_ms)
            self._set_cpu(self._vcpus)
        else:
            self._report_init(ended, init_ms, "init")
            await self._reset()

    async def run(self, invocation: Invocation) -> InvocationResult:
        """One invocation, from START to REPORT."""
        self.thaw()
        # The loop's own clock has whole milliseconds only: good for a deadline, too coarse for a duration.
        began_s = perf_counter()
        deadline_s = self._loop.time() + self.version.timeout_s
        deadline_ms = int(self._clock.now_s() * 1000) + self.version.timeout_s * 1000
        ended = None
        if self._needs_init:
            ended = await self._init_again(deadline_s)
        if invocation.wants_log:
            self._log.begin_tail()
        self._log.platform_line(lines.start(invocation.request_id, self.version.version))
        answer: Ending
        if ended is None:
            answer, ran_out_of_memory = await self._answer_to(invocation, deadline_s, deadline_ms)
        else:
            answer, ran_out_of_memory = ended.answer, ended.ran_out_of_memory
        duration_ms = (perf_counter() - began_s) * 1000
        outcome = outcome_of(answer, invocation.request_id, self.version.timeout_s, ran_out_of_memory)
        if outcome.needs_reset:
            self._needs_init = self._needs_reset = True
        self._report(invocation, outcome, duration_ms, is_platform_fault=outcome.needs_reset or ended is not None)
        return InvocationResult(
            payload=outcome.payload,
            executed_version=self.version.version,
            function_error="Unhandled" if outcome.is_error else None,
            log_tail=self._log.end_tail() if invocation.wants_log else b"",
        )

    def freeze(self) -> None:
        if not self.is_frozen and self._sandbox is not None:
            self._sandbox.freeze()
            self.is_frozen = True

    def thaw(self) -> None:
        if self.is_frozen and self._sandbox is not None:
            self._sandbox.thaw()
            self.is_frozen = False

    async def recover(self) -> None:
        """After a crash or timeout: nothing of the former runtime is left when this returns."""
        self._needs_reset = False
        await self._reset()

    async def close(self) -> None:
        """End it. AWS kills a runtime without extensions at once, so there is nothing to wait for but the end."""
        if self._sandbox is not None:
            self._sandbox.kill()
            await self._sandbox.wait_closed()
        self._api.close()
        if self._output is not None:
            self._output.close()
            self._output = None

    # Init

    async def _make(self, process: ProcessSpec) -> None:
        self._sandbox = await self._maker.make(self.plan.sandbox, process, self._on_exit)
        self._sandbox.set_cpu(max(self._vcpus, INIT_VCPUS_MIN))
        self._output = Output(self._sandbox.output, self._log)
        await self._api.start(self._sandbox.listener)

    async def _init_again(self, deadline_s: float) -> _Ended | None:
        """Start the runtime anew, on the invocation's time. Its init is reported only if it fails again."""
        began_s = perf_counter()
        if self.plan.process is None:
            ended: _Ended | None = _Ended(NoBootstrap())
        else:
            self._exchange.restart()
            self._set_cpu(max(self._vcpus, INIT_VCPUS_MIN))
            try:
                self._started().start(self.plan.process)
            except SandboxError:
                return _Ended(RuntimeEnded(None, None))
            ended = await self._wait_init(deadline_s)
        if ended is not None:
            self._report_init(ended, (perf_counter() - began_s) * 1000, "invoke")
            self._needs_reset = True
            return ended
        self._needs_init = False
        self._set_cpu(self._vcpus)
        return None

    async def _wait_init(self, deadline_s: float) -> _Ended | None:
        try:
            async with asyncio.timeout_at(deadline_s):
                result: InitResult = await self._exchange.wait_init()
        except TimeoutError:
            return _Ended(TimedOut())
        if result is None:
            return None
        return _Ended(result, self._ran_out_of_memory(result))

    def _report_good_init(self, duration_ms: float) -> None:
        """With the first invocation, or by a line of its own if it had nothing to do with one (reference: 6.1)."""
        if self.plan.initialization == "on-demand":
            self._init_ms = duration_ms
        else:
            self._drain()
            self._log.platform_line(lines.init_report(duration_ms, "init"))

    def _report_init(self, ended: _Ended, duration_ms: float, phase: lines.InitPhase) -> None:
        self._drain()
        match ended.answer:
            case TimedOut():
                line = lines.init_report(duration_ms, phase, "timeout")
            case Failed(_, error_type):
                line = lines.init_report(duration_ms, phase, "error", kept_error_type(error_type))
            case NoBootstrap():
                line = lines.init_report(duration_ms, phase, "error", "Runtime.InvalidEntrypoint")
            case RuntimeEnded():
                error_type = "Runtime.OutOfMemory" if ended.ran_out_of_memory else "Runtime.ExitError"
                line = lines.init_report(duration_ms, phase, "error", error_type)
        self._log.platform_line(line)

    # Invoke

    async def _answer_to(self, invocation: Invocation, deadline_s: float, deadline_ms: int) -> tuple[Ending, bool]:
        event = Event(invocation.request_id, _event_head(invocation, deadline_ms), invocation.payload)
        waiting = self._exchange.offer(event)
        try:
            async with asyncio.timeout_at(deadline_s):
                answer = await waiting
        except TimeoutError:
            self._exchange.withdraw()
            return TimedOut(), False
        except asyncio.CancelledError:
            # Only a node that stops cancels an invocation; the handler must not be met running by the next one.
            self._exchange.withdraw()
            self._needs_init = self._needs_reset = True
            raise
        if isinstance(answer, RuntimeEnded) and self._exchange.has_undelivered_event:
            # It died before it saw this event: nothing was run, so it may be run now.
            self._exchange.withdraw()
            if self.is_usable:
                await self._reset()
                ended = await self._init_again(deadline_s)
                if ended is None:
                    return await self._answer_to(invocation, deadline_s, deadline_ms)
                return ended.answer, ended.ran_out_of_memory
        return answer, self._ran_out_of_memory(answer)

    def _report(self, invocation: Invocation, outcome: Outcome, duration_ms: float, is_platform_fault: bool) -> None:
        self._drain()
        init_ms, self._init_ms = self._init_ms, None
        emit = self._log.platform_line
        emit(lines.end(invocation.request_id))
        emit(
            lines.report(
                lines.Report(
                    request_id=invocation.request_id,
                    duration_ms=duration_ms,
                    billed_ms=lines.billed_ms(duration_ms, init_ms or 0.0),
                    memory_mb=self.version.memory_mb,
                    max_memory_used_mb=self._started().memory_max_mb(),
                    init_ms=init_ms,
                    status=outcome.status if is_platform_fault else None,
                    error_type=outcome.error_type if is_platform_fault else None,
                )
            )
        )

    # Ends

    def _on_exit(self, end: Exit) -> None:
        if end.name == SANDBOX:
            self._is_gone = True
            self._exchange.ended(RuntimeEnded(None, end.signal))
            self._on_gone(self)
        elif end.name == RUNTIME:
            self._needs_init = True
            self._exchange.ended(RuntimeEnded(end.code, end.signal))
            self._api.hang_up()
            self._on_gone(self)
            log.debug("%s: %s", self.plan.name, exit_text(RuntimeEnded(end.code, end.signal)))

    async def _reset(self) -> None:
        self._needs_init = True
        try:
            await self._started().reset()
        except SandboxError:
            self._is_gone = True
        self._drain()
        self._api.hang_up()

    def _ran_out_of_memory(self, answer: object) -> bool:
        return isinstance(answer, RuntimeEnded) and self._started().ran_out_of_memory()

    def _drain(self) -> None:
        if self._output is not None:
            self._output.drain()

    def _set_cpu(self, vcpus: float) -> None:
        self._started().set_cpu(vcpus)

    def _started(self) -> Sandbox:
        assert self._sandbox is not None
        return self._sandbox


def _nothing() -> ProcessSpec:
    """A process that ends at once: an environment without a bootstrap still has a sandbox, and a log."""
    return ProcessSpec("nothing", ("/bin/true",), {}, "/", "", fork=False)


def _event_head(invocation: Invocation, deadline_ms: int) -> bytes:
    """The answer to `next` up to its Content-Length (reference: runtime side, 2.1)."""
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        f"Lambda-Runtime-Aws-Request-Id: {invocation.request_id}\r\n"
        f"Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n"
        f"Lambda-Runtime-Invoked-Function-Arn: {invocation.target.arn}\r\n"
        f"Lambda-Runtime-Trace-Id: {invocation.trace_id}"
    )
    if invocation.client_context:
        head += f"\r\nLambda-Runtime-Client-Context: {invocation.client_context}"
    return head.encode()
