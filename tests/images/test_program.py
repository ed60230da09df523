"""Which process an image asks for, and what is told when it cannot be."""

from pathlib import Path

import pytest

from stoker.functions.records import ImageConfig
from stoker.images.manifest import ImageSettings
from stoker.images.program import NoProgram, Program, find_program


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for path in ("usr/bin", "app", "etc"):
        (root / path).mkdir(parents=True)
    for path, content, mode in (
        ("usr/bin/run", "#!/bin/sh\n", 0o755),
        ("app/start", "#!/bin/sh\n", 0o755),
        ("app/data", "#!/bin/sh\n", 0o644),
        ("app/foreign", "\x7fELF" + "\0" * 30, 0o755),
    ):
        (root / path).write_text(content)
        (root / path).chmod(mode)
    (root / "bin").symlink_to("/usr/bin")
    (root / "escape").symlink_to("/../../../bin")
    return root


def found(root: Path, config: ImageConfig | None = None, **said: object) -> Program | NoProgram:
    settings = {"entry_point": (), "command": (), "environment": {}, "working_directory": "", **said}
    return find_program(root, ImageSettings(**settings), config, {"PATH": "/bin"})  # type: ignore[arg-type]


def test_the_command_follows_the_entry_point(root: Path) -> None:
    program = found(root, entry_point=("/app/start", "-x"), command=("app.handler",), working_directory="/app")
    assert program == Program(("/app/start", "-x", "app.handler"), "/app")


def test_what_the_function_says_counts_more_than_what_the_image_says(root: Path) -> None:
    config = ImageConfig(entry_point=("/bin/run",), command=(), working_directory="/etc")
    image = {"entry_point": ("/none",), "command": ("c",), "working_directory": "/app"}
    assert found(root, config, **image) == Program(("/bin/run",), "/etc")
    assert found(root, ImageConfig(command=("d",)), **(image | {"entry_point": ("run",)})) == Program(
        ("/bin/run", "d"), "/app"
    )


def test_names_are_looked_up_in_the_images_own_path_and_directory(root: Path) -> None:
    assert found(root, command=("run",)) == Program(("/bin/run",), "/")
    assert found(root, command=("./start",), working_directory="/app") == Program(("/app/start",), "/app")


WRONG = {
    "nothing to start": ({}, "Runtime.InvalidTaskConfig", "neither an entry point nor a command"),
    "a missing program": (
        {"command": ("/none",)},
        "Runtime.InvalidEntrypoint",
        "fork/exec /none: no such file or directory",
    ),
    "no program of this name": (
        {"command": ("none",)},
        "Runtime.InvalidEntrypoint",
        'exec: "none": executable file not found in $PATH',
    ),
    "a file without the right": ({"command": ("/app/data",)}, "Runtime.InvalidEntrypoint", "permission denied"),
    "a directory": ({"command": ("/app",)}, "Runtime.InvalidEntrypoint", "permission denied"),
    "another processor's program": ({"command": ("/app/foreign",)}, "Runtime.InvalidEntrypoint", "exec format error"),
    "a program of the host": ({"command": ("/escape/ls",)}, "Runtime.InvalidEntrypoint", "no such file or directory"),
    "a missing directory": (
        {"command": ("run",), "working_directory": "/none"},
        "Runtime.InvalidWorkingDir",
        "chdir /none: no such file or directory",
    ),
    "a relative directory": (
        {"command": ("run",), "working_directory": "app"},
        "Runtime.InvalidWorkingDir",
        "the working directory 'app' is invalid, it needs to be an absolute path",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_start_is_told_as_aws_tells_it(root: Path, what: str) -> None:
    said, error_type, text = WRONG[what]
    answer = found(root, **said)  # type: ignore[arg-type]
    assert isinstance(answer, NoProgram)
    assert answer.error_type == error_type
    assert text in answer.text
