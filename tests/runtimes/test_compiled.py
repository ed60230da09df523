"""Programs in Go and Rust with AWS's own libraries, compiled here, on provided.al2023.

The compilers keep what they made in the user's cache, so that only the first run takes a minute.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stoker.config import default_runtimes_dir
from tests.conftest import deployer
from tests.end_to_end.calls import invoke
from tests.handlers import folder

COMPILE_LIMIT_S = 400


@dataclass(frozen=True, slots=True)
class Program:
    """A deployed function, and what its library makes of an error and of a panic."""

    name: str
    error_type: str
    panic_message: str


def compiled(command: list[str], missing: str, directory: Path, **environment: str) -> None:
    """Skips without the compiler, or when what it needs cannot be fetched."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {missing}")
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=COMPILE_LIMIT_S,
    )
    unreachable = ("dial tcp", "Could not resolve", "failed to download", "spurious network error")
    if done.returncode != 0 and any(text in done.stderr for text in unreachable):
        pytest.skip(f"needs AWS's library: {done.stderr[-500:]}")
    assert done.returncode == 0, done.stderr


def go_program(directory: Path) -> bytes:
    shutil.copytree(folder("go"), directory)
    compiled(["go", "build", "-o", "bootstrap", "."], "go: sudo apt-get install golang-go", directory, CGO_ENABLED="0")
    return (directory / "bootstrap").read_bytes()


def rust_program(directory: Path) -> bytes:
    shutil.copytree(folder("rust"), directory)
    target = default_runtimes_dir().parent / "test-rust"
    compiled(
        ["cargo", "build", "--quiet"], "cargo: sudo apt-get install cargo", directory, CARGO_TARGET_DIR=str(target)
    )
    return (target / "debug" / "bootstrap").read_bytes()


@pytest.fixture(scope="module", params=["go", "rust"])
def program(
    request: pytest.FixtureRequest, lambda_client: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    is_go = request.param == "go"
    executable = (go_program if is_go else rust_program)(tmp_path_factory.mktemp("program") / "source")
    deploy, clean_up = deployer(lambda_client)
    name = deploy(None, {"bootstrap": executable}, "provided.al2023", "any.thing", MemorySize=512, Timeout=10)
    if is_go:
        yield Program(name, "errorString", "a panic")
    else:
        kind = "&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>"
        yield Program(name, kind, "Lambda panicked: a panic")
    clean_up()


def test_a_program_answers_and_knows_its_call(lambda_client: Any, program: Program) -> None:
    answer = invoke(lambda_client, program.name, {"text": "é"})
    value = answer.value
    assert value["text"] == "é"
    assert value["request_id"] == answer.request_id
    assert value["arn"].endswith(f":function:{program.name}")
    assert value["trace"].startswith("Root=1-")
    assert value["remaining_ms"] > 1000
    assert value["execution_env"] == "", "custom runtimes have none (reference: runtime side, 3.1)"
    assert "called with" in answer.log


def test_a_program_that_fails_or_panics_says_why(lambda_client: Any, program: Program) -> None:
    failed = invoke(lambda_client, program.name, {"do": "fail"})
    assert failed.error == "Unhandled"
    assert json.loads(failed.body) == {"errorType": program.error_type, "errorMessage": "no such thing"}
    panicked = invoke(lambda_client, program.name, {"do": "panic"})
    assert panicked.error == "Unhandled"
    assert json.loads(panicked.body)["errorMessage"] == program.panic_message
    assert invoke(lambda_client, program.name, {"text": "again"}).value["text"] == "again"


def test_a_program_that_exits_is_an_exit_error(lambda_client: Any, program: Program) -> None:
    answer = invoke(lambda_client, program.name, {"do": "exit"})
    assert answer.body == answer.platform_error("Runtime.ExitError", "Runtime exited with error: exit status 7")
