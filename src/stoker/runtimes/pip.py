"""pip as a program: the one way to fetch packages that every Python installation has and every mirror serves."""

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from stoker.runtimes.records import RuntimeInstallError

PIP_TIMEOUT_S = 900.0


def install_wheels(
    pythons: Sequence[str],
    release: str,
    requirements: Sequence[str],
    directory: Path,
    constraints: Sequence[str] = (),
) -> None:
    """Install `requirements` into `directory` for Python `release` ("3.12"), which need not be the one that runs pip.

    Only wheels: a source package would be built for the wrong interpreter. `constraints` say which versions of what
    else comes along. Raises RuntimeInstallError.
    """
    target = [f"--python-version={release}", "--implementation=cp", f"--abi=cp{release.replace('.', '')}"]
    with tempfile.NamedTemporaryFile("w", prefix="constraints-", suffix=".txt") as file:
        file.write("\n".join(constraints))
        file.flush()
        how = ["--no-compile", f"--target={directory}", f"--constraint={file.name}", *target, *_platforms()]
        _run(pythons, ["install", *how, *requirements])


def download_wheel(pythons: Sequence[str], requirement: str, directory: Path) -> Path:
    """Download the one wheel of `requirement` into the empty `directory`. Raises RuntimeInstallError."""
    # --pre because one of the packages has never made another kind of release.
    _run(pythons, ["download", "--pre", "--no-deps", f"--dest={directory}", *_platforms(), requirement])
    [wheel] = directory.glob("*.whl")
    return wheel


def _platforms() -> Iterator[str]:
    for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_12", "manylinux2010"):
        yield f"--platform={tag}_{platform.machine()}"


def _run(pythons: Sequence[str], arguments: Sequence[str]) -> None:
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:"]
    command = [*_pip(pythons), arguments[0], *quiet, *arguments[1:]]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise RuntimeInstallError(f"pip did not finish within {PIP_TIMEOUT_S:.0f} seconds") from None
    if ended.returncode != 0:
        raise RuntimeInstallError(f"pip failed:\n{ended.stderr.strip()[-2000:]}")


def _pip(pythons: Sequence[str]) -> list[str]:
    """A pip that works: an environment made by uv has none, but an interpreter behind it may."""
    for python in pythons:
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
            return [python, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "pip"]
    raise RuntimeInstallError(f"pip is needed to fetch packages. Type: {sys.executable} -m ensurepip")
