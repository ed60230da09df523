"""A runtime that is ready to be put into a sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RuntimeBuild:
    """Where a runtime's parts lie on this host and how it is started in a sandbox.

    `lang_dir` becomes /var/lang, `runtime_dir` becomes /var/runtime (either may be None). `interpreter` is the path
    inside the sandbox (None for provided.*, which has only the customer's bootstrap). `command` is the argv that starts
    the runtime inside the sandbox, empty for provided.* (the bootstrap is looked up). `host_interpreter` and
    `host_command` are the same with the host's paths, for plain isolation. `environment` is what this runtime adds to
    the platform's variables (reference: runtime side, 3.1). `can_fork` says whether a zygote may hold it.
    `version_arn_seed` and `version` give INIT_START's text, for example version "python:3.12.v1".
    """

    name: str
    language: str
    version: str
    source: str
    lang_dir: Path | None
    runtime_dir: Path | None
    interpreter: str | None
    command: tuple[str, ...]
    host_interpreter: str | None
    host_command: tuple[str, ...]
    can_fork: bool
    environment: Mapping[str, str] = field(default_factory=dict)


class RuntimeNotReadyError(Exception):
    """The runtime is known but not prepared on this host; the text says what to type."""
