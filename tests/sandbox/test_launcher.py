"""A launcher that cannot do what it is asked to says which step failed, and why."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stoker.limits import Limits
from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.host import examine
from stoker.sandbox.launcher_process import LauncherProcess
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.recipe import root_recipe
from stoker.sandbox.sandbox import RUNTIME, Exit, SandboxError, SandboxSpec

from .conftest import Exits, printed, shell


@pytest.fixture(autouse=True, scope="module")
def namespaces() -> None:
    if (report := examine()).isolation != "namespaces":
        pytest.skip(f"needs isolation by namespaces: {report.reason}")


@pytest.fixture
async def maker(tmp_path: Path, spec: SandboxSpec) -> AsyncIterator[NamespaceSandboxes]:
    async with NamespaceSandboxes(tmp_path / "data", tmp_path / "data" / "code", limits=Limits()) as maker:
        yield maker


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (["bind", "/no/such/directory", "/x"], r"\[Errno 2\] mount .*/x: No such file or directory"),
        (["device", "/dev/no-such-device"], r"\[Errno 2\] mount .*/dev/no-such-device: No such file or directory"),
        (["hide", "/no/such/directory"], r"\[Errno 2\] mount .*/no/such/directory: No such file or directory"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
async def test_a_root_that_cannot_be_built_names_the_step(
    tmp_path: Path, provided: RuntimeBuild, step: list[str], said: str
) -> None:
    (tmp_path / "root").mkdir()
    recipe: dict[str, Any] = root_recipe(provided, tmp_path / "root", tmp_path)
    recipe["steps"].append(step)
    order = {"root": recipe, "is_privileged": os.geteuid() == 0, "zygote": None}
    with pytest.raises(SandboxError, match=rf"making a sandbox failed at: {said}"):
        await LauncherProcess.start(order, lambda _: None)


async def test_a_package_that_is_not_there_names_the_step(maker: NamespaceSandboxes, spec: SandboxSpec) -> None:
    gone = replace(spec, task=spec.task / "gone")
    with pytest.raises(SandboxError, match=r"6\. the function's directories: \[Errno 2\] mount /var/task: No"):
        await maker.make(gone, shell("true"), Exits())
    # It harms nobody else.
    exits = Exits()
    await maker.make(spec, shell("exit 3"), exits)
    assert await exits.wait() == Exit(RUNTIME, 3, None)


async def test_a_program_that_cannot_be_started_ends_as_a_shell_would_have_it(
    maker: NamespaceSandboxes, spec: SandboxSpec
) -> None:
    (spec.task / "file").write_text("not executable")
    for path, status in (("/no/such/program", 127), ("/var/task/file", 126)):
        exits = Exits()
        process = replace(shell(""), argv=(path,))
        await maker.make(replace(spec, name=f"e{status}"), process, exits)
        assert await exits.wait() == Exit(RUNTIME, status, None)


async def test_a_launcher_that_was_killed_is_replaced(maker: NamespaceSandboxes, spec: SandboxSpec) -> None:
    exits = Exits()
    sandbox = await maker.make(spec, shell("echo started; sleep 100"), exits)
    await printed(sandbox.output, "started")
    assert sandbox.launcher is not None
    os.kill(sandbox.launcher.pid, 9)
    async with asyncio.timeout(10):
        await sandbox.wait_closed()
    again = Exits()
    await maker.make(replace(spec, name="e2"), shell("exit 4"), again)
    assert await again.wait() == Exit(RUNTIME, 4, None)


async def test_many_sandboxes_can_be_made_at_once(maker: NamespaceSandboxes, spec: SandboxSpec) -> None:
    exits = [Exits() for _ in range(40)]
    specs = [replace(spec, name=f"many{number}") for number in range(40)]
    await asyncio.gather(
        *(
            maker.make(one, shell(f"exit {number}"), told)
            for number, (one, told) in enumerate(zip(specs, exits, strict=True))
        )
    )
    assert [(await told.wait()).code for told in exits] == list(range(40))
