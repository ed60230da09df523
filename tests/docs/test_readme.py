import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PYTHON
from tests.docs.readme import blocks, shown_commands

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMAND_LIMIT_S = 60.0


@pytest.fixture
def shell(tmp_path: Path) -> Iterator["Shell"]:
    shell = Shell(tmp_path)
    yield shell
    shell.run("stoker down || true")


class Shell:
    """A shell in an empty directory, with this checkout's commands, a data directory of its own and a free port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("STOKER_", "AWS_"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "STOKER_DATA": str(directory / "data"),
            "STOKER_PORT": "0",
            # The AWS CLI would look for a person's own configuration.
            "AWS_CONFIG_FILE": str(directory / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(directory / "none"),
            "AWS_PAGER": "",
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """`eval` of what a command prints keeps its variables for the commands after it."""
        done = subprocess.run(
            ["sh", "-ec", f"{command}\nenv -0 > environment"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self._directory,
            env=self._environment,
            timeout=COMMAND_LIMIT_S,
        )
        if done.returncode == 0:
            saved = (self._directory / "environment").read_text().split("\0")
            self._environment = dict(pair.split("=", 1) for pair in saved if "=" in pair)
        return done


def test_everything_in_the_readme_does_what_it_says(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(blocks(README, "python")[0])
    commands = shown_commands(README)
    assert len(commands) > 10

    for command in commands:
        done = shell.run(re.sub(r"\bpython3\.\d+\b", PYTHON, command.text))

        assert done.returncode == 0, (command.text, done.stdout, done.stderr)
        assert command.prints(done.stdout), f"{command.text}\n{done.stdout}"


def test_the_readme_shows_no_command_that_does_not_exist() -> None:
    """Those that are shown in running text, too."""
    shown = set(re.findall(r"`(?:\./run )?stoker ([a-z-]+)", README))
    shown |= {shlex.split(command.text)[1] for command in shown_commands(README) if command.text.startswith("stoker ")}
    assert shown
    for name in shown:
        help_text = subprocess.run(
            [sys.executable, "-m", "stoker", name, "--help"], capture_output=True, text=True, timeout=COMMAND_LIMIT_S
        )
        assert help_text.returncode == 0, name


def test_the_runner_knows_every_word_that_the_readme_gives_it() -> None:
    usage = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, timeout=COMMAND_LIMIT_S).stdout
    for word in set(re.findall(r"\./run ([a-z-]+)", README)):
        assert f"./run {word}" in usage
