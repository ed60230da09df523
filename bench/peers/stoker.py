"""This project, started as every peer is: by its command, with the settings it comes with."""

import sys

from bench.peers.server import Server, clean_environment
from bench.processes import Started


class Stoker(Server):
    has_lambda_api = True

    def start(self) -> Started:
        arguments = [
            sys.executable,
            "-m",
            "stoker",
            "up",
            "--data",
            str(self.folder / "data"),
            "--port",
            str(self.port),
        ]
        return Started(arguments, self.folder, clean_environment(self.folder), self.folder / "log")
