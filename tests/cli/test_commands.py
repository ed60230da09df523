"""What the command line says without a node: usage, settings, silence, and one line for each fault."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import stoker as package

from .conftest import Finished, Stoker


def assert_one_line(done: Finished, exit_code: int, *parts: str) -> None:
    assert done.returncode == exit_code, done
    assert done.stdout == ""
    assert done.stderr.startswith("stoker: ")
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr


def test_help_and_version(stoker: Stoker) -> None:
    assert stoker("--version").stdout == f"stoker, version {package.__version__}\n"
    assert "deploy" in stoker().stdout
    for command in (
        "up",
        "down",
        "status",
        "doctor",
        "env",
        "deploy",
        "invoke",
        "logs",
        "ls",
        "show",
        "rm",
        "runtimes",
    ):
        assert stoker(command, "--help").stdout.startswith(f"Usage: stoker {command}")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["nonsense"], ["nonsense", "stoker --help"]),
        (["up", "--nonsense"], ["--nonsense", "stoker up --help"]),
        (["up", "--port", "x"], ["x", "stoker up --help"]),
        (["up", "--port", "70000"], ["port", "65535"]),
        (["up", "--host", "0.0.0.0"], ["credentials", "access_key_id"]),
        (["up", "--isolation", "none"], ["none", "plain"]),
        (["ls", "--output", "xml"], ["xml", "json"]),
        (["invoke", "f", "-p", "{"], ["not JSON"]),
        (["invoke", "f", "-p", "1", "-f", "x"], ["both"]),
        (["logs", "f", "--since", "yesterday"], ["yesterday", "10m"]),
        (["deploy", "nowhere"], ["nowhere"]),
        (["deploy", ".", "--env", "A", "--endpoint-url", "http://127.0.0.1:1"], ["KEY=VALUE"]),
        (["ls", "--endpoint-url", "nonsense"], ["nonsense", "http://"]),
        (["runtimes", "install", "cobol"], ["cobol", "stoker runtimes"]),
        (["--settings", "nowhere.toml", "status"], ["nowhere.toml"]),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(stoker: Stoker, arguments: list[str], parts: list[str]) -> None:
    assert_one_line(stoker(*arguments), 2, *parts)


@pytest.mark.parametrize(
    ("text", "part"),
    [("port = ", "TOML"), ("prot = 1", "'prot'"), ("isolation = 'docker'", "isolation"), ("fresh = 3", "fresh")],
)
def test_a_broken_settings_file_is_one_line(stoker: Stoker, tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "stoker.toml").write_text(text)
    assert_one_line(stoker("up"), 2, part, "docs/settings.md")


def test_a_misspelt_variable_is_one_line(stoker: Stoker) -> None:
    assert_one_line(stoker("status", STOKER_PROT="1"), 2, "'prot'")


@pytest.mark.parametrize("arguments", [["ls"], ["status"], ["show", "f"], ["down"], ["invoke", "f"], ["logs", "f"]])
def test_without_a_node_it_says_how_to_start_one(stoker: Stoker, arguments: list[str]) -> None:
    assert_one_line(stoker(*arguments), 1, "no node is running", "stoker up")


@pytest.mark.parametrize("arguments", [["ls"], ["status"], ["show", "f"], ["rm", "f"], ["logs", "f"]])
def test_an_unreachable_node_is_one_line(stoker: Stoker, arguments: list[str]) -> None:
    done = stoker(*arguments, "--endpoint-url", "http://127.0.0.1:1")
    assert_one_line(done, 1, "no node answers at http://127.0.0.1:1 ", "stoker up")


def test_a_record_that_a_dead_node_left_is_no_node(stoker: Stoker, tmp_path: Path) -> None:
    record = {"pid": 1, "endpoint": "http://127.0.0.1:1", "version": "0", "isolation": "plain"}
    (tmp_path / "node.json").write_text(json.dumps(record))
    assert_one_line(stoker("down", "--data", str(tmp_path)), 1, "no node is running")


def test_a_stranger_on_the_port_is_no_node_and_is_not_killed(stoker: Stoker, tmp_path: Path, stranger: int) -> None:
    endpoint = f"http://127.0.0.1:{stranger}"
    record = {"pid": 1, "endpoint": endpoint, "version": "0", "isolation": "plain"}
    (tmp_path / "node.json").write_text(json.dumps(record))
    assert_one_line(stoker("down", "--data", str(tmp_path)), 1, "no node is running")
    assert_one_line(stoker("status", "--endpoint-url", endpoint), 1, "no node answers")


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[int]:
    """A web server that is not ours."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
        process.terminate()


def test_env_can_be_evaluated_by_a_shell(stoker: Stoker, environment: dict[str, str]) -> None:
    done = stoker("env", STOKER_ACCESS_KEY_ID="key", STOKER_SECRET_ACCESS_KEY="it's; $secret", STOKER_PORT="1234")
    assert done.stderr == ""
    script = done.stdout + 'printf "%s|%s|%s|%s" "$AWS_ENDPOINT_URL" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"'
    shell = subprocess.run(
        ["sh", "-c", f'{script} "$AWS_DEFAULT_REGION"'], env=environment, capture_output=True, text=True
    )
    assert shell.stdout == "http://127.0.0.1:1234|key|it's; $secret|us-east-1"


@pytest.mark.parametrize("arguments", [["--output", "json", "env"], ["env", "--output", "json"]])
def test_the_output_option_works_in_both_places(stoker: Stoker, arguments: list[str]) -> None:
    assert set(json.loads(stoker(*arguments).stdout)) == {
        "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_DEFAULT_REGION",
    }


def test_doctor_and_runtimes_speak_json_and_are_silent_on_stderr(stoker: Stoker) -> None:
    for command in ("doctor", "runtimes"):
        done = stoker(command, "--output", "json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)
        text = stoker(command)
        assert (text.returncode, text.stderr) == (0, "")
        assert "\x1b" not in text.stdout


def test_a_reader_that_has_enough_is_told_nothing(environment: dict[str, str]) -> None:
    command = f"{sys.executable} -m stoker runtimes | true"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True)
    assert done.stderr == ""


def test_control_c_ends_it_with_130_and_no_traceback(environment: dict[str, str], silent: str) -> None:
    command = [sys.executable, "-m", "stoker", "invoke", "f", "--endpoint-url", silent]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert (stdout, stderr.strip()) == ("", "")


@pytest.fixture
def silent() -> Iterator[str]:
    """A listener that never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_starting_stays_quick(stoker: Stoker, environment: dict[str, str]) -> None:
    code = (
        "import sys, stoker.cli.main; print([name for name in ('boto3', 'rich', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "[]\n"
