"""A runtime that is ready to be put into a sandbox, and what is known of each runtime on this host."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

# Where an interpreter that waits for a function finds the directory of its cover.
COVER = "/run/stoker/cover"


@dataclass(frozen=True, slots=True)
class Cover:
    """What makes an interpreter wait, once it has started, until there is a function for it.

    `directory`, on this host, holds a file of the same name as `target`, a path inside, over which it lies until then.
    `main` is what the command line names instead of its last but one argument, if that has to be something else.
    """

    target: str
    directory: Path
    main: str = ""

    @property
    def source(self) -> str:
        """The file inside."""
        return f"{COVER}/{Path(self.target).name}"

    def command(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """What is started ahead for a function that asks for `command`; () if nothing can be.

        What the two last arguments will be is written over these, so it is as long, and it tells nothing else of them.
        """
        if not self.main:
            return command
        asked_bytes = sum(len(os.fsencode(argument)) for argument in command[-2:])
        filler = "_" * (asked_bytes - len(self.main))
        return (*command[:-2], self.main, filler) if filler else ()


@dataclass(frozen=True, slots=True)
class Preload:
    """Modules that a zygote imports before there is a function, for functions that have the same files.

    `tree`, on this host, holds the files; they are seen at `place`, where the function has them, while `modules` are
    imported in their order. `cores` are as many as the function sees. `label` says what it is.
    """

    label: str
    modules: tuple[str, ...]
    tree: Path
    place: str
    cores: int


@dataclass(frozen=True, slots=True)
class RuntimeBuild:
    """Where a runtime's parts lie on this host and how it is started in a sandbox.

    `lang_dir` becomes /var/lang, `runtime_dir` becomes /var/runtime (either may be None); both may point into the
    host's /usr and need nothing else. `interpreter` is the path inside the sandbox (None for provided.*, which has only
    the customer's bootstrap). `command` is the argv that starts the runtime inside the sandbox, empty for provided.*
    (the bootstrap is looked up); `start.command_line` adds what depends on the function. `environment` is what this
    runtime adds to the platform's variables (reference: runtime side, 3.1). `host_interpreter`, `host_command` and
    `host_environment` are the same with the host's paths, for plain isolation. `can_fork` says whether a zygote may
    hold it. `version` is INIT_START's text, for example "python:3.12.v1"; `client` names AWS's runtime client and its
    version, for example "awslambdaric 4.2.2". `root` is a file system that becomes the sandbox's own,
    with mount points in it (`roots/tree.py`); nothing else then comes from the host. Of a container image
    (`language` "image") `version` is empty. `starts_itself`: `command` is the root's own bootstrap, which knows its
    flags and the wrapper. `lent` are further paths of the host that the interpreter needs at the same place inside.
    With a `cover` it can be started ahead. `preload` is for one function's zygote, which others may share.
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
    host_environment: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    root: Path | None = None
    starts_itself: bool = False
    lent: tuple[Path, ...] = ()
    cover: Cover | None = None
    preload: Preload | None = None

    @property
    def launcher_name(self) -> str:
        """What its launcher is told from others by."""
        if self.preload is None:
            return self.name
        return f"{self.name} with {self.preload.label} at {self.preload.place} on {self.preload.cores} cores"

    @property
    def is_image(self) -> bool:
        """Whether this is a function's container image, which has no package laid into it."""
        return self.language == "image"


@dataclass(frozen=True, slots=True)
class InterpreterStatus:
    """Of one runtime: the interpreter's version and where it comes from (both empty without one), and what is missing.

    Without a `hint`, `stoker runtimes install` helps.
    """

    version: str
    source: str
    is_ready: bool
    hint: str = ""


@dataclass(frozen=True, slots=True)
class RuntimeStatus:
    """One line of `stoker runtimes`.

    `version` is the interpreter's own ("3.12.1"), `source` where it comes from; both are empty when there is none.
    `hint` says what to type, or why the runtime cannot be had here; empty when it is ready.
    """

    name: str
    language: str
    is_ready: bool
    version: str
    source: str
    hint: str
    is_deprecated: bool


class Runtime(Protocol):
    """One runtime on this host."""

    def find(self) -> RuntimeBuild:
        """It, ready to run. Raises RuntimeNotReadyError."""

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild:
        """It, after what is missing was fetched. Raises RuntimeInstallError, RuntimeNotReadyError."""

    def status(self) -> InterpreterStatus:
        """What there is of it. Raises RuntimeNotReadyError where there is nothing to tell about."""


class RuntimeNotReadyError(Exception):
    """The runtime is known but not prepared on this host; the text says what to type."""


class RuntimeInstallError(Exception):
    """Preparing a runtime failed; the text names the step, what it said, and what to do."""
