"""sysinfo(2) tells the sandbox's memory, and nobody who asks it strangely gets anything or holds anybody up."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stoker.limits import Limits
from stoker.sandbox.host import examine
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.sandbox import Sandbox, SandboxSpec

from .conftest import Exits, printed, shell

MB = 1024 * 1024
ASK = """
import ctypes, os, signal, struct, time
libc = ctypes.CDLL(None, use_errno=True)

def ask(address=None):
    "(result, errno, total memory)"
    buffer = ctypes.create_string_buffer(256)
    ctypes.set_errno(0)
    result = libc.sysinfo(ctypes.c_void_p(address) if address is not None else buffer)
    return result, ctypes.get_errno(), struct.unpack_from("=Q", buffer, 32)[0]
"""


@pytest.fixture
async def sandbox(tmp_path: Path, spec: SandboxSpec) -> AsyncIterator[Sandbox]:
    if (report := examine()).isolation != "namespaces":
        pytest.skip(f"needs isolation by namespaces: {report.reason}")
    async with NamespaceSandboxes(tmp_path / "data", tmp_path / "data" / "code", limits=Limits()) as maker:
        yield await maker.make(spec, shell("exec sleep 100"), Exits())


async def said(sandbox: Sandbox, script: str, name: str) -> list[str]:
    """The lines that a Python script prints, which is the last to run in the sandbox."""
    sandbox.start(shell(f"exec python3 -c '{ASK}{script}\nprint(\"end of {name}\", flush=True)' 2>&1", name))
    return (await printed(sandbox.output, f"end of {name}\n")).splitlines()[:-1]


async def test_everybody_is_told_the_sandboxs_memory(sandbox: Sandbox, spec: SandboxSpec) -> None:
    script = 'print(*ask())\nprint(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))'
    own = spec.memory_mb * MB
    assert await said(sandbox, script, "asking") == [f"0 0 {own}", str(own)]


async def test_what_is_no_place_for_an_answer_is_refused_as_by_the_kernel(sandbox: Sandbox) -> None:
    assert await said(sandbox, "print(*ask(8)[:2])\nprint(*ask(2 ** 63)[:2])", "refused") == ["-1 14"] * 2


async def test_a_process_that_lets_nobody_look_is_answered_by_the_kernel(sandbox: Sandbox) -> None:
    """prctl(2), PR_SET_DUMPABLE: the first process has no more rights over it than others."""
    result, error, _ = (await said(sandbox, "libc.prctl(4, 0)\nprint(*ask())", "shy"))[0].split()
    assert (result, error) == ("0", "0")


async def test_askers_that_are_frozen_or_killed_hold_nobody_up(sandbox: Sandbox, spec: SandboxSpec) -> None:
    flood = (
        'for _ in range(20):\n if os.fork() == 0:\n  while True: ask()\nprint("asking", flush=True)\ntime.sleep(100)'
    )
    sandbox.start(shell(f"exec python3 -c '{ASK}{flood}'", "flood"))
    await printed(sandbox.output, "asking\n")
    for _ in range(3):
        sandbox.freeze()
        await asyncio.sleep(0.05)
        sandbox.thaw()
    async with asyncio.timeout(20):
        await sandbox.reset()
    assert await said(sandbox, "print(*ask())", "after") == [f"0 0 {spec.memory_mb * MB}"]
