"""What starting one environment takes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from stoker.environments.outcomes import NO_BOOTSTRAP, NoBootstrap
from stoker.environments.variables import Initialization
from stoker.functions.records import FunctionVersion
from stoker.role_sessions import RoleCredentials
from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.sandbox import ProcessSpec, SandboxSpec

INIT_LIMIT_S = 10.0
# Of environments that are initialised ahead: this or the function's timeout, whichever is longer, within bounds.
INIT_LIMIT_AHEAD_S = 130.0
INIT_LIMIT_AHEAD_MAX_S = 900.0


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """All that starting one environment takes. `process` is None without a program to start; `no_process` says why.

    `extensions` are started before it. `metadata_token` opens the metadata endpoint to its processes. `credentials`
    are what they find in their variables; with a `credentials_token` they fetch `new_credentials` instead.
    """

    name: str
    version: FunctionVersion
    build: RuntimeBuild
    sandbox: SandboxSpec
    process: ProcessSpec | None
    metadata_token: str
    credentials: RoleCredentials
    new_credentials: Callable[[], RoleCredentials]
    initialization: Initialization = "on-demand"
    no_process: NoBootstrap = NO_BOOTSTRAP
    credentials_token: str = ""
    extensions: tuple[ProcessSpec, ...] = ()

    @property
    def init_limit_s(self) -> float:
        """How long the init phase may take (reference: runtime side, 5)."""
        if self.initialization == "on-demand":
            return INIT_LIMIT_S
        return max(INIT_LIMIT_AHEAD_S, min(self.version.timeout_s, INIT_LIMIT_AHEAD_MAX_S))

    @property
    def first(self) -> ProcessSpec:
        """What its sandbox begins with: the runtime, unless that starts later, after extensions, or cannot start."""
        if self.process is None:
            # A process that ends at once: an environment without a bootstrap still has a sandbox, and a log. An image
            # need not have that program: its launcher knows what to do without one.
            argv = () if self.build.is_image else ("/bin/true",)
            return ProcessSpec("nothing", argv, {}, "/", "", fork=False)
        if self.extensions:
            # Of the runtime's kind, so that it comes from the same launcher.
            return replace(self.process, name="nothing", argv=())
        return self.process
