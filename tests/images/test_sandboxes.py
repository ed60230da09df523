"""Sandboxes whose root is an image's."""

import asyncio
import io
import os
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from stoker.config import Settings, default_runtimes_dir
from stoker.images.layers import unpack_layer
from stoker.images.roots import build_root
from stoker.images.source import Stop
from stoker.limits import Limits
from stoker.sandbox.host import examine
from stoker.sandbox.namespace_sandbox import NamespaceSandbox
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.sandbox import HostDirectory, ProcessSpec, SandboxSpec
from tests.catalogues import catalogue_of
from tests.images.building import Layer
from tests.sandbox.conftest import Exits, printed

LIMIT_S = 20.0


@pytest.fixture
def spec(tmp_path: Path, bash: Layer) -> SandboxSpec:
    if (report := examine()).isolation != "namespaces":
        pytest.skip(f"needs isolation by namespaces: {report.reason}")
    archive = io.BytesIO(zlib.decompress(bash.blob, wbits=31))
    unpack_layer(archive, bash.diff_id.removeprefix("sha256:"), tmp_path / "layer", 1 << 30, Stop(), is_gzip=False)
    build_root(tmp_path / "root", [tmp_path / "layer"])
    provided = catalogue_of(Settings(data=tmp_path, runtimes_dir=default_runtimes_dir())).find("provided.al2023")
    build = replace(provided, name="image-tests", language="image", root=tmp_path / "root")
    return SandboxSpec("e1", build, None, None, memory_mb=128, tmp_mb=64)


@pytest.fixture
async def maker(tmp_path: Path) -> AsyncIterator[NamespaceSandboxes]:
    (tmp_path / "data" / "code").mkdir(parents=True)
    async with NamespaceSandboxes(tmp_path / "data", tmp_path / "data" / "code", limits=Limits()) as maker:
        yield maker


def bash_script(script: str) -> ProcessSpec:
    return ProcessSpec("runtime", ("/bin/bash", "-c", script), {"PATH": "/bin"}, "/", "", fork=False)


async def closed(sandbox: NamespaceSandbox) -> None:
    sandbox.kill()
    await sandbox.wait_closed()
    sandbox.close_output()


async def test_a_program_that_is_not_there_is_no_reason_to_have_no_sandbox(
    maker: NamespaceSandboxes, spec: SandboxSpec
) -> None:
    exits = Exits()
    sandbox = await maker.make(spec, replace(bash_script(""), argv=()), exits)
    assert (await exits.wait()).code == 0
    await closed(sandbox)


async def test_an_images_launcher_ends_some_time_after_its_last_sandbox_and_starts_again(
    maker: NamespaceSandboxes, spec: SandboxSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoker.sandbox.passing_launchers.IMAGE_IDLE_S", 0.3)
    sandbox = await maker.make(spec, bash_script("read -r < /dev/zero"), Exits())
    launcher = sandbox.launcher
    assert launcher is not None
    await asyncio.sleep(0.6)  # longer than the time to be idle: it is not
    assert launcher.is_alive
    await closed(sandbox)
    async with asyncio.timeout(LIMIT_S):
        while launcher.is_alive:
            await asyncio.sleep(0.02)
    exits = Exits()
    again = await maker.make(spec, bash_script("exit 3"), exits)
    assert (await exits.wait()).code == 3
    await closed(again)


async def test_an_image_can_have_a_directory_of_the_host(tmp_path: Path, spec: SandboxSpec) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    if os.geteuid() == 0:
        os.chown(shared, 54321, 54321)
    with_shared = replace(spec, directories=(HostDirectory(shared, "/mnt/shared"),))
    data = tmp_path / "data"
    async with NamespaceSandboxes(data, data / "code", limits=Limits(), directories=[shared]) as maker:
        script = "cd /mnt/shared; echo of the image > file; echo /mnt/* /run/stoker/file_systems/*"
        sandbox = await maker.make(with_shared, bash_script(script), Exits())
        assert (await printed(sandbox.output, "\n")).startswith("/mnt/shared /run/stoker/file_systems/*")
        await closed(sandbox)
    assert (shared / "file").read_text() == "of the image\n"
    assert (shared / "file").stat().st_uid == shared.stat().st_uid


async def test_an_image_sees_the_functions_memory_and_cores(maker: NamespaceSandboxes, spec: SandboxSpec) -> None:
    script = 'read -r _ total _ < /proc/meminfo; echo "$total $(< /sys/devices/system/cpu/online)"; read -r < /dev/zero'
    sandbox = await maker.make(replace(spec, memory_mb=256), bash_script(script), Exits())
    cores = min(2, len(os.sched_getaffinity(0)))
    total_kb, online = (await printed(sandbox.output, "\n")).split()
    first, _, last = online.partition("-")
    assert (int(total_kb), int(last or first) - int(first) + 1) == (256 * 1024, cores)
    await closed(sandbox)
