"""A function sees its own cores and memory, and nothing that it does with them gives it more time."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stoker.limits import Limits, visible_processors
from stoker.sandbox.host import examine
from stoker.sandbox.launcher.resources import Host
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.plain import PlainSandboxes
from stoker.sandbox.processors import Processors
from stoker.sandbox.sandbox import SandboxMaker, SandboxSpec

from .conftest import Exits, printed, shell

TEXTS = {
    "cpuinfo": "".join(f"processor\t: {core}\ncpu MHz\t: 2000\n\n" for core in range(4)),
    "stat": "cpu  100 200 300\ncpu0 10 20 30\ncpu1 20 30 40\ncpu2 30 40 50\ncpu10 1 1 1\nintr 7 0\nctxt 9\n",
    "cgroup": "4:memory:/user\n0::/user\n",
    "possible": "0-3\n",
}
TWO_BUSY = (
    "import os, time; os.sched_setaffinity(0, range(os.cpu_count() + 64)); "
    "end = time.monotonic() + 1; child = os.fork()\n"
    "while time.monotonic() < end: pass\n"
    "print(f'used {time.process_time():.3f} on {len(os.sched_getaffinity(0))}', flush=True)\n"
    "child and (os.wait(), print('end', flush=True))"
)


@pytest.fixture
async def sandboxes(tmp_path: Path) -> AsyncIterator[NamespaceSandboxes]:
    needs_namespaces()
    async with NamespaceSandboxes(tmp_path / "data", tmp_path / "data" / "code", limits=Limits()) as maker:
        yield maker


@pytest.fixture
def one_core() -> Iterator[int]:
    """A node's maker that is made meanwhile may use this core only; everything that starts later may use all."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("needs two cores")
    os.sched_setaffinity(0, {max(before)})
    yield max(before)
    os.sched_setaffinity(0, before)


@pytest.fixture
async def on_one_core(tmp_path: Path, one_core: int) -> AsyncIterator[NamespaceSandboxes]:
    needs_namespaces()
    maker = NamespaceSandboxes(tmp_path / "data", tmp_path / "data" / "code", limits=Limits())
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    async with maker:
        yield maker


def needs_namespaces() -> None:
    if (report := examine()).isolation != "namespaces":
        pytest.skip(f"needs isolation by namespaces: {report.reason}")


async def told(maker: SandboxMaker, spec: SandboxSpec, script: str) -> list[str]:
    """The lines that a shell script prints in a sandbox."""
    sandbox = await maker.make(spec, shell(f"({script}) 2>&1; echo that was all"), Exits())
    text = await printed(sandbox.output, "that was all\n")
    return text.removesuffix("that was all\n").splitlines()


@pytest.mark.parametrize(
    ("memory_mb", "cores"),
    [
        *((128, 2), (1_769, 2), (3_008, 2), (3_009, 3), (5_307, 3), (5_308, 4)),
        *((7_076, 4), (7_077, 5), (8_845, 5), (8_846, 6), (10_240, 6), (32_768, 6)),
    ],
)
def test_cores_go_with_memory_as_on_aws(memory_mb: int, cores: int) -> None:
    assert visible_processors(memory_mb) == cores
    assert len(Processors(range(64)).take(memory_mb).cores) == cores


def test_no_more_cores_are_shown_than_there_are() -> None:
    assert Processors([7]).take(10_240).cores == (7,)
    assert Processors([4, 9, 6]).take(10_240).cores == (4, 6, 9)


def test_sandboxes_spread_evenly_over_the_cores() -> None:
    processors = Processors(range(8))
    shares = [processors.take(128) for _ in range(12)]
    assert [sum(core in share.cores for share in shares) for core in range(8)] == [3] * 8


def test_a_large_sandbox_weighs_as_much_as_many_small_ones_until_it_is_gone() -> None:
    processors = Processors(range(4))
    large = processors.take(3_008)
    small = [processors.take(128) for _ in range(8)]
    assert not [share for share in small if set(share.cores) & set(large.cores)]
    for share in (large, *small):
        processors.give_back(share)
    assert processors.take(128).cores == large.cores


def test_the_hosts_files_are_cut_down_to_the_sandboxes_cores() -> None:
    host = Host(TEXTS)
    assert host.cpuinfo([1, 2]) == "processor\t: 1\ncpu MHz\t: 2000\n\nprocessor\t: 2\ncpu MHz\t: 2000\n\n"
    assert host.stat([1, 2]) == "cpu  50 70 90\ncpu1 20 30 40\ncpu2 30 40 50\nintr 7 0\nctxt 9\n"


def test_the_version_of_control_groups_is_known_by_what_the_kernel_names() -> None:
    assert Host(TEXTS).is_memory_v1
    assert not Host(TEXTS | {"cgroup": "0::/system.slice/memory\n"}).is_memory_v1
    assert not Host(TEXTS | {"cgroup": "1:name=systemd:/memory\n0::/\n"}).is_memory_v1
    assert Host(TEXTS | {"cgroup": "5:cpu,memory:/\n"}).is_memory_v1


