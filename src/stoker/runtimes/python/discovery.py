"""Finds the Python interpreters of this host.

A shim or a virtual environment is followed to the installation behind it: a sandbox gets a whole installation as
/var/lang, and neither works there.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stoker.runtimes.records import RuntimeNotReadyError
from stoker.runtimes.roots.debian import DebianRoot

PROBE_TIMEOUT_S = 10.0

_PROBE = """
import json, sys, sysconfig
print(json.dumps({
    "implementation": sys.implementation.name,
    "release": "%d.%d" % sys.version_info[:2],
    "version": "%d.%d.%d" % sys.version_info[:3],
    "is_final": sys.version_info[3] == "final",
    "is_free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "executable": getattr(sys, "_base_executable", sys.executable),
    "prefix": sys.base_prefix,
    "library": [sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")],
}))
"""


@dataclass(frozen=True, slots=True)
class PythonInterpreter:
    """One installation. `library` is its libpython where it is a shared one; `origin` is said to the user.

    With a `root` it lies in that root directory, at `inside` there, and `executable` starts it on this host.
    """

    release: str
    version: str
    executable: Path
    prefix: Path
    library: Path | None
    origin: str
    is_ours: bool = False
    root: Path | None = None
    inside: Path | None = None

    @property
    def source(self) -> str:
        return self.origin if self.root else f"{self.origin} ({self.prefix})"


def find_interpreter(release: str, must_not_hold: tuple[Path, ...]) -> PythonInterpreter | None:
    """The best interpreter of `release` ("3.12"): the one that runs Stoker, then pyenv's and uv's, then PATH's.

    One whose installation holds a directory of `must_not_hold` is passed over: all of an installation is seen inside
    every sandbox.
    """
    for candidate, origin in _candidates(release):
        found = probe(candidate, origin)
        if found is not None and found.release == release and _can_be_shown(found.prefix, must_not_hold):
            return found
    return None


def probe(executable: Path, origin: str) -> PythonInterpreter | None:
    """Ask `executable` what it is; None if it does not run or is no released CPython with the interpreter lock."""
    try:
        answer = subprocess.run(
            [executable, "-I", "-S", "-c", _PROBE],
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        facts = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if facts["implementation"] != "cpython" or not facts["is_final"] or facts["is_free_threaded"]:
        return None
    prefix = Path(facts["prefix"]).resolve()
    return PythonInterpreter(
        release=facts["release"],
        version=facts["version"],
        executable=_installed_executable(prefix, facts["release"], Path(facts["executable"])),
        prefix=prefix,
        library=_library(*facts["library"]),
        origin=origin,
        is_ours=prefix == Path(sys.base_prefix).resolve() and facts["release"] == own_release(),
    )


def of_debian(root: DebianRoot, release: str) -> PythonInterpreter:
    """The Python of a root that was made of Debian's packages."""
    found = probe(root.program, root.origin)
    if found is None or found.release != release:
        raise RuntimeNotReadyError(f"The Python of {root.origin} does not run on this machine")
    usr = root.inside.parents[1]
    return replace(
        found, executable=root.program, prefix=usr, library=None, root=root.tree, inside=root.inside, is_ours=False
    )


def own_release() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _candidates(release: str) -> Iterator[tuple[Path, str]]:
    name = f"python{release}"
    if release == own_release():
        yield Path(getattr(sys, "_base_executable", None) or sys.executable), "the Python that runs Stoker"
    for folder in _newest_first(_pyenv_versions(), release):
        yield folder / "bin" / name, "pyenv"
    for folder in _newest_first(_uv_pythons(), release):
        yield folder / "bin" / name, "uv"
    for directory in os.get_exec_path():
        if directory and (path := Path(directory, name)).is_file():
            yield path, "PATH"


def _pyenv_versions() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"


def _uv_pythons() -> Path:
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")


def _newest_first(folder: Path, release: str) -> list[Path]:
    """The installations of `release` in `folder`: pyenv names them "3.12.1", uv "cpython-3.12.1-linux-…"."""
    try:
        found = [path for path in folder.iterdir() if (path / "bin" / f"python{release}").exists()]
    except OSError:
        return []
    return sorted(found, key=lambda path: _patch(path.name, release), reverse=True)


def _patch(name: str, release: str) -> int:
    _, _, rest = name.partition(f"{release}.")
    digits = rest.partition("-")[0]
    return int(digits) if digits.isdecimal() else -1


def _installed_executable(prefix: Path, release: str, fallback: Path) -> Path:
    installed = prefix / "bin" / f"python{release}"
    return installed if installed.exists() else fallback.resolve()


def _library(directory: str | None, name: str | None) -> Path | None:
    if not directory or not name or ".so" not in name:
        return None
    path = Path(directory, name)
    return path if path.exists() else None


def _can_be_shown(prefix: Path, must_not_hold: tuple[Path, ...]) -> bool:
    if prefix == Path("/usr"):
        return True  # not mounted itself: every sandbox has /usr anyway
    return not any(path.is_relative_to(prefix) for path in must_not_hold)
