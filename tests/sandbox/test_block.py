"""Arguments and variables of a process that runs already, as others see them and as it does itself."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoker.sandbox.launcher import block

# It looks at the C library's variables, of which it has no copy, when it is told to. One of them is a locale, lest
# Python sets it by itself, and so moves all of them.
TELL = """
import ctypes
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
print("ready", flush=True)
input()
print(getenv(b"NEW"), getenv(b"OLD"))
"""


@contextlib.contextmanager
def waiting() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", TELL, "main", "______"]
    environment = block.with_room({"OLD": "1", "LC_ALL": "C.UTF-8"})
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=20)


def memory_of(process: "subprocess.Popen[str]") -> int:
    """Kept open as long as the tests run."""
    return block.open_memory(process.pid)


def test_everybody_sees_what_was_written() -> None:
    with waiting() as process:
        block.rewrite(
            process.pid,
            memory_of(process),
            [sys.executable, "-c", TELL, "other", "12345"],
            {"LC_ALL": "C.UTF-8", "NEW": "é"},
        )
        assert Path(f"/proc/{process.pid}/cmdline").read_bytes().endswith(b"\0other\x0012345\0")
        assert Path(f"/proc/{process.pid}/environ").read_bytes().rstrip(b"\0") == "LC_ALL=C.UTF-8\0NEW=é".encode()
        told, _ = process.communicate("\n", timeout=20)
    assert told == f"{'é'.encode()!r} None\n"


@pytest.mark.parametrize(
    ("last", "environment", "reason"),
    [
        ("1234567", {}, "another length"),
        ("______", {"LONG": "x" * 16_000}, "not enough room"),
        ("______", {f"V{number}": "" for number in range(200)}, "not enough room"),
    ],
    ids=["arguments", "long", "many"],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    last: str, environment: dict[str, str], reason: str
) -> None:
    with waiting() as process:
        before = Path(f"/proc/{process.pid}/environ").read_bytes()
        with pytest.raises(ValueError, match=reason):
            block.rewrite(process.pid, memory_of(process), [sys.executable, "-c", TELL, "main", last], environment)
        assert Path(f"/proc/{process.pid}/environ").read_bytes() == before


def test_a_process_that_has_ended_is_told_of() -> None:
    with waiting() as process:
        memory = memory_of(process)
        process.kill()
        # Not reaped: its arguments and variables are gone, its entry in /proc is not.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises((OSError, ValueError)):
            block.rewrite(process.pid, memory, [sys.executable, "-c", TELL, "main", "______"], {})
