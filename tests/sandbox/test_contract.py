"""The contract of `sandbox.py`, held to by every kind of isolation."""

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from stoker.sandbox.sandbox import RUNTIME, SANDBOX, Exit, SandboxError, SandboxMaker, SandboxSpec

from .conftest import ISOLATIONS as ISOLATIONS
from .conftest import LIMIT_S, Exits, maker_of, printed, shell

TICK = "while true; do echo tick; sleep 0.02; done"
SLEEP = "echo started; exec sleep 100"


@pytest.fixture
def exits() -> Exits:
    return Exits()


async def test_output_exit_status_and_signal_are_told(maker: SandboxMaker, spec: SandboxSpec, exits: Exits) -> None:
    sandbox = await maker.make(spec, shell("echo hello; exit 7"), exits)
    assert await exits.wait() == Exit(RUNTIME, 7, None)
    assert await printed(sandbox.output, "hello\n") == "hello\n"
    sandbox.start(shell(SLEEP, "second"))
    await printed(sandbox.output, "started")
    sandbox.signal("second", signal.SIGTERM)
    assert await exits.wait() == Exit("second", None, signal.SIGTERM)
    sandbox.signal("second", signal.SIGTERM)
    sandbox.signal("never started", signal.SIGTERM)


async def test_a_process_may_have_an_output_of_its_own(maker: SandboxMaker, spec: SandboxSpec, exits: Exits) -> None:
    sandbox = await maker.make(spec, shell("echo shared; exec sleep 100"), exits)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    try:
        sandbox.start(shell("echo own; echo error >&2", "second"), writer)
        assert await printed(reader, "error\n") == "own\nerror\n"
        assert await printed(sandbox.output, "shared\n") == "shared\n"
    finally:
        os.close(writer)
        os.close(reader)


async def test_the_node_connects_to_what_listens_inside(maker: SandboxMaker, spec: SandboxSpec, exits: Exits) -> None:
    port = 17389
    perl = f"use IO::Socket; $s = IO::Socket::INET->new(LocalPort=>{port}, Listen=>1, ReuseAddr=>1) or die; "
    perl += '$|=1; print "listening\n"; $c = $s->accept; print "heard ", <$c>;'
    sandbox = await maker.make(spec, shell(f"exec perl -e '{perl}'"), exits)
    await printed(sandbox.output, "listening")
    connection = await sandbox.connect(port)
    with connection:
        connection.sendall(b"the node\n")
    assert await printed(sandbox.output, "node\n") == "heard the node\n"
    with pytest.raises(ConnectionRefusedError):
        await sandbox.connect(port + 1)


async def test_a_reset_ends_every_process_and_keeps_tmp(maker: SandboxMaker, spec: SandboxSpec, exits: Exits) -> None:
    tmp = "${TMPDIR:-/tmp}"
    sandbox = await maker.make(spec, shell(f"({TICK}) & echo kept > {tmp}/file; {SLEEP}"), exits)
    await printed(sandbox.output, "started")
    await printed(sandbox.output, "tick")
    async with asyncio.timeout(LIMIT_S):
        await sandbox.reset()
    _discard(sandbox.output)
    sandbox.start(shell(f"sleep 0.1; cat {tmp}/file; exec sleep 100", "second"))
    assert await printed(sandbox.output, "kept\n") == "kept\n"


async def test_a_frozen_sandbox_stands_still_and_goes_on_when_thawed(
    maker: SandboxMaker, spec: SandboxSpec, exits: Exits
) -> None:
    sandbox = await maker.make(spec, shell(TICK), exits)
    await printed(sandbox.output, "tick")
    sandbox.freeze()
    await asyncio.sleep(0.1)
    _discard(sandbox.output)
    await asyncio.sleep(0.2)
    with pytest.raises(BlockingIOError):
        os.read(sandbox.output, 1)
    sandbox.thaw()
    await printed(sandbox.output, "tick")


def _discard(descriptor: int) -> None:
    try:
        while os.read(descriptor, 65536):
            pass
    except BlockingIOError:
        return


@pytest.mark.parametrize("is_frozen", [False, True], ids=["running", "frozen"])
async def test_a_kill_ends_it_even_twice_and_even_frozen(
    maker: SandboxMaker, spec: SandboxSpec, exits: Exits, is_frozen: bool
) -> None:
    sandbox = await maker.make(spec, shell(SLEEP), exits)
    await printed(sandbox.output, "started")
    if is_frozen:
        sandbox.freeze()
    sandbox.kill()
    sandbox.kill()
    async with asyncio.timeout(LIMIT_S):
        await sandbox.wait_closed()
        await sandbox.wait_closed()
    ends = [await exits.wait() for _ in range(exits.count)]
    assert [end.name for end in ends].count(SANDBOX) == 1
    sandbox.kill()
    sandbox.signal(RUNTIME, signal.SIGTERM)
    with pytest.raises(SandboxError):
        sandbox.start(shell(SLEEP, "late"))


async def test_leaving_the_maker_ends_what_still_runs(
    kind: str, tmp_path: Path, spec: SandboxSpec, exits: Exits
) -> None:
    maker = maker_of(kind, tmp_path / "data")
    async with asyncio.timeout(LIMIT_S), maker:
        sandbox = await maker.make(spec, shell(SLEEP), exits)
        await printed(sandbox.output, "started")
    ends = [await exits.wait() for _ in range(exits.count)]
    assert ends[-1].name == SANDBOX


async def test_the_runtime_api_socket_is_reached_from_inside(
    maker: SandboxMaker, spec: SandboxSpec, exits: Exits
) -> None:
    script = 'exec 3<>"/dev/tcp/${API%:*}/${API##*:}"; head -c 5 <&3'
    sandbox = await maker.make(spec, shell("sleep 100", "first"), exits)
    sandbox.start(replace(shell("", API=sandbox.runtime_api), argv=("/bin/bash", "-c", script)))
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(LIMIT_S):
        connection, _ = await loop.sock_accept(sandbox.listener)
        with connection:
            await loop.sock_sendall(connection, b"hello")
            assert await printed(sandbox.output, "hello") == "hello"
