"""That each of the bench's commands tells what it is for, and in a line what it cannot do."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = ("bench", *(f"bench.{name}" for name in ["goals", "soak", "queues", "urls", "ahead", "restore", "preload"]))
LIMIT_S = 30


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_told(command: str) -> None:
    told = run(command, "--help")
    assert told.returncode == 0
    assert told.stdout.startswith(f"Usage: python -m {command} ")
    assert told.stderr == ""


def test_runtimes_that_are_not_started_ahead_are_refused() -> None:
    told = run("bench.ahead", "python3.12")
    assert told.returncode == 2
    assert told.stderr.endswith("name a runtime of Node.js or Java, such as java21\n")
