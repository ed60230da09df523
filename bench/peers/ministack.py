"""MiniStack without Docker: its `local` executor, which runs functions as plain processes."""

import os
import sys
from pathlib import Path

from bench.peers.server import Server, clean_environment
from bench.processes import Started


class MiniStack(Server):
    has_lambda_api = True

    def __init__(self, folder: Path, programs: Path) -> None:
        super().__init__(folder)
        self._programs = programs

    def start(self) -> Started:
        # Its own command listens on every address; the web server that it brings along can be told where.
        arguments = [str(self._programs / "hypercorn"), "ministack.app:app", "--bind", f"127.0.0.1:{self.port}"]
        environment = clean_environment(self.folder, LAMBDA_EXECUTOR="local", GATEWAY_PORT=str(self.port))
        # Functions find boto3 where every other server here has it.
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
        return Started(arguments, self.folder, environment, self.folder / "log")
