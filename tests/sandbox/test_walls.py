"""The part of the contract that a mere process cannot honour: limits, walls, sockets, and leaving nothing behind."""

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from stoker.limits import Limits
from stoker.sandbox.sandbox import RUNTIME, Exit, SandboxMaker, SandboxSpec
from tests.end_to_end.footprint import sandbox_groups

from .conftest import LIMIT_S, SANDBOXED, Exits, printed, shell

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: limits memory and looks at control groups")
ISOLATIONS = SANDBOXED


@pytest.fixture
def exits() -> Exits:
    return Exits()


def hog(megabytes: int) -> str:
    """Have this much memory, say so, and stay."""
    return f"exec perl -e '$| = 1; $x = chr(97) x ({megabytes} << 20); print qq(full\\n); sleep 100'"


async def test_a_process_that_takes_more_than_the_memory_is_killed_and_it_is_told(
    maker: SandboxMaker, spec: SandboxSpec, exits: Exits
) -> None:
    sandbox = await maker.make(spec, shell("echo kept > /tmp/file; exec sleep 100"), exits)
    assert not sandbox.ran_out_of_memory()
    sandbox.start(shell(hog(spec.memory_mb * 2), "hog"))
    assert "hog" in [(await exits.wait()).name for _ in range(2)]
    assert sandbox.ran_out_of_memory()
    assert not sandbox.ran_out_of_memory()
    assert sandbox.memory_max_mb() == spec.memory_mb
    await sandbox.reset()
    sandbox.start(shell("cat /tmp/file; exec sleep 100", "second"))
    assert await printed(sandbox.output, "\n") == "kept\n"


async def test_what_lies_in_tmp_is_no_memory_of_the_function(
    maker: SandboxMaker, spec: SandboxSpec, exits: Exits
) -> None:
    spec = replace(spec, tmp_mb=256)
    fill = "head -c 200000000 /dev/zero > /tmp/file; echo written; exec sleep 100"
    sandbox = await maker.make(spec, shell(fill), exits)
    await printed(sandbox.output, "written")
    sandbox.start(shell(hog(40), "second"))
    await printed(sandbox.output, "full")
    assert not sandbox.ran_out_of_memory()
    assert exits.count == 0


async def test_the_most_memory_that_was_used_is_counted(maker: SandboxMaker, spec: SandboxSpec, exits: Exits) -> None:
    sandbox = await maker.make(replace(spec, memory_mb=512), shell(hog(60)), exits)
    await printed(sandbox.output, "full")
    assert 60 <= sandbox.memory_max_mb() < 250


async def test_tmp_holds_what_was_asked_for_and_no_more(maker: SandboxMaker, spec: SandboxSpec, exits: Exits) -> None:
    fill = "head -c 100000000 /dev/zero > /tmp/file; wc -c < /tmp/file"
    sandbox = await maker.make(spec, shell(fill), exits)
    said = await printed(sandbox.output, f"{spec.tmp_mb << 20}\n")
    assert "No space left on device" in said


async def test_package_and_layers_are_seen_and_nothing_but_tmp_can_be_written(
    maker: SandboxMaker, spec: SandboxSpec, exits: Exits
) -> None:
    opt = spec.task.parent / "opt"
    opt.mkdir()
    (spec.task / "file").write_text("package\n")
    (opt / "file").write_text("layer\n")
    script = """
        cat /var/task/file /opt/file
        for place in /var/task /opt /usr /etc /run/stoker / /dev; do
            touch $place/new 2>/dev/null && echo wrote $place
        done
        touch /tmp/new && echo done
    """
    sandbox = await maker.make(replace(spec, opt=opt), shell(script), exits)
    assert await printed(sandbox.output, "done\n") == "package\nlayer\ndone\n"
    assert sorted(os.listdir(spec.task)) == ["file"]


async def test_the_function_is_the_user_that_it_is_on_aws_and_one_that_owns_nothing(
    maker: SandboxMaker, spec: SandboxSpec, exits: Exits
) -> None:
    sandbox = await maker.make(spec, shell("id -u; id -g; echo done"), exits)
    assert (await printed(sandbox.output, "done\n")).split("\n")[:2] == ["993", "990"]


