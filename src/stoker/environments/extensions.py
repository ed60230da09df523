"""The extensions of one environment as the node runs them: which are started, with what, and how they are ended.

What they say through the Runtime API's socket is `runtime_api/extensions.py`. Source: reference, runtime side, 3.3, 5
and 7.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from stoker.clock import Clock
from stoker.environments.outcomes import signal_name
from stoker.environments.output import Output
from stoker.functions.records import FunctionVersion
from stoker.logs.environment_log import EnvironmentLog
from stoker.logs.platform_events import Extension
from stoker.logs.platform_log import PlatformLog
from stoker.runtime_api.exchange import ExtensionFailed
from stoker.runtime_api.extensions import (
    EXTENSIONS_MAX,
    Extensions,
    FunctionFacts,
    ShutdownReason,
)
from stoker.sandbox.sandbox import RUNTIME, Exit, ProcessSpec, Sandbox
from stoker.telemetry.delivery import Connect
from stoker.telemetry.telemetry import Telemetry

# How long everybody together may take to end, and how much of that the runtime has.
EXTERNAL_SHUTDOWN_S, RUNTIME_SHARE_S = 2.0, 0.3
INTERNAL_SHUTDOWN_S = 0.5
# Of a sandbox's processes; a runtime is called otherwise.
_PROCESS = "extension "
_NOT_FOR_EXTENSIONS = frozenset(
    {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        # A shell's, which starts the runtime on AWS and no extension.
        "PWD",
        "SHLVL",
    }
)


def external_extensions(opt: Path, runtime_environment: Mapping[str, str], inside: str) -> tuple[ProcessSpec, ...]:
    """What is to be started besides the runtime, in this order: every file directly in `opt`/extensions.

    `inside` is what the processes call `opt`. A directory that is not there, as mostly, costs one look.
    """
    try:
        with os.scandir(opt / "extensions") as entries:
            names = sorted(entry.name for entry in entries if not entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ()
    environment = {
        name: value
        for name, value in runtime_environment.items()
        if name not in _NOT_FOR_EXTENSIONS and not name.startswith("_")
    }
    return tuple(
        ProcessSpec(_PROCESS + name, (f"{inside}/extensions/{name}",), environment, "/", handler="", fork=False)
        for name in names
    )


class ExtensionProcesses:
    """Starts the external extensions of one environment, and ends the environment in order when it has extensions."""

    def __init__(
        self,
        version: FunctionVersion,
        processes: tuple[ProcessSpec, ...],
        environment_log: EnvironmentLog,
        platform_log: PlatformLog,
        clock: Clock,
        on_failed: Callable[[ExtensionFailed], None],
        connect: Connect,
    ) -> None:
        """`on_failed` is Extensions', `connect` Telemetry's."""
        logs_json = version.logging.log_format == "JSON"
        self._telemetry = Telemetry(environment_log, platform_log, clock, connect, logs_json=logs_json)
        facts = FunctionFacts(version.name, version.version, version.handler, version.account_id)
        self.extensions = Extensions(facts, on_failed, self._telemetry.subscribe)
        self._processes = processes
        self._log = environment_log
        self._platform_log = platform_log
        self._clock = clock
        self._output: Output | None = None
        self._writer = -1
        self._runtime_gone = asyncio.Event()

    async def start(self, sandbox: Sandbox) -> ExtensionFailed | None:
        """Start all of them; None when all have registered. Raises SandboxError."""
        if len(self._processes) > EXTENSIONS_MAX:
            return ExtensionFailed("Extension.TooManyExtensions", f"Extension limit ({EXTENSIONS_MAX}) reached")
        if self._output is None:
            reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            os.set_blocking(self._writer, True)
            self._output = Output(reader, self._log.of_extensions())
        for process in self._processes:
            self.extensions.launched(process.name.removeprefix(_PROCESS))
            sandbox.start(process, self._writer)
        return await self.extensions.wait_registered()

    def init_began(self) -> None:
        """Whoever registers from now on may subscribe to what happens from now on."""
        self._telemetry.begin()

    def freeze(self) -> None:
        """Nobody inside runs, so nobody is late."""
        self._telemetry.freeze()

    def thaw(self) -> None:
        self._telemetry.thaw()

    def runtime_starts(self) -> None:
        self._runtime_gone.clear()

    def ended(self, end: Exit) -> None:
        """A process of the environment has ended."""
        if end.name == RUNTIME:
            self._runtime_gone.set()
        elif end.name.startswith(_PROCESS):
            self.extensions.ended(end.name.removeprefix(_PROCESS), end.code, _exit_text(end))

    def init_ended(self) -> None:
        """Nobody joins any more; the log says who is there."""
        self.extensions.close_registration()
        self._telemetry.init_ended()
        for member in self.extensions.members.values():
            self._platform_log.emit_beside(Extension(member.name, member.state, member.events, member.error_type))

    async def shut_down(self, sandbox: Sandbox, reason: ShutdownReason) -> None:
        """Give runtime and extensions their time to end. What is left then is the caller's to kill."""
        self._telemetry.hurry()
        has_external = any(member.is_external for member in self.extensions.members.values())
        limit_s = EXTERNAL_SHUTDOWN_S if has_external else INTERNAL_SHUTDOWN_S
        deadline_s = asyncio.get_running_loop().time() + limit_s
        deadline_ms = int((self._clock.now_s() + limit_s) * 1000)
        if reason == "SPINDOWN":
            await self._end_runtime(sandbox, RUNTIME_SHARE_S if has_external else limit_s)
        sandbox.signal(RUNTIME, signal.SIGKILL)
        self.extensions.shut_down(reason, deadline_ms)
        try:
            async with asyncio.timeout_at(deadline_s):
                await self.extensions.wait_shut_down()
        except TimeoutError:
            pass

    def drain(self) -> None:
        """Take all that was printed up to now."""
        if self._output is not None:
            self._output.drain()

    async def restart(self) -> None:
        """Everything was killed: nobody is registered or subscribed."""
        self.extensions.restart()
        await self._telemetry.end()

    async def close(self) -> None:
        """Everything has ended: let go of the output. Doing it twice is fine."""
        await self._telemetry.end()
        if self._output is not None:
            os.close(self._writer)
            self._output.close()
            self._output = None

    async def _end_runtime(self, sandbox: Sandbox, limit_s: float) -> None:
        sandbox.signal(RUNTIME, signal.SIGTERM)
        try:
            async with asyncio.timeout(limit_s):
                await self._runtime_gone.wait()
        except TimeoutError:
            pass


def _exit_text(end: Exit) -> str:
    """As AWS tells of an extension's end (seen in users' reports)."""
    if end.signal is not None:
        return f"signal: {signal_name(end.signal)}"
    return f"exit status {end.code}" if end.code else "exit code 0"
