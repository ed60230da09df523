"""serverless-offline: functions as plain processes that are declared before the start, and a route to invoke them."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.node import RUNTIME
from bench.peers.server import Server, clean_environment, free_port
from bench.plan import HANDLER, MEMORY_MB
from bench.processes import Started


class ServerlessOffline(Server):
    def __init__(self, folder: Path, installed: Path, functions: Mapping[str, Path]) -> None:
        super().__init__(folder)
        (folder / "node_modules").symlink_to(installed / "node_modules")
        declared = {}
        for name, code in functions.items():
            shutil.copytree(code, folder / code.name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            declared[name] = {"handler": f"{code.name}/{HANDLER}", "name": name}
        service = {
            "service": "bench",
            "frameworkVersion": "3",
            "plugins": ["serverless-offline"],
            "provider": {
                "name": "aws",
                "runtime": RUNTIME,
                "stage": "dev",
                "region": "us-east-1",
                "memorySize": MEMORY_MB,
                "timeout": 30,
            },
            "functions": declared,
        }
        (folder / "serverless.json").write_text(json.dumps(service))

    def start(self) -> Started:
        arguments = [
            "node",
            "node_modules/serverless/bin/serverless.js",
            "offline",
            "--host",
            "127.0.0.1",
            "--lambdaPort",
            str(self.port),
            "--httpPort",
            str(free_port()),
            "--websocketPort",
            str(free_port()),
        ]
        environment = clean_environment(self.folder, SLS_TELEMETRY_DISABLED="1", SLS_NOTIFICATIONS_MODE="off")
        # It runs functions with the Python that it finds there: the one that every other server here uses too.
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
        return Started(arguments, self.folder, environment, self.folder / "log")
