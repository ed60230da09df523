"""Builds and packages to make sandboxes with, and what a sandbox told while it lived."""

import asyncio
import os
from pathlib import Path

import pytest

from stoker.config import Settings, default_runtimes_dir
from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.sandbox import RUNTIME, Exit, ProcessSpec, SandboxSpec
from tests.catalogues import catalogue_of

LIMIT_S = 10.0


@pytest.fixture(scope="session")
def provided() -> RuntimeBuild:
    settings = Settings(data=Path("/nonexistent"), runtimes_dir=default_runtimes_dir())
    return catalogue_of(settings).find("provided.al2023")


@pytest.fixture
def spec(tmp_path: Path, provided: RuntimeBuild) -> SandboxSpec:
    """A sandbox whose package lies in `data/code/task`."""
    task = tmp_path / "data" / "code" / "task"
    task.mkdir(parents=True)
    return SandboxSpec("e1", provided, task, None, memory_mb=128, tmp_mb=64)


def shell(script: str, name: str = RUNTIME, **environment: str) -> ProcessSpec:
    """A process that runs a shell script."""
    variables = {"PATH": "/usr/bin:/bin", **environment}
    return ProcessSpec(name, ("/bin/sh", "-c", script), variables, "/", "", fork=False)


class Exits:
    """The exits that a sandbox reports, to be waited for."""

    def __init__(self) -> None:
        self._exits: asyncio.Queue[Exit] = asyncio.Queue()

    def __call__(self, end: Exit) -> None:
        self._exits.put_nowait(end)

    async def wait(self) -> Exit:
        async with asyncio.timeout(LIMIT_S):
            return await self._exits.get()

    @property
    def count(self) -> int:
        return self._exits.qsize()


async def printed(output: int, until: str) -> str:
    """What was printed, up to and with `until`."""
    text = ""
    async with asyncio.timeout(LIMIT_S):
        while until not in text:
            try:
                text += os.read(output, 65536).decode()
            except BlockingIOError:
                await asyncio.sleep(0.005)
    return text
