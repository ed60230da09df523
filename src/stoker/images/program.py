"""The process that an image asks for, looked up in its own file system: what cannot start is told before anything is.

Error types: reference, runtime side, 4.5. The texts are those of Go's `os/exec`, which AWS's platform is written in.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stoker.functions.records import ImageConfig
from stoker.images.manifest import ImageSettings
from stoker.runtimes.executable import HEAD_BYTES, WRONG_FORMAT, is_executable_here
from stoker.runtimes.roots.tree import inside

# Docker's, for images that set none.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Program:
    """`argv[0]` is an absolute path."""

    argv: tuple[str, ...]
    directory: str


@dataclass(frozen=True, slots=True)
class NoProgram:
    """Why nothing can be started, as callers of the function are told."""

    error_type: str
    text: str


def find_program(
    root: Path, settings: ImageSettings, config: ImageConfig | None, environment: Mapping[str, str]
) -> Program | NoProgram:
    """What `settings` ask for, or `config` instead. Looks at files below `root`, and never outside."""
    said = config or ImageConfig()
    entry_point = settings.entry_point if said.entry_point is None else said.entry_point
    command = settings.command if said.command is None else said.command
    directory = said.working_directory or settings.working_directory or "/"
    argv = (*entry_point, *command)
    if not argv or not argv[0]:
        return NoProgram("Runtime.InvalidTaskConfig", "the image has neither an entry point nor a command")
    if not directory.startswith("/"):
        text = f"the working directory '{directory}' is invalid, it needs to be an absolute path"
        return NoProgram("Runtime.InvalidWorkingDir", text)
    place = inside(root, directory)
    if place is None or not place.is_dir():
        problem = "no such file or directory" if place is None else "not a directory"
        return NoProgram("Runtime.InvalidWorkingDir", f"chdir {directory}: {problem}")
    return _find(root, argv, directory, environment.get("PATH", _PATH))


def _find(root: Path, argv: tuple[str, ...], directory: str, search_path: str) -> Program | NoProgram:
    name = argv[0]
    if "/" in name:
        path = os.path.normpath(os.path.join(directory, name)) if not name.startswith("/") else name  # noqa: PTH118
        problem = _problem(inside(root, path))
        if problem is not None:
            return NoProgram("Runtime.InvalidEntrypoint", f"fork/exec {name}: {problem}")
        return Program((path, *argv[1:]), directory)
    for folder in search_path.split(":"):
        path = f"{folder.rstrip('/')}/{name}"
        problem = _problem(inside(root, path) if folder.startswith("/") else None)
        if problem == WRONG_FORMAT:
            return NoProgram("Runtime.InvalidEntrypoint", f"fork/exec {path}: {problem}")
        # As execvp(3): what is not there or may not be executed is passed over.
        if problem is None:
            return Program((path, *argv[1:]), directory)
    return NoProgram("Runtime.InvalidEntrypoint", f'exec: "{name}": executable file not found in $PATH')


def _problem(place: Path | None) -> str | None:
    """Why the kernel would not execute the file (execve(2)), None if it would."""
    if place is None:
        return "no such file or directory"
    mode = place.lstat().st_mode
    if not stat.S_ISREG(mode) or not mode & 0o111:
        return "permission denied"
    with place.open("rb") as file:
        return None if is_executable_here(file.read(HEAD_BYTES)) else WRONG_FORMAT
