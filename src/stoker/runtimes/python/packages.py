"""Fills a Python runtime's /var/runtime: AWS's runtime client and SDK, as they lie there on AWS.

For the Python that runs Stoker they are copied from where Stoker itself was installed, which needs no network; for
another version pip fetches the wheels made for that version.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

from stoker.runtimes.pip import install_wheels
from stoker.runtimes.python.discovery import PythonInterpreter
from stoker.runtimes.records import RuntimeInstallError, RuntimeNotReadyError

# AWS's managed runtimes have these in /var/runtime; the order is that of the client, the SDK, and what they need.
DISTRIBUTIONS = (
    "awslambdaric",
    "simplejson",
    "snapshot-restore-py",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "python-dateutil",
    "six",
    "urllib3",
)

# Exact, because the client decides what a handler's errors and logs look like. 4.0.4 is the last with wheels for 3.9.
CLIENT_VERSION = "4.2.2"
CLIENT_VERSION_PYTHON39 = "4.0.4"

BOOTSTRAP = Path(__file__).parent / "inside" / "bootstrap.py"


def copy_recipe() -> dict[str, str]:
    """What a copy of our own packages would consist of. Raises RuntimeNotReadyError where one cannot be copied."""
    recipe = {}
    for name in DISTRIBUTIONS:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise RuntimeNotReadyError(f"Stoker's own installation lacks {name}. Type: pip install {name}") from None
        if not distribution.files:
            # Packages of a Linux distribution have no list of files.
            raise RuntimeNotReadyError(
                f"{name} was not installed by pip, so it cannot be copied. Install Stoker with pip"
            )
        recipe[name] = distribution.version
    return recipe


def copy_packages(directory: Path) -> None:
    """Copy our own installation of every distribution into `directory`, without bytecode, scripts and their tests."""
    for name in DISTRIBUTIONS:
        distribution = metadata.distribution(name)
        for file in distribution.files or ():
            # ".." leads to scripts in bin/; a runtime has no use for them.
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            target = directory / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(distribution.locate_file(file), target)  # type: ignore[arg-type] # always a real path


def fetch_recipe(interpreter: PythonInterpreter) -> dict[str, str]:
    """What a runtime for `interpreter` is fetched by."""
    return {"awslambdaric": client_version(interpreter.release), "boto3": "newest at install", "from": "wheels"}


def client_version(release: str) -> str:
    return CLIENT_VERSION_PYTHON39 if release == "3.9" else CLIENT_VERSION


def fetch_packages(interpreter: PythonInterpreter, directory: Path, progress: Callable[[str], None]) -> None:
    """Fetch the wheels for `interpreter` into `directory`. Raises RuntimeInstallError."""
    progress(f"Fetching AWS's runtime client and SDK for Python {interpreter.release}")
    requirements = [f"awslambdaric=={client_version(interpreter.release)}", "boto3"]
    install_wheels([sys.executable, str(interpreter.executable)], interpreter.release, requirements, directory)
    shutil.rmtree(directory / "bin", ignore_errors=True)


def finish(interpreter: PythonInterpreter, directory: Path) -> None:
    """Add our bootstrap and the bytecode. Raises RuntimeInstallError."""
    shutil.copyfile(BOOTSTRAP, directory / "bootstrap.py")
    # /var/runtime is read-only in a sandbox, so Python could not store bytecode later. Unchecked, because a finished
    # build never changes: it saves a stat of every source at import.
    ended = subprocess.run(
        [interpreter.executable, "-I", "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash", directory],
        capture_output=True,
        text=True,
    )
    if ended.returncode != 0:
        raise RuntimeInstallError(f"compiling the runtime's packages failed:\n{(ended.stdout + ended.stderr)[-2000:]}")


def versions_in(directory: Path) -> Mapping[str, str]:
    """The distributions that a filled directory holds, with their versions."""
    return {found.name: found.version for found in metadata.distributions(path=[str(directory)])}
