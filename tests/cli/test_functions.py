"""The whole way of a function by the command line: deploy, call, read its log, show, remove."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from .conftest import Finished, Stoker

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
HANDLER = """\
import os

def handler(event, context):
    if "fail" in event:
        raise ValueError(event["fail"])
    print("hello", event.get("name"))
    return {"greeting": os.environ.get("GREETING", "hi") + " " + event.get("name", "you")}
"""


@pytest.fixture
def function(tmp_path: Path) -> Path:
    directory = tmp_path / "greeter"
    directory.mkdir()
    (directory / "app.py").write_text(HANDLER)
    return directory


@pytest.fixture
def on_node(node: Any, stoker: Stoker) -> Callable[..., Finished]:
    """`stoker`, for the shared node of the tests."""

    def run(*arguments: str, **options: Any) -> Finished:
        return stoker(*arguments, AWS_ENDPOINT_URL=node.endpoint, **options)

    return run


def test_a_function_from_a_directory_to_its_end(on_node: Stoker, function: Path) -> None:
    deployed = on_node("deploy", str(function), "--name", "cli-greeter", "--env", "GREETING=hello", "--memory", "256")
    assert (deployed.returncode, deployed.stderr) == (0, "")
    assert deployed.stdout.strip().endswith(":function:cli-greeter")

    called = on_node("invoke", "cli-greeter", "-p", '{"name": "Ada"}')
    assert (called.returncode, json.loads(called.stdout), called.stderr) == (0, {"greeting": "hello Ada"}, "")
    from_stdin = on_node("invoke", "cli-greeter", "-f", "-", "--tail", stdin='{"name": "Grace"}')
    assert json.loads(from_stdin.stdout) == {"greeting": "hello Grace"}
    assert "hello Grace\n" in from_stdin.stderr
    assert "REPORT RequestId: " in from_stdin.stderr

    failed = on_node("invoke", "cli-greeter", "-p", '{"fail": "no luck"}')
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["errorType"] == "ValueError"
    assert failed.stderr == "stoker: cli-greeter failed: ValueError: no luck\n"

    log = on_node("logs", "cli-greeter")
    assert "Z hello Ada\n" in log.stdout
    filtered = on_node("logs", "cli-greeter", "--filter", "Grace", "--output", "json").stdout.splitlines()
    assert [json.loads(line)["message"] for line in filtered] == ["hello Grace\n"]

    names = [member["FunctionName"] for member in json.loads(on_node("ls", "--output", "json").stdout)]
    assert "cli-greeter" in names
    shown = json.loads(on_node("show", "cli-greeter", "--output", "json").stdout)["Configuration"]
    assert (shown["MemorySize"], shown["Handler"], shown["State"]) == (256, "app.handler", "Active")

    assert on_node("rm", "cli-greeter", "--with-logs").returncode == 0
    gone = on_node("invoke", "cli-greeter")
    assert gone.returncode == 1
    assert gone.stderr.startswith("stoker: ResourceNotFoundException: ")
    assert gone.stderr.count("\n") == 1
    assert "no log of one" in on_node("logs", "cli-greeter").stderr


def test_a_function_with_a_url(on_node: Stoker, function: Path) -> None:
    (function / "app.py").write_text("def handler(event, context): return event['rawPath']\n")
    for _ in range(2):
        deployed = on_node("deploy", str(function), "--name", "cli-url", "--url")
        assert (deployed.returncode, deployed.stderr) == (0, "")
        arn, url = deployed.stdout.split()
        assert arn.endswith(":function:cli-url")
        with urlopen(f"{url}there", timeout=30) as response:
            assert response.read() == b"/there"
    assert json.loads(on_node("show", "cli-url", "--output", "json").stdout)["FunctionUrl"] == url
    assert url in on_node("show", "cli-url").stdout
    version = json.loads(on_node("show", "cli-url", "--qualifier", "$LATEST", "--output", "json").stdout)
    assert "FunctionUrl" not in version
    assert on_node("rm", "cli-url").returncode == 0


def test_the_callers_proxy_and_profile_do_not_come_between(on_node: Stoker) -> None:
    assert on_node("ls", HTTP_PROXY="http://127.0.0.1:1", http_proxy="http://127.0.0.1:1").returncode == 0
    done = on_node("ls", AWS_PROFILE="nobody")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 1


def test_deploying_again_changes_only_what_is_different(on_node: Stoker, function: Path) -> None:
    def deploy(*options: str) -> Any:
        done = on_node("deploy", str(function), "--name", "cli-again", "--output", "json", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert deploy("--timeout", "7")["change"] == "created"
    assert deploy()["change"] == "unchanged"
    (function / "app.py").write_text(HANDLER.replace("hi", "good day"))
    changed = deploy("--memory", "512")
    assert (changed["change"], changed["MemorySize"], changed["Timeout"]) == ("updated", 512, 7)
    called = on_node("invoke", "cli-again", "--output", "json")
    assert json.loads(called.stdout)["Payload"] == {"greeting": "good day you"}
    on_node("rm", "cli-again", "--with-logs")


@pytest.mark.parametrize(
    ("option", "value", "exit_code", "part"),
    [("--memory", "1", 2, "MemorySize"), ("--runtime", "cobol85", 1, "cobol85"), ("--role", "me", 1, "role")],
)
def test_what_is_refused_is_one_line(
    on_node: Stoker, function: Path, option: str, value: str, exit_code: int, part: str
) -> None:
    stated = ("--runtime", PYTHON, "--handler", "app.handler", option, value)
    refused = on_node("deploy", str(function), "--name", "cli-refused", *stated)
    assert (refused.returncode, refused.stdout) == (exit_code, "")
    assert refused.stderr.count("\n") == 1
    assert part in refused.stderr


def test_following_a_log_shows_what_comes_once(
    node: Any, on_node: Stoker, environment: dict[str, str], function: Path
) -> None:
    on_node("deploy", str(function), "--name", "cli-followed")
    on_node("invoke", "cli-followed", "-p", '{"name": "first"}')
    command = [sys.executable, "-m", "stoker", "logs", "cli-followed", "-f", "--endpoint-url", node.endpoint]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as follower:
        assert follower.stdout is not None
        overdue = threading.Timer(20, follower.kill)
        overdue.start()
        lines = [next(line for line in follower.stdout if "hello first" in line)]
        on_node("invoke", "cli-followed", "-p", '{"name": "second"}')
        for line in follower.stdout:
            lines.append(line)
            if "hello second" in line:
                break
        follower.send_signal(signal.SIGINT)
        rest, stderr = follower.communicate(timeout=20)
        overdue.cancel()
    assert (follower.returncode, stderr.strip()) == (130, "")
    text = "".join(lines) + rest
    assert text.count("hello first") == 1
    assert text.count("hello second") == 1
    on_node("rm", "cli-followed", "--with-logs")


def test_a_cold_start_is_shown_phase_by_phase(on_node: Stoker, function: Path) -> None:
    assert on_node("deploy", str(function), "--name", "cli-traced").returncode == 0
    assert on_node("invoke", "cli-traced").returncode == 0
    shown = on_node("trace-start", "cli-traced")
    assert (shown.returncode, shown.stderr) == (0, "")
    header, *rows = [line.split("\t") for line in shown.stdout.splitlines()]
    assert header == ["Phase", "Time", "When"]
    names = [row[0] for row in rows]
    # Whatever is idle, the start is a new one.
    assert [name for name in names if name in ("mounts", "identity", "filter", "invocation")] == [
        *("mounts", "identity", "filter", "invocation")
    ]
    assert "in all" in names
    document = json.loads(on_node("trace-start", "cli-traced", "-p", '{"name": "Ada"}', "--output", "json").stdout)
    assert json.loads(document["Payload"]) == {"greeting": "hi Ada"}
    assert all(phase["duration_ms"] >= 0 for phase in document["Phases"])
    missing = on_node("trace-start", "cli-nobody")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("stoker: ResourceNotFoundException: Function not found: arn:aws:lambda:")
    on_node("rm", "cli-traced", "--yes")
