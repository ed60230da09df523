"""Makes environments of versions: plan, name, log stream and sandboxes joined, ready to be started."""

import itertools
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import cast

from stoker.clock import Clock
from stoker.environments.environment import AddDoor, Environment
from stoker.environments.records import EnvironmentPlan
from stoker.environments.reports import Traces
from stoker.environments.variables import Initialization
from stoker.errors import LambdaError
from stoker.functions.records import FunctionVersion
from stoker.logs.application_lines import ApplicationLines
from stoker.logs.environment_log import EnvironmentLog, new_stream_name
from stoker.logs.platform_json import SystemLevel
from stoker.logs.platform_log import PlatformLog
from stoker.logs.records import LogGroupName
from stoker.logs.store import LogStore
from stoker.sandbox.ahead import Interpreter
from stoker.sandbox.sandbox import Forks, SandboxError, SandboxMaker

log = logging.getLogger("stoker.environments")

Planner = Callable[[FunctionVersion, str, str, Initialization], Awaitable[EnvironmentPlan]]
OnGone = Callable[[Environment], None]


class EnvironmentMaker:
    """Each environment that it makes has a name of its own on this node, and a log stream of its own."""

    def __init__(
        self,
        sandboxes: SandboxMaker,
        planner: Planner,
        log_store: LogStore,
        traces: Traces,
        clock: Clock,
        response_bytes_max: int,
        add_door: AddDoor | None = None,
        forks: Forks | None = None,
    ) -> None:
        """`add_door` and `forks` are Environment's."""
        self._forks = forks
        self._response_bytes_max = response_bytes_max
        self._traces = traces
        self._sandboxes = sandboxes
        self._planner = planner
        self._log_store = log_store
        self._clock = clock
        self._add_door = add_door
        self._numbers = itertools.count(1)
        self._name_prefix = secrets.token_hex(3)

    async def make(
        self,
        version: FunctionVersion,
        initialization: Initialization,
        on_gone: OnGone,
        *,
        is_snapshot: bool = False,
        original: Environment | None = None,
    ) -> Environment:
        """One that has not been started. Raises LambdaError when the version cannot run here.

        `is_snapshot`: to be copied, if it can be. `original`: of which it is a copy.
        """
        group = LogGroupName(version.account_id, version.region, version.logging.log_group)
        stream = new_stream_name(self._clock.now_s(), version.name, version.version, group.name)
        name = f"{self._name_prefix}-{next(self._numbers)}"
        if original is not None:
            # The variables and tokens of the original, which are in its memory.
            plan = replace(original.plan, name=name, sandbox=replace(original.plan.sandbox, name=name))
        else:
            plan = await self._planner(version, name, stream, initialization)
            if is_snapshot:
                plan = self._to_be_copied(plan)
        environment_log = EnvironmentLog(self._log_store, self._clock, group, stream, _application_lines(version))
        platform_log = PlatformLog(environment_log, self._clock, _system_level(version))
        return Environment(
            plan,
            self._sandboxes,
            environment_log,
            platform_log,
            self._traces,
            self._clock,
            on_gone,
            self._response_bytes_max,
            self._add_door,
            self._forks,
            original,
        )

    def _to_be_copied(self, plan: EnvironmentPlan) -> EnvironmentPlan:
        """If it can be: a function that was forked from a zygote, without extensions and without a network."""
        process = plan.process
        if self._forks is None or process is None or not process.fork:
            return plan
        if plan.extensions or not plan.sandbox.network.is_isolated:
            return plan
        return replace(plan, process=replace(process, is_snapshot=True))

    async def prepare(self, version: FunctionVersion) -> None:
        """Do ahead what the version's runtime needs for its first environment."""
        try:
            plan = await self._planner(version, "prepare", "", "on-demand")
            if plan.process is not None:
                process, sandbox = plan.process, plan.sandbox
                ahead = {"ahead": Interpreter(process.ahead, sandbox.memory_mb)} if process.ahead else {}
                await self._sandboxes.prepare(plan.build, fork=process.fork, network=sandbox.network, **ahead)
        except (LambdaError, SandboxError) as error:
            # The first invocation will try again and tell its caller.
            log.warning("%s could not be prepared: %s", version.runtime or version.version_arn, error)


def _application_lines(version: FunctionVersion) -> ApplicationLines | None:
    config = version.logging
    return ApplicationLines(config.application_log_level or "INFO") if config.log_format == "JSON" else None


def _system_level(version: FunctionVersion) -> SystemLevel | None:
    config = version.logging
    return cast(SystemLevel, config.system_log_level or "INFO") if config.log_format == "JSON" else None
