"""Fetches peers through the ordinary clients of PyPI and npm into a cache directory, never into the project."""

import asyncio
import os
import platform
import shutil
import signal
import sys
import zipfile
from pathlib import Path

SAM_CLI_VERSION = "1.170.0"
SERVERLESS_VERSION = "3.40.0"
SERVERLESS_OFFLINE_VERSION = "13.9.0"
MINISTACK_VERSION = "1.5.33"
MINISTACK_BOTO3_VERSION = "1.43.106"

FETCH_LIMIT_S = 600.0
_COMPLETE = "complete"
# As the wheel of SAM names its two builds of the emulator.
_RIE_OF_MACHINE = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}


class PeerAbsentError(Exception):
    """It cannot be had; the text is the reason, for people."""


def cache_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "stoker" / "peers"


class Fetch:
    """Gives the folder of a peer; what is not in the cache is fetched if `may_fetch`."""

    def __init__(self, may_fetch: bool) -> None:
        self._may_fetch = may_fetch

    async def rie(self) -> Path:
        """The program of AWS's runtime interface emulator, out of the wheel of `aws-sam-cli`."""
        name = _RIE_OF_MACHINE.get(platform.machine())
        if name is None:
            raise PeerAbsentError(f"it is not built for {platform.machine()}")
        folder, is_there = self._look(f"rie-{SAM_CLI_VERSION}")
        if not is_there:
            await _run(folder, *_PIP, "download", "--no-deps", "--dest", ".", f"aws-sam-cli=={SAM_CLI_VERSION}")
            for wheel in folder.glob("*.whl"):
                with zipfile.ZipFile(wheel) as archive:
                    (folder / "rie").write_bytes(archive.read(f"samcli/local/rapid/{name}"))
                wheel.unlink()
            (folder / "rie").chmod(0o755)
            (folder / _COMPLETE).touch()
        return folder / "rie"

    async def serverless_offline(self) -> Path:
        """A folder with `node_modules`."""
        for program in ("node", "npm"):
            if shutil.which(program) is None:
                raise PeerAbsentError(f"it needs {program}, which is not on PATH")
        folder, is_there = self._look(f"serverless-offline-{SERVERLESS_OFFLINE_VERSION}")
        if not is_there:
            (folder / "package.json").write_text('{"name": "peer", "private": true}')
            wanted = (f"serverless@{SERVERLESS_VERSION}", f"serverless-offline@{SERVERLESS_OFFLINE_VERSION}")
            await _run(folder, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", *wanted)
            (folder / _COMPLETE).touch()
        return folder

    async def ministack(self) -> Path:
        """The `bin` of a virtual environment."""
        folder, is_there = self._look(f"ministack-{MINISTACK_VERSION}")
        if not is_there:
            await _run(folder, sys.executable, "-m", "venv", "venv")
            # Functions run in this environment, and expect boto3 as on AWS.
            wanted = (f"ministack=={MINISTACK_VERSION}", f"boto3=={MINISTACK_BOTO3_VERSION}")
            await _run(folder, "venv/bin/python", *_PIP[1:], "install", *wanted)
            (folder / _COMPLETE).touch()
        return folder / "venv" / "bin"

    def _look(self, name: str) -> tuple[Path, bool]:
        """A folder that is complete, or a new one to be filled."""
        folder = cache_folder() / name
        if (folder / _COMPLETE).exists():
            return folder, True
        if not self._may_fetch:
            raise PeerAbsentError(f"it is not in {cache_folder()}, and nothing was to be fetched")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder, False


_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


async def _run(folder: Path, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(FETCH_LIMIT_S):
            _, errors = await process.communicate()
    except TimeoutError:
        raise PeerAbsentError(f"it could not be fetched within {FETCH_LIMIT_S:.0f} s") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # its own session, so its own group
            await process.wait()
    if process.returncode != 0:
        lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
        raise PeerAbsentError(f"it could not be fetched: {lines[-1][:200] if lines else 'no reason was given'}")
