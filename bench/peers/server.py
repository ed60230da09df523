"""What the comparison needs of a server, whoever wrote it."""

import asyncio
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

from bench.node import create_function, wait_active
from bench.processes import Started, family_memory_mb

START_LIMIT_S = 60.0
LOOK_EVERY_S = 0.02


class ServerError(Exception):
    """It did not start, or refused a function; the text says why."""


class Server(ABC):
    """One start of one server on the loopback address, from its start to its end."""

    # It runs one function, whose name in the path is this one.
    only_function = ""
    has_lambda_api = False

    def __init__(self, folder: Path) -> None:
        """`folder` is empty and thrown away afterwards."""
        self.folder = folder
        self.port = free_port()
        self._started: Started | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "Server":
        try:
            self._started = self.start()
            await self._wait_open()
        except BaseException:
            await self.end()
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.end()

    async def end(self) -> None:
        if self._started is not None:
            await self._started.end()

    @abstractmethod
    def start(self) -> Started:
        """Start it, without waiting."""

    async def deploy(self, functions: Mapping[str, Path]) -> None:
        """Functions by name, with the folder of each; they can be called when this returns. A server without the
        Lambda API was given them before the start."""
        if self.has_lambda_api:
            await asyncio.to_thread(_deploy_with_boto3, self.endpoint, functions)

    def is_running(self) -> bool:
        return self._started is not None and self._started.is_running()

    def memory_mb(self) -> float:
        """Of the server and all it has started."""
        assert self._started is not None
        return family_memory_mb(self._started.pid)

    async def _wait_open(self) -> None:
        assert self._started is not None
        deadline_s = time.monotonic() + START_LIMIT_S
        while not _is_open(self.port):
            if not self._started.is_running() or time.monotonic() > deadline_s:
                raise ServerError(f"it did not start: {self._started.last_words()}")
            await asyncio.sleep(LOOK_EVERY_S)


def _deploy_with_boto3(endpoint: str, functions: Mapping[str, Path]) -> None:
    client: Any = boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key="bench",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    for name, folder in functions.items():
        create_function(client, name, folder)
    for name in functions:
        wait_active(client, name)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the caller's AWS or Stoker, and a home of its own, where temporary files are put, too."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYENV_VERSION") if name in os.environ}
    return {**kept, "HOME": str(home), "TMPDIR": str(home), **more}


def _is_open(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0
