"""A function of Python begins in a copy of an interpreter (decision 0003), and finds the process it would on AWS."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PYTHONS, Deploy, Node

from . import footprint
from .calls import invoke

PROCESS = """
import os, signal, sys

def status(name):
    with open("/proc/self/status") as file:
        return next(line.split()[1] for line in file if line.startswith(name + ":"))

def read(name):
    with open("/proc/self/" + name, "rb") as file:
        return file.read().decode()

def handler(event, context):
    return {
        "arguments": [sys.argv, getattr(sys, "orig_argv", None), read("cmdline"), read("comm")],
        "main": [sys.modules["__main__"].__name__, sys.modules["__main__"].__file__],
        "path": sys.path,
        "ours": [it for it in [*sys.modules, *sys.path_importer_cache] if "launcher" in it or "stoker" in it],
        "ignored signals": [number for number in range(1, 65) if int(status("SigIgn"), 16) >> number - 1 & 1],
        "handlers": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGXFSZ)],
        "threads": status("Threads"),
    }
"""
PROCESSES = """
import multiprocessing

def answer(connection):
    connection.send(multiprocessing.current_process().name)

def handler(event, context):
    answers = []
    for way in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(way)
        ours, theirs = context.Pipe()
        process = context.Process(target=answer, args=(theirs,), name=way)
        process.start()
        theirs.close()
        answers.append(ours.recv() if ours.poll(20) else None)
        process.join()
    return answers
"""


@pytest.mark.parametrize("runtime", PYTHONS)
def test_the_process_is_the_one_of_a_new_interpreter(
    lambda_client: Any, deploy: Deploy, install_runtime: Callable[[str], str], runtime: str
) -> None:
    """A variable that an interpreter reads when it starts makes a function start in an interpreter of its own."""
    install_runtime(runtime)
    forked, fresh = (
        invoke(
            lambda_client, deploy(None, {"index.py": PROCESS}, runtime, "index.handler", Environment=environment)
        ).value
        for environment in ({}, {"Variables": {"MALLOC_ARENA_MAX": "2"}})
    )
    assert forked == fresh
    assert forked["arguments"][0] == ["/var/runtime/bootstrap.py"]
    assert forked["main"] == ["__main__", "/var/runtime/bootstrap.py"]
    assert forked["ours"] == []


@pytest.mark.namespaces_only("there are no zygotes")
def test_a_zygote_holds_its_way_to_the_node_once_and_nothing_else(
    platform: Node, lambda_client: Any, deploy: Deploy
) -> None:
    invoke(lambda_client, deploy(None, {"index.py": PROCESS}, handler="index.handler"))
    zygotes = [pid for pid in footprint.children(platform.pid) if footprint.command(pid) == "stoker-zygote"]
    assert zygotes
    for pid in zygotes:
        held = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if int(entry.name) > 2]
        # Some libraries of C (libffi) have a file in memory, too.
        assert [target.partition(":")[0] for target in held if not target.startswith("/memfd:libffi")] == ["socket"]


@pytest.mark.parametrize("runtime", PYTHONS)
def test_a_function_may_start_processes_in_every_way_of_multiprocessing(
    lambda_client: Any, deploy: Deploy, install_runtime: Callable[[str], str], runtime: str
) -> None:
    files = {"index.py": PROCESSES}
    name = deploy(None, files, install_runtime(runtime), "index.handler", Timeout=60, MemorySize=1769)
    assert invoke(lambda_client, name).value == ["fork", "spawn", "forkserver"]