async def test_every_way_to_count_cores_gives_those_of_the_sandbox(
    on_one_core: NamespaceSandboxes, spec: SandboxSpec, one_core: int
) -> None:
    lines = await told(
        on_one_core,
        spec,
        "nproc; getconf _NPROCESSORS_ONLN; grep ^processor /proc/cpuinfo; grep -o '^cpu[0-9]*' /proc/stat;"
        "cat /sys/devices/system/cpu/online; grep Cpus_allowed_list /proc/self/status",
    )
    core = str(one_core)
    assert lines == ["1", "1", f"processor\t: {core}", "cpu", f"cpu{core}", core, f"Cpus_allowed_list:\t{core}"]


@pytest.mark.parametrize("memory_mb", [128, 1_769])
async def test_memory_is_the_functions(sandboxes: NamespaceSandboxes, spec: SandboxSpec, memory_mb: int) -> None:
    lines = await told(
        sandboxes,
        replace(spec, memory_mb=memory_mb),
        "free -m | awk '/Mem/ {print $2, $7}'; head -n 1 /proc/meminfo;"
        "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2> /dev/null",
    )
    free, total, limit = lines
    assert free == f"{memory_mb} {memory_mb}"
    assert total.split() == ["MemTotal:", str(memory_mb * 1024), "kB"]
    # Version 2's is less by a page (decision 0035).
    assert 0 <= memory_mb * 1024 * 1024 - int(limit) <= 4096


async def test_a_jvm_without_flags_takes_the_functions_memory_and_cores_for_the_machines(
    on_one_core: NamespaceSandboxes, spec: SandboxSpec
) -> None:
    """Decision 0035. That of the host is what a custom runtime finds."""
    if not Path("/usr/bin/java").exists():
        pytest.skip("needs java: sudo apt-get install openjdk-17-jre-headless")
    flags = "-XX:+PrintFlagsFinal -XshowSettings:system -version"
    wanted = "Memory Limit:|CPU Quota:|Effective CPU Count:| MaxHeapSize "
    script = f"java {flags} | grep -E '{wanted}'"
    sandbox = await on_one_core.make(replace(spec, memory_mb=640), shell(f"({script}) 2>&1; echo end"), Exits())
    async with asyncio.timeout(60):
        text = await printed(sandbox.output, "end\n")
    seen = [" ".join(line.split()) for line in text.splitlines()]
    assert "Effective CPU Count: 1" in seen
    assert "CPU Quota: -1" in seen
    assert "Memory Limit: 640.00M" in seen
    (heap,) = (line.split()[3] for line in seen if "MaxHeapSize" in line)
    assert int(heap) == 160 * 1024 * 1024  # a quarter, as a JVM takes of what a machine has


async def test_a_function_can_change_none_of_it(on_one_core: NamespaceSandboxes, spec: SandboxSpec) -> None:
    files = "/proc/meminfo /proc/cpuinfo /proc/stat /sys/devices/system/cpu/online /sys/new"
    lines = await told(on_one_core, spec, f"for file in {files}; do (echo 1 > $file) && echo written; done; ls /sys")
    assert len(lines) == 5 + 2
    assert all("Read-only file system" in line or "Permission denied" in line for line in lines[:5])
    assert lines[5:] == ["devices", "fs"]


async def test_more_cores_give_no_more_time(on_one_core: NamespaceSandboxes, spec: SandboxSpec) -> None:
    if "cpu" not in examine().control_groups.controllers:
        pytest.skip("needs the controller cpu")
    vcpus = 0.3
    sandbox = await on_one_core.make(spec, shell("echo started; exec sleep 100"), Exits())
    await printed(sandbox.output, "started\n")
    sandbox.set_cpu(vcpus)
    sandbox.start(shell(f'exec python3 -c "{TWO_BUSY}"', "busy"))
    used = [line.split() for line in (await printed(sandbox.output, "end\n")).splitlines() if line.startswith("used")]
    assert [int(words[3]) for words in used] == [os.cpu_count()] * 2
    # The first and the last period may be had in part, and the interpreter's own start comes before.
    assert 0.5 * vcpus < sum(float(words[1]) for words in used) < 1.6 * vcpus


async def test_what_a_function_runs_interrupts_nobody_who_wakes_it(
    sandboxes: NamespaceSandboxes, spec: SandboxSpec
) -> None:
    policies = "cut -d' ' -f41 /proc/self/stat /proc/1/stat; sh -c \"cut -d' ' -f41 /proc/self/stat\""
    assert [int(line) for line in await told(sandboxes, spec, policies)] == [
        os.SCHED_BATCH,
        os.SCHED_OTHER,  # of ours, which has to end a thousand busy ones
        os.SCHED_BATCH,
    ]


async def test_without_a_sandbox_it_is_the_hosts(tmp_path: Path, spec: SandboxSpec) -> None:
    async with PlainSandboxes(tmp_path / "data") as maker:
        lines = await told(maker, spec, "nproc; head -n 1 /proc/meminfo")
    assert lines == [str(len(os.sched_getaffinity(0))), Path("/proc/meminfo").read_text().splitlines()[0]]


async def test_cores_are_given_back_when_a_sandbox_is_gone(sandboxes: NamespaceSandboxes, spec: SandboxSpec) -> None:
    for _ in range(2):
        made = [await sandboxes.make(spec, shell("exec sleep 100"), Exits()) for _ in range(2)]
        assert any(sandboxes._processors._weights_mb.values())
        for sandbox in made:
            sandbox.kill()
        await asyncio.gather(*(sandbox.wait_closed() for sandbox in made))
        assert not any(sandboxes._processors._weights_mb.values())
