"""How a version's environment is to be started (reference: runtime side, 4.1)."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stoker.clock import SystemClock
from stoker.environments.plan import plan_environment as plan_with_keys
from stoker.environments.records import EnvironmentPlan
from stoker.role_sessions import RoleSessions
from stoker.runtimes.records import Cover, RuntimeBuild
from tests.functions.test_store import new_function

new_credentials = partial(
    RoleSessions(b"k", SystemClock()).begin, "000000000000", "arn:aws:iam::000000000000:role/r", "f"
)
plan_environment = partial(plan_with_keys, new_credentials=new_credentials)
PYTHON = RuntimeBuild(
    name="python3.12",
    language="python",
    version="",
    source="",
    lang_dir=None,
    runtime_dir=None,
    interpreter="/var/lang/bin/python3.12",
    command=("/var/lang/bin/python3.12", "/var/runtime/bootstrap.py"),
    host_interpreter="/usr/bin/python3.12",
    host_command=("/usr/bin/python3.12", "/opt/ric/bootstrap.py"),
    can_fork=True,
)
PROVIDED = replace(
    PYTHON, name="provided.al2023", language="provided", interpreter=None, command=(), host_command=(), can_fork=False
)
NODEJS = replace(
    PYTHON,
    name="nodejs20.x",
    language="nodejs",
    command=("/var/lang/bin/node", "/var/runtime/index.mjs"),
    can_fork=False,
    cover=Cover("/var/runtime/index.mjs", Path("/runtimes/ahead")),
)

JAVA = replace(
    PYTHON,
    name="java21",
    language="java",
    command=("/var/lang/bin/java", "-classpath", "a.jar", "aws.Main"),
    can_fork=False,
    cover=Cover("/var/runtime/lib/a.jar", Path("/runtimes/ahead"), "a.B"),
)


def plan(
    build: RuntimeBuild,
    task: Path,
    opt: Path | None = None,
    *,
    fresh: bool = False,
    on_host: bool = False,
    starts_ahead: bool = True,
    **set_: str,
) -> EnvironmentPlan:
    version = replace(new_function("f").latest, environment=set_, memory_mb=256, ephemeral_storage_mb=700)
    ways = {"fresh": fresh, "on_host": on_host, "starts_ahead": starts_ahead}
    return plan_environment(version, build, task, opt, "e1", "stream", **ways)


def bootstrap(folder: Path, mode: int = 0o755) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "bootstrap").write_text("#!/bin/sh\n")
    (folder / "bootstrap").chmod(mode)
    return folder


def test_limits_and_directories_are_the_versions(tmp_path: Path) -> None:
    spec = plan(PYTHON, tmp_path).sandbox
    assert (spec.memory_mb, spec.tmp_mb, spec.task, spec.opt) == (256, 700, tmp_path, None)


@pytest.mark.parametrize(
    ("changes", "forks"),
    [({}, True), ({"fresh": True}, False), ({"on_host": True}, False), ({"PYTHONHASHSEED": "1"}, False)],
    ids=["usual", "fresh", "plain", "variable"],
)
def test_python_is_forked_unless_something_speaks_against_it(
    tmp_path: Path, changes: dict[str, Any], forks: bool
) -> None:
    process = plan(PYTHON, tmp_path, **changes).process
    assert process is not None
    assert process.fork is forks
    assert process.argv == (PYTHON.host_command if "on_host" in changes else PYTHON.command)


@pytest.mark.parametrize(
    ("changes", "waits"),
    [({}, True), ({"fresh": True}, False), ({"starts_ahead": False}, False), ({"NODE_OPTIONS": "-i"}, False)],
    ids=["usual", "fresh", "off", "variable"],
)
def test_node_may_have_been_started_ahead_unless_something_speaks_against_it(
    tmp_path: Path, changes: dict[str, Any], waits: bool
) -> None:
    process = plan(NODEJS, tmp_path, **changes).process
    assert process is not None
    assert process.ahead == (process.argv if waits else ())


def test_what_java_is_asked_for_is_not_told_but_for_its_length(tmp_path: Path) -> None:
    process = plan(JAVA, tmp_path).process
    assert process is not None
    assert process.argv[-3:] == ("a.jar", "aws.Main", process.handler)
    assert process.ahead[:-2] == process.argv[:-2]
    main, filler = process.ahead[-2:]
    assert (main, set(filler)) == ("a.B", {"_"})
    assert len(main) + len(filler) == len("aws.Main") + len(process.handler)


@pytest.mark.parametrize(
    ("library", "waits"),
    [
        ("task/libssl.so.3", False),
        ("task/lib/libz.so", False),
        ("opt/lib/libuv.so.1", False),
        ("task/node_modules/sharp/sharp.so", True),
        ("opt/nodejs/libz.so", True),
    ],
)
def test_a_library_that_node_would_be_linked_to_forbids_it(tmp_path: Path, library: str, waits: bool) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / library).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / library).touch()
    process = plan(NODEJS, tmp_path / "task", tmp_path / "opt").process
    assert process is not None
    assert bool(process.ahead) is waits


def test_a_bootstrap_is_looked_for_in_the_package_and_then_in_the_layers(tmp_path: Path) -> None:
    task, opt, empty = bootstrap(tmp_path / "task"), bootstrap(tmp_path / "opt"), tmp_path / "empty"
    empty.mkdir()
    for arguments, expected in (
        ((task, opt), "/var/task/bootstrap"),
        ((task, None), "/var/task/bootstrap"),
        ((empty, opt), "/opt/bootstrap"),
    ):
        process = plan(PROVIDED, *arguments).process
        assert process is not None
        assert process.argv == (expected,)
    on_host = plan(PROVIDED, task, on_host=True).process
    assert on_host is not None
    assert on_host.argv == (str(task / "bootstrap"),)


def test_without_an_executable_bootstrap_there_is_no_process(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder" / "bootstrap").mkdir(parents=True)
    for task in (tmp_path / "empty", tmp_path / "folder", bootstrap(tmp_path / "plain", 0o644)):
        assert plan(PROVIDED, task).process is None


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"", "exec format error"),
        (b"echo hello\n", "exec format error"),
        (b"\x7fELF" + bytes(60), "exec format error"),
        (b"#!/nowhere/shell\n", "no such file or directory"),
        (b"#!/bin/sh\r\n", "no such file or directory"),
        (b"#!/opt/python\n", "no such file or directory"),
        (b"#! /bin/sh -e\n", None),
        (b"#!/var/task/shell\n", None),
        (Path("/bin/sh").read_bytes(), None),
    ],
    ids=lambda value: value[:20].decode(errors="replace") if isinstance(value, bytes) else None,
)
def test_a_bootstrap_that_the_kernel_would_not_start_is_an_invalid_entry_point(
    tmp_path: Path, head: bytes, problem: str | None
) -> None:
    """Reference: runtime side, 5.1."""
    task = bootstrap(tmp_path / "task")
    (task / "bootstrap").write_bytes(head)
    (task / "shell").write_text("#!/bin/sh\n")
    made = plan(PROVIDED, task)
    assert (made.process is None) == (problem is not None)
    if problem is not None:
        text = f"fork/exec /var/task/bootstrap: {problem}"
        assert (made.no_process.error_type, made.no_process.text) == ("Runtime.InvalidEntrypoint", text)


@pytest.mark.parametrize(("timeout_s", "limit_s"), [(3, 130.0), (131, 131.0), (900, 900.0), (5400, 900.0)])
def test_an_init_ahead_may_take_longer(tmp_path: Path, timeout_s: int, limit_s: float) -> None:
    """Reference: runtime side, 5."""
    version = replace(new_function("f").latest, timeout_s=timeout_s)
    plans = [
        plan_environment(version, PYTHON, tmp_path, None, "e1", "stream", kind, fresh=False, on_host=False)
        for kind in ("on-demand", "provisioned-concurrency", "snap-start")
    ]
    assert [plan.init_limit_s for plan in plans] == [10.0, limit_s, limit_s]


def test_every_snapshot_has_a_token_of_its_own(tmp_path: Path) -> None:
    made = [
        plan_environment(
            new_function("f").latest, PYTHON, tmp_path, None, "e1", "stream", "snap-start", fresh=False, on_host=False
        )
        for _ in range(2)
    ]
    assert made[0].credentials_token != made[1].credentials_token
    assert made[0].credentials.access_key_id != made[1].credentials.access_key_id
    assert made[0].process is not None
    assert made[0].process.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == made[0].credentials_token


def test_every_file_directly_in_opt_extensions_is_started_in_the_order_of_names(tmp_path: Path) -> None:
    """Reference: runtime side, 3.3 and 7."""
    opt = tmp_path / "opt"
    (opt / "extensions" / "folder").mkdir(parents=True)
    for name in ("second", "first.sh", "folder/hidden"):
        (opt / "extensions" / name).write_text("#!/bin/sh\n")
    made = plan(PYTHON, tmp_path, opt, MINE="1", AWS_LAMBDA_EXEC_WRAPPER="/opt/wrapper")
    assert [process.argv for process in made.extensions] == [("/opt/extensions/first.sh",), ("/opt/extensions/second",)]
    for process in made.extensions:
        assert process.environment["MINE"] == "1"
        assert process.environment["AWS_LAMBDA_FUNCTION_NAME"] == "f"
        assert not [name for name in process.environment if name.startswith("_")]
        assert not {"AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "AWS_XRAY_DAEMON_ADDRESS"} & process.environment.keys()
    assert made.process is not None
    # It starts later, but from the same launcher.
    assert (made.first.argv, made.first.fork) == ((), made.process.fork)


def test_layers_without_extensions_change_nothing(tmp_path: Path) -> None:
    made = plan(PYTHON, tmp_path, tmp_path)
    assert made.extensions == ()
    assert made.first is made.process
