"""What starting an environment of a version takes: pure, but for a look whether a bootstrap is there, and secrets."""

import uuid
from collections.abc import Callable
from pathlib import Path

from stoker.environments.ahead import command_ahead
from stoker.environments.bootstrap import find_bootstrap
from stoker.environments.extensions import external_extensions
from stoker.environments.outcomes import NO_BOOTSTRAP, NoBootstrap
from stoker.environments.records import EnvironmentPlan
from stoker.environments.restore import new_token
from stoker.environments.variables import Initialization, base_environment, may_fork, variables
from stoker.functions.records import FunctionVersion
from stoker.role_sessions import RoleCredentials
from stoker.runtimes.records import RuntimeBuild
from stoker.runtimes.start import command_line
from stoker.sandbox.namespace_sandbox import RUNTIME_API
from stoker.sandbox.network.records import ISOLATED, Network
from stoker.sandbox.sandbox import RUNTIME, HostDirectory, ProcessSpec, SandboxSpec


def plan_environment(
    version: FunctionVersion,
    build: RuntimeBuild,
    task: Path,
    opt: Path | None,
    name: str,
    log_stream: str,
    initialization: Initialization = "on-demand",
    *,
    aws_endpoint: str = "",
    network: Network = ISOLATED,
    directories: tuple[HostDirectory, ...] = (),
    new_credentials: Callable[[], RoleCredentials],
    fresh: bool,
    on_host: bool,
    starts_ahead: bool = False,
) -> EnvironmentPlan:
    """`task` is the unpacked package on the host and `opt` its merged layers, None if it has none.

    `directories` are the version's file systems, and `new_credentials` begins a session of its role.
    `fresh` starts a new interpreter every time (setting `fresh`). `on_host` is for plain isolation: the host's paths,
    and what `plain.py` then puts in place of a sandbox's. `starts_ahead`: sandboxes may have an interpreter waiting in
    them. `aws_endpoint` is where processes find AWS, "" for nowhere.
    """
    base = base_environment(build, opt, on_host=on_host)
    token = new_token() if initialization == "snap-start" else ""
    metadata_token = str(uuid.uuid4())
    credentials = new_credentials()
    environment = variables(
        version,
        build,
        log_stream,
        RUNTIME_API,
        base,
        initialization,
        aws_endpoint,
        token,
        credentials=credentials,
        metadata_token=metadata_token,
    )
    spec = SandboxSpec(
        name=name,
        build=build,
        task=task,
        opt=opt,
        memory_mb=version.memory_mb,
        tmp_mb=version.ephemeral_storage_mb,
        network=network,
        directories=directories,
    )
    runtime = _runtime(version, build, environment, task, opt, fresh=fresh, on_host=on_host, starts_ahead=starts_ahead)
    extensions = () if opt is None else external_extensions(opt, environment, str(opt) if on_host else "/opt")
    return EnvironmentPlan(
        name=name,
        version=version,
        build=build,
        sandbox=spec,
        process=None if isinstance(runtime, NoBootstrap) else runtime,
        metadata_token=metadata_token,
        credentials=credentials,
        new_credentials=new_credentials,
        initialization=initialization,
        no_process=runtime if isinstance(runtime, NoBootstrap) else NO_BOOTSTRAP,
        credentials_token=token,
        extensions=extensions,
    )


def _runtime(
    version: FunctionVersion,
    build: RuntimeBuild,
    environment: dict[str, str],
    task: Path,
    opt: Path | None,
    *,
    fresh: bool,
    on_host: bool,
    starts_ahead: bool,
) -> ProcessSpec | NoBootstrap:
    """The runtime's process, or why there is none to start."""
    managed = command_line(build, environment, on_host=on_host)
    argv = managed or find_bootstrap(task, opt, root=build.root, on_host=on_host)
    if isinstance(argv, NoBootstrap):
        return argv
    return ProcessSpec(
        name=RUNTIME,
        argv=argv,
        environment=environment,
        directory="/var/task",
        handler=version.handler,
        fork=build.can_fork and not fresh and not on_host and may_fork(version),
        ahead=command_ahead(version, build, argv, task, opt) if starts_ahead and not fresh else (),
    )
