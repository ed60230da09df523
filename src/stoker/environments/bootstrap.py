"""The program of a custom runtime, looked up in the package and its layers; what cannot be started is told ahead.

Source: reference, runtime side, 4.1; the texts are those of Go's `os/exec`, which AWS's platform is written in.
"""

import os
from pathlib import Path

from stoker.environments.outcomes import NO_BOOTSTRAP, NoBootstrap
from stoker.runtimes.executable import HEAD_BYTES, WRONG_FORMAT, is_executable_here
from stoker.runtimes.roots.tree import inside


def find_bootstrap(
    task: Path, opt: Path | None, *, root: Path | None = None, on_host: bool
) -> tuple[str] | NoBootstrap:
    """argv of what is to be started, in the package or else in a layer, or why there is nothing.

    `root` is the sandbox's root directory where that is not made of the host's. `on_host`: as the host calls it.
    """
    for directory, target in ((task, "/var/task"), (opt, "/opt")):
        if directory is None:
            continue
        bootstrap = directory / "bootstrap"
        if os.access(bootstrap, os.X_OK) and bootstrap.is_file():
            problem = _problem(bootstrap, {"/var/task": task, "/opt": opt}, root)
            if problem is not None:
                return NoBootstrap("Runtime.InvalidEntrypoint", f"fork/exec {target}/bootstrap: {problem}")
            return (str(bootstrap) if on_host else f"{target}/bootstrap",)
    return NO_BOOTSTRAP


def _problem(program: Path, places: dict[str, Path | None], root: Path | None) -> str | None:
    """Why the kernel would not start it, as far as its first line tells; `places` are where its directories lie."""
    with program.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not is_executable_here(head):
        return WRONG_FORMAT
    if not head.startswith(b"#!"):
        return None
    interpreter = os.fsdecode(head[2:].split(b"\n")[0].strip(b" \t").split(b" ")[0].split(b"\t")[0])
    for target, place in places.items():
        if interpreter.startswith(f"{target}/"):
            # A link may lead to where only the sandbox has something.
            found = place is not None and os.path.lexists(place / interpreter.removeprefix(f"{target}/"))
            return None if found else "no such file or directory"
    exists = Path(interpreter).exists() if root is None else inside(root, interpreter) is not None
    return None if exists else "no such file or directory"
