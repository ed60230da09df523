"""Builds and packages to make sandboxes with, and what a sandbox told while it lived."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stoker.config import Settings, default_runtimes_dir
from stoker.limits import Limits
from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.gvisor import GvisorSandboxes, find_runsc
from stoker.sandbox.host import examine
from stoker.sandbox.isolations import MakerContext, provided_maker
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.plain import PlainSandboxes
from stoker.sandbox.sandbox import RUNTIME, Exit, ProcessSpec, SandboxMaker, SandboxSpec
from tests.catalogues import catalogue_of

LIMIT_S = 10.0
SANDBOXED = ["namespaces", pytest.param("gvisor", marks=pytest.mark.gvisor)]
ISOLATIONS = [*SANDBOXED, "plain"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`kind` is each of the module's ISOLATIONS, or the one that the option names (docs/isolation.md)."""
    if "kind" in metafunc.fixturenames:
        asked = metafunc.config.getoption("--isolation")
        metafunc.parametrize("kind", metafunc.module.ISOLATIONS if asked == "auto" else [asked])


@pytest.fixture
async def maker(kind: str, tmp_path: Path) -> AsyncIterator[SandboxMaker]:
    async with maker_of(kind, tmp_path / "data") as maker:
        yield maker


def maker_of(isolation: str, data: Path) -> SandboxMaker:
    """A maker of this kind, not yet entered. Skips the test where the host has it not, and says what is missing."""
    if isolation == "plain":
        return PlainSandboxes(data)
    if isolation == "microvm":
        return provided_maker(isolation, MakerContext(data, data / "code", Limits(), None, ()))
    runsc = os.environ.get("STOKER_RUNSC", "")
    report = examine(runsc)
    if report.isolation != "namespaces":
        pytest.skip(f"needs isolation by namespaces: {report.reason}")
    if isolation == "namespaces":
        return NamespaceSandboxes(data, data / "code", limits=Limits())
    program = find_runsc(runsc)
    if report.gvisor_lack or program is None:
        pytest.skip(f"needs isolation by gVisor: {report.gvisor_lack}")
    return GvisorSandboxes(program, data, data / "code", limits=Limits())


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
