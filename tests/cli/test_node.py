"""`stoker up`, `status` and `down`: the life of a node as the command line sees it."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Stoker


@pytest.fixture
def data(tmp_path: Path, stoker: Stoker) -> Iterator[Path]:
    """A data directory; a node that a test leaves running in it is stopped."""
    yield tmp_path / "data"
    stoker("down", "--data", str(tmp_path / "data"))


def test_a_detached_node_starts_answers_and_stops(stoker: Stoker, data: Path) -> None:
    where = ("--data", str(data))
    up = stoker("up", "--detach", "--port", "0", *where)
    assert (up.returncode, up.stderr, up.stdout.count("\n")) == (0, "", 1)
    record = json.loads((data / "node.json").read_text())
    assert record["endpoint"] in up.stdout

    status = json.loads(stoker("status", "--output", "json", *where).stdout)
    assert (status["pid"], status["endpoint"]) == (record["pid"], record["endpoint"])
    assert f"AWS_ENDPOINT_URL={record['endpoint']}" in stoker("env", *where).stdout

    tls = json.loads(stoker("env", "--tls", "--output", "json", *where).stdout)
    assert tls["AWS_ENDPOINT_URL"] == record["endpoint"].replace("http", "https")
    context = ssl.create_default_context(cafile=tls["AWS_CA_BUNDLE"])
    with urllib.request.urlopen(f"{tls['AWS_ENDPOINT_URL']}/_stoker/health", timeout=10, context=context) as answer:
        assert json.load(answer)["pid"] == record["pid"]

    again = stoker("up", "--port", "0", *where)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "already runs" in again.stderr
    assert "stoker down" in again.stderr

    down = stoker("down", "--output", "json", *where)
    assert (down.returncode, json.loads(down.stdout)["state"]) == (0, "stopped")
    assert not (data / "node.json").exists()
    assert stoker("down", *where).returncode == 1


def test_a_detached_node_that_cannot_start_says_why(stoker: Stoker, data: Path, taken_port: int) -> None:
    up = stoker("up", "--detach", "--port", str(taken_port), "--data", str(data))
    assert (up.returncode, up.stdout) == (1, "")
    assert str(taken_port) in up.stderr
    assert "did not start" in up.stderr
    assert "Traceback" not in up.stderr


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_control_c_stops_a_node_cleanly(environment: dict[str, str], data: Path) -> None:
    command = [sys.executable, "-m", "stoker", "up", "--port", "0", "--data", str(data)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as node:
        deadline_s = time.monotonic() + 30
        while not (data / "node.json").exists() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        node.send_signal(signal.SIGINT)
        _, stderr = node.communicate(timeout=30)
    assert node.returncode == 0
    assert "Traceback" not in stderr
    assert not (data / "node.json").exists()
