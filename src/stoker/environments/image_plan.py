"""What starting an environment of a container image takes. Source: reference, runtime side, 4.5."""

import uuid
from collections.abc import Callable, Mapping

from stoker.environments.extensions import external_extensions
from stoker.environments.outcomes import NoBootstrap
from stoker.environments.records import EnvironmentPlan
from stoker.environments.variables import Initialization, image_variables
from stoker.functions.records import FunctionVersion
from stoker.images.program import NoProgram, Program, find_program
from stoker.images.store import ImageRoot
from stoker.role_sessions import RoleCredentials
from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.namespace_sandbox import RUNTIME_API
from stoker.sandbox.network.records import ISOLATED, Network
from stoker.sandbox.sandbox import RUNTIME, HostDirectory, ProcessSpec, SandboxSpec


def plan_image_environment(
    version: FunctionVersion,
    image: ImageRoot,
    name: str,
    log_stream: str,
    initialization: Initialization = "on-demand",
    *,
    aws_endpoint: str = "",
    network: Network = ISOLATED,
    directories: tuple[HostDirectory, ...] = (),
    new_credentials: Callable[[], RoleCredentials],
) -> EnvironmentPlan:
    """`image` is the version's, ready to run; the rest is as for `plan_environment`. Looks at the image's files."""
    build = _build(image)
    own = image.settings.environment
    token = str(uuid.uuid4())
    keys = new_credentials()
    environment = image_variables(
        version, own, log_stream, RUNTIME_API, initialization, aws_endpoint, credentials=keys, metadata_token=token
    )
    spec = SandboxSpec(name, build, None, None, version.memory_mb, version.ephemeral_storage_mb, network, directories)
    found = find_program(image.tree, image.settings, version.image_config, environment)
    match found:
        case Program():
            process = _process(found, environment)
            # An image's links are not to lead the node to a directory of the host.
            opt = (image.tree / "opt").resolve()
            is_own = (opt / "extensions").resolve().is_relative_to(image.tree.resolve())
            extensions = external_extensions(opt, environment, "/opt") if is_own else ()
            return EnvironmentPlan(
                name,
                version,
                build,
                spec,
                process,
                token,
                keys,
                new_credentials,
                initialization,
                extensions=extensions,
            )
        case NoProgram(error_type, text):
            no_program = NoBootstrap(error_type, text)
            return EnvironmentPlan(
                name, version, build, spec, None, token, keys, new_credentials, initialization, no_program
            )


def _process(program: Program, environment: Mapping[str, str]) -> ProcessSpec:
    return ProcessSpec(RUNTIME, program.argv, environment, program.directory, handler="", fork=False)


def _build(image: ImageRoot) -> RuntimeBuild:
    """An image in the place of a runtime: it brings everything, and no zygote can hold it."""
    return RuntimeBuild(
        name=image.name,
        language="image",
        version="",
        source="the function's container image",
        lang_dir=None,
        runtime_dir=None,
        interpreter=None,
        command=(),
        host_interpreter=None,
        host_command=(),
        can_fork=False,
        root=image.tree,
    )
