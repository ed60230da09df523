"""The command line as people use it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Finished = subprocess.CompletedProcess[str]
Stoker = Callable[..., Finished]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of the caller's AWS or Stoker settings, and a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STOKER_"))}
    home = tmp_path / "home"
    home.mkdir()
    return {**kept, "HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "PYTHONWARNINGS": "error"}


@pytest.fixture
def stoker(environment: dict[str, str], tmp_path: Path) -> Stoker:
    """`stoker("ls", "--output", "json", AWS_REGION="eu-west-1")`: runs it and waits."""

    def run(*arguments: str, stdin: str = "", **variables: Any) -> Finished:
        return subprocess.run(
            [sys.executable, "-m", "stoker", *arguments],
            env={**environment, **variables},
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