async def test_datagrams_and_the_aws_endpoint_reach_the_node(
    maker: SandboxMaker, spec: SandboxSpec, exits: Exits
) -> None:
    script = "echo -n segment > /dev/udp/169.254.100.1/2000; exec 3<>/dev/tcp/169.254.100.1/4566; head -c 5 <&3"
    sandbox = await maker.make(spec, replace(shell(""), argv=("/bin/bash", "-c", script)), exits)
    assert sandbox.datagrams is not None
    assert sandbox.aws_endpoint is not None
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(LIMIT_S):
        connection, _ = await loop.sock_accept(sandbox.aws_endpoint)
        with connection:
            await loop.sock_sendall(connection, b"hello")
            assert await printed(sandbox.output, "hello") == "hello"
        with socket.socket(fileno=os.dup(sandbox.datagrams)) as datagrams:
            assert await loop.sock_recv(datagrams, 100) == b"segment"


async def test_another_sandbox_and_the_host_are_out_of_reach(
    maker: SandboxMaker, spec: SandboxSpec, exits: Exits
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host:
        port = host.getsockname()[1]
        script = (
            f"(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo reached; ls /proc | grep -c '^[0-9]'; echo done"
        )
        sandbox = await maker.make(spec, replace(shell(""), argv=("/bin/bash", "-c", script)), exits)
        said = await printed(sandbox.output, "done\n")
        assert "reached" not in said
        assert int(said.split()[0]) < 20


async def test_how_a_process_ended_is_told_exactly(maker: SandboxMaker, spec: SandboxSpec, exits: Exits) -> None:
    sandbox = await maker.make(spec, shell("exit 137"), exits)
    assert await exits.wait() == Exit(RUNTIME, 137, None)
    sandbox.start(shell("kill -9 $$", "second"))
    assert await exits.wait() == Exit("second", None, 9)
    sandbox.start(replace(shell("", "missing"), argv=("/no/such/program",)))
    assert await exits.wait() == Exit("missing", 127, None)


async def test_processes_are_limited_and_so_is_processor_time(
    maker: SandboxMaker, spec: SandboxSpec, exits: Exits
) -> None:
    sandbox = await maker.make(replace(spec, memory_mb=1024), shell("sleep 100"), exits)
    sandbox.set_cpu(1.0)
    forks = "for (1..2000) { $p = fork; last unless defined $p; sleep 100 unless $p; $n++ } print qq(had $n\\n)"
    sandbox.start(shell(f"exec perl -e '$| = 1; {forks}'", "many"))
    async with asyncio.timeout(60):
        while "had" not in (said := await _printed_so_far(sandbox.output)):
            await asyncio.sleep(0.1)
    assert int(said.split()[1]) < Limits().processes_max


async def _printed_so_far(output: int) -> str:
    try:
        return os.read(output, 65536).decode()
    except BlockingIOError:
        return ""


async def test_nothing_is_left_of_a_sandbox(
    kind: str, maker: SandboxMaker, spec: SandboxSpec, exits: Exits, tmp_path: Path
) -> None:
    """Not even of one whose processes do what they can to stay."""
    script = "trap '' TERM HUP; (setsid sleep 100 &); (setsid sleep 100 &); echo started; sleep 100"
    sandbox = await maker.make(spec, shell(script), exits)
    await printed(sandbox.output, "started")
    groups = [group for group in sandbox_groups(tmp_path / "data") if group.name == sandbox.name]
    members = {int(pid) for group in groups for pid in (group / "cgroup.procs").read_text().split()}
    assert members or kind == "microvm"  # what holds those is the maker's business
    sandbox.kill()
    async with asyncio.timeout(LIMIT_S):
        await sandbox.wait_closed()
    assert not [group for group in groups if group.exists()]
    assert not [pid for pid in members if Path(f"/proc/{pid}").exists()]
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(tmp_path) not in mounts
    assert "stoker" not in mounts
    assert not [path for path in (tmp_path / "data" / "run").rglob("*") if path.is_file()]
