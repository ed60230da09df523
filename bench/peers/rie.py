"""AWS's runtime interface emulator with AWS's client for Python: one function, one environment, no Lambda API."""

import sys
from pathlib import Path

from bench.peers.server import Server, clean_environment, free_port
from bench.plan import HANDLER, MEMORY_MB
from bench.processes import Started


class Rie(Server):
    """It initialises the function at its first call, as its users see it."""

    only_function = "function"

    def __init__(self, folder: Path, program: Path, function: Path) -> None:
        super().__init__(folder)
        self._program = program
        self._function = function

    def start(self) -> Started:
        arguments = [
            str(self._program),
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{self.port}",
            "--runtime-api-address",
            f"127.0.0.1:{free_port()}",
            sys.executable,
            "-m",
            "awslambdaric",
            HANDLER,
        ]
        environment = clean_environment(
            self.folder,
            AWS_LAMBDA_FUNCTION_NAME="function",
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(MEMORY_MB),
            LAMBDA_TASK_ROOT=str(self._function),
            PYTHONDONTWRITEBYTECODE="1",
        )
        return Started(arguments, self._function, environment, self.folder / "log")
