"""The command line that starts a runtime for one function.

On AWS this is the shell script /var/runtime/bootstrap; being a pure function here, it costs a cold start nothing.
"""

from collections.abc import Mapping

from stoker.runtimes.java.flags import java_command
from stoker.runtimes.records import RuntimeBuild

# Flags that AWS gives Node.js unless NODE_OPTIONS asks for the opposite, and from which release on Node knows them.
# Source: AWS Lambda Developer Guide, "Building Lambda functions with Node.js", the table of experimental features.
_NODE_FEATURES_OFF = (
    ("--no-experimental-require-module", "--experimental-require-module", ("nodejs20.x", "nodejs22.x")),
    ("--no-experimental-detect-module", "--experimental-detect-module", ("nodejs22.x",)),
)


def command_line(build: RuntimeBuild, environment: Mapping[str, str], *, on_host: bool = False) -> tuple[str, ...]:
    """argv for `build` with the function's complete `environment`; empty for provided.* (its bootstrap is looked up).

    `AWS_LAMBDA_EXEC_WRAPPER` is put in front, as on AWS; custom runtimes do not know it. `on_host` uses the host's
    paths, for plain isolation.
    """
    command = build.host_command if on_host else build.command
    if build.starts_itself:
        return command
    if build.language == "nodejs":
        command = (command[0], *_node_flags(build.name, environment), *command[1:])
    elif build.language == "java":
        command = java_command(build.name, command, environment)
    wrapper = environment.get("AWS_LAMBDA_EXEC_WRAPPER")
    return (wrapper, *command) if wrapper and command else command


def _node_flags(name: str, environment: Mapping[str, str]) -> list[str]:
    options = environment.get("NODE_OPTIONS", "")
    flags = [off for off, on, releases in _NODE_FEATURES_OFF if name in releases and on not in options.split()]
    memory_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if memory_mb.isdecimal() and not _sets_heap(options):
        # A tenth for the young generation, which V8 counts in two halves, and the rest for the old one.
        new_space_mb = int(memory_mb) // 10
        flags += [f"--max-semi-space-size={new_space_mb // 2}", f"--max-old-space-size={int(memory_mb) - new_space_mb}"]
    return flags


def _sets_heap(options: str) -> bool:
    dashed = options.replace("_", "-")
    return "--max-semi-space-size" in dashed or "--max-old-space-size" in dashed
