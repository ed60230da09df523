"""Builds AWS's runtime client for Node.js, once for all releases: its native part uses Node-API, whose ABI is stable.

The package compiles curl and AWS's C++ client when it is installed, hence the build tools.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.builds import build_path, is_built, make_build, read_stamp
from stoker.runtimes.nodejs.interpreter import NodeInterpreter
from stoker.runtimes.records import RuntimeInstallError

PACKAGE = "aws-lambda-ric"
VERSION = "4.0.2"

BUILD_TIMEOUT_S = 1200.0

# Headers of an older Node.js ask for C++14, which node-addon-api, a dependency of the client's addon, has outgrown.
CXX17_SINCE = 18

# Command and the Debian package that has it.
_TOOLS = {"cmake": "cmake", "make": "make", "c++": "g++", "tar": "tar", "xz": "xz-utils"}


@dataclass(frozen=True, slots=True)
class NodeClient:
    """The built client: `runtime_dir` becomes /var/runtime of every Node.js runtime."""

    runtime_dir: Path
    version: str


def find_client(runtimes_dir: Path) -> NodeClient | None:
    path = _path(runtimes_dir)
    return NodeClient(path / "runtime", read_stamp(path)["version"]) if is_built(path) else None


def build_client(runtimes_dir: Path, node: NodeInterpreter, progress: Callable[[str], None]) -> NodeClient:
    """Fetch and compile the client unless that was done before. Raises RuntimeInstallError."""

    def fill(directory: Path) -> Mapping[str, str]:
        with tempfile.TemporaryDirectory(prefix="stoker-nodejs-") as scratch:
            _NpmProject(Path(scratch), node, progress).make()
            _keep_what_runs(Path(scratch, "node_modules"), directory / "runtime")
        return {"version": VERSION}

    if find_client(runtimes_dir) is None:
        _check_tools()
        make_build(_path(runtimes_dir), fill)
    client = find_client(runtimes_dir)
    assert client is not None
    return client


def _path(runtimes_dir: Path) -> Path:
    return build_path(runtimes_dir / "nodejs-client", {"package": PACKAGE, "version": VERSION})


def _check_tools() -> None:
    missing = [package for command, package in _TOOLS.items() if shutil.which(command) is None]
    if missing:
        raise RuntimeInstallError(
            f"AWS's runtime client for Node.js is compiled on this machine, which needs tools that are missing. "
            f"Type: sudo apt-get install -y {' '.join(missing)}"
        )


def _keep_what_runs(modules: Path, runtime_dir: Path) -> None:
    """As on AWS: index.mjs in /var/runtime itself with its addon, and its one dependency at run time."""
    package = modules / PACKAGE
    (runtime_dir / "node_modules").mkdir(parents=True)
    for name in ("index.mjs", "rapid-client.node", "LICENSE", "NOTICE", "THIRD-PARTY-LICENSES"):
        shutil.copy(package / name, runtime_dir / name)
    shutil.copytree(modules / "@aws", runtime_dir / "node_modules" / "@aws")


@dataclass(frozen=True, slots=True)
class _NpmProject:
    """An empty npm project in `directory`, thrown away after the build."""

    directory: Path
    node: NodeInterpreter
    progress: Callable[[str], None]

    def make(self) -> None:
        (self.directory / "package.json").write_text('{"private": true}')
        self.progress(f"Fetching AWS's runtime client for Node.js ({PACKAGE} {VERSION})")
        fetch = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", f"{PACKAGE}@{VERSION}"]
        self._npm(fetch, self.directory)
        # Its scripts are run by name, since newer versions of npm leave install scripts out unless approved.
        package = self.directory / "node_modules" / PACKAGE
        self.progress("Compiling curl and AWS's C++ client (about a minute)")
        self._npm(["run", "preinstall"], package)
        self.progress("Compiling the native addon")
        self._npm(["run", "postinstall"], package)

    def _npm(self, arguments: list[str], cwd: Path) -> None:
        try:
            ended = subprocess.run(
                [*self._command(), *arguments],
                cwd=cwd,
                env=self._environment(),
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=BUILD_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise RuntimeInstallError(f"npm {arguments[0]} did not finish in {BUILD_TIMEOUT_S:.0f} seconds") from None
        if ended.returncode != 0:
            raise RuntimeInstallError(f"npm {' '.join(arguments[:2])} failed:\n{(ended.stdout + ended.stderr)[-3000:]}")

    def _command(self) -> list[str]:
        if npm := shutil.which("npm"):
            return [npm]
        if not self._bundled_npm().is_file():
            raise RuntimeInstallError("npm is needed once. Type: sudo apt-get install -y npm")
        self._put_npm_on_path()
        return [str(self.node.executable), str(self._bundled_npm())]

    def _bundled_npm(self) -> Path:
        return self.node.executable.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    def _put_npm_on_path(self) -> None:
        """The package's scripts call npm and node by name, and wheels cannot carry such links."""
        folder = self.directory / "path"
        folder.mkdir(exist_ok=True)
        script = folder / "npm"
        script.write_text(f'#!/bin/sh\nexec "{self.node.executable}" "{self._bundled_npm()}" "$@"\n')
        script.chmod(0o755)
        (folder / "node").unlink(missing_ok=True)
        (folder / "node").symlink_to(self.node.executable)

    def _environment(self) -> dict[str, str]:
        # node-gyp wants a Python of its own; ours is there for sure.
        environment = dict(os.environ) | {"npm_config_python": sys.executable, "npm_config_update_notifier": "false"}
        environment["PATH"] = f"{self.directory / 'path'}:{environment.get('PATH', os.defpath)}"
        if (headers := self.node.headers_prefix) is not None:
            environment["npm_config_nodedir"] = str(headers)
        if int(self.node.version.split(".")[0]) < CXX17_SINCE:
            environment["CXXFLAGS"] = f"{environment.get('CXXFLAGS', '')} -std=gnu++17"
        return environment
