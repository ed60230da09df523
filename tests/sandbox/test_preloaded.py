"""Launchers with modules that were imported ahead: begun beside sandboxes, done without where they cannot be had."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stoker.config import Settings, default_runtimes_dir
from stoker.limits import Limits
from stoker.runtimes.records import Preload, RuntimeBuild
from stoker.sandbox.ahead import AheadLimits
from stoker.sandbox.host import examine
from stoker.sandbox.launcher_process import LauncherProcess
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.recipe import BASE_ENVIRONMENT
from stoker.sandbox.sandbox import ProcessSpec, SandboxSpec
from tests.catalogues import catalogue_of
from tests.conftest import PYTHON
from tests.sandbox.conftest import Exits, printed

LIMIT_S = 30.0
HANDLER = "import sys\nprint('found', 'heavy' in sys.modules)\ndef handler(event, context): pass\n"
MODULES = {"heavy.py": "", "broken.py": "raise RuntimeError('not in here')\n"}


@pytest.fixture
def free_mb() -> list[int]:
    """What the host has, to be changed."""
    return [10_000]


@pytest.fixture
async def maker(tmp_path: Path, free_mb: list[int]) -> AsyncIterator[NamespaceSandboxes]:
    if (report := examine()).isolation != "namespaces":
        pytest.skip(f"needs isolation by namespaces: {report.reason}")
    data = tmp_path / "data"
    ahead = AheadLimits(0, lambda memory_mb: memory_mb <= free_mb[0])
    async with NamespaceSandboxes(data, data / "code", limits=Limits(), ahead=ahead) as maker:
        yield maker


@pytest.fixture(scope="module")
def python() -> RuntimeBuild:
    return catalogue_of(Settings(data=Path("/nonexistent"), runtimes_dir=default_runtimes_dir())).find(PYTHON)


@pytest.fixture
def spec(tmp_path: Path, python: RuntimeBuild) -> SandboxSpec:
    """A function that has `heavy`, which is to be preloaded for it."""
    task, tree = tmp_path / "data" / "code" / "task", tmp_path / "tree"
    for directory in (task, tree):
        directory.mkdir(parents=True)
        for name, text in MODULES.items():
            (directory / name).write_text(text)
    (tree / "lib").mkdir()
    (task / "index.py").write_text(HANDLER)
    preload = Preload("heavy 1.0", ("heavy",), tree, "/var/task", cores=1)
    return SandboxSpec("e1", replace(python, preload=preload), task, None, memory_mb=256, tmp_mb=64)


async def found(maker: NamespaceSandboxes, spec: SandboxSpec) -> str:
    """What a function of `spec` printed."""
    environment = {**BASE_ENVIRONMENT, **spec.build.environment, "AWS_LAMBDA_RUNTIME_API": "169.254.100.1:9001"}
    environment |= {"_HANDLER": "index.handler", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256"}
    process = ProcessSpec("runtime", spec.build.command, environment, "/var/task", "index.handler", fork=True)
    sandbox = await maker.make(spec, process, Exits())
    try:
        return (await printed(sandbox.output, "\n")).strip()
    finally:
        sandbox.kill()
        await sandbox.wait_closed()
        sandbox.close_output()


def launchers(monkeypatch: pytest.MonkeyPatch) -> list[LauncherProcess]:
    """All that are started from now on."""
    started: list[LauncherProcess] = []
    start = LauncherProcess.start

    async def noted(order: dict[str, object], on_ended: Callable[[LauncherProcess], None]) -> LauncherProcess:
        started.append(await start(order, on_ended))
        return started[-1]

    monkeypatch.setattr(LauncherProcess, "start", noted)
    return started


async def test_a_sandbox_does_not_wait_for_what_is_preloaded(maker: NamespaceSandboxes, spec: SandboxSpec) -> None:
    await maker.prepare(replace(spec.build, preload=None), fork=True)
    assert await found(maker, spec) == "found False"
    async with asyncio.timeout(LIMIT_S):
        while await found(maker, spec) != "found True":
            await asyncio.sleep(0.05)
    assert await found(maker, replace(spec, build=replace(spec.build, preload=None))) == "found False"


async def test_what_cannot_be_imported_in_a_zygote_is_told_once(
    maker: NamespaceSandboxes, spec: SandboxSpec, caplog: pytest.LogCaptureFixture
) -> None:
    assert spec.build.preload is not None
    broken = replace(spec.build, preload=replace(spec.build.preload, modules=("heavy", "broken")))
    for _ in range(2):
        await maker.prepare(broken, fork=True)
        assert await found(maker, replace(spec, build=broken)) == "found False"
    assert caplog.text.count("preloading broken: RuntimeError: not in here") == 1


async def test_a_launcher_with_modules_ends_when_memory_is_needed_and_comes_again(
    maker: NamespaceSandboxes, spec: SandboxSpec, free_mb: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = launchers(monkeypatch)
    await maker.prepare(spec.build, fork=True)
    assert await found(maker, spec) == "found True"
    [launcher] = started
    free_mb[0] = 0
    maker.give_way()
    async with asyncio.timeout(LIMIT_S):
        while launcher.is_alive:
            await asyncio.sleep(0.02)
    assert await found(maker, spec) == "found False"
    free_mb[0] = 10_000
    await maker.prepare(spec.build, fork=True)
    assert await found(maker, spec) == "found True"
