"""A real node, started once for all tests that need one, and the ordinary clients to talk to it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from stoker.runtimes.names import KNOWN_RUNTIMES
from tests.control_groups import remove_groups_of

HANDLERS = Path(__file__).parent / "handlers"
ROLE = "arn:aws:iam::000000000000:role/lambda-role"
START_LIMIT_S = 110.0
# The interpreter that runs the tests is always one of the runtimes.
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
PYTHONS = [name for name in KNOWN_RUNTIMES if name.startswith("python")]

Files = Mapping[str, str | bytes] | Path


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    endpoint: str
    data: Path
    pid: int

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of it. Retries are off, so that a test sees every answer."""
        settings = {"retries": {"max_attempts": 0}, "read_timeout": 120, "max_pool_connections": 100, **config}
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="000000000000",
            aws_secret_access_key="test",
            config=Config(**settings),
        )

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        os.kill(self.pid, signal.SIGTERM)


class NodeProcess:
    """Starts and ends nodes as a person would, by the command.

    `with NodeProcess(…) as node` waits until it is ready, and holds it to a good end.
    """

    def __init__(self, data: Path, *arguments: str, **environment: str) -> None:
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        self.was_killed = False
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stoker", "up", "--data", str(data), "--port", "0", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=data.parent,
                env={**_without_settings(), **environment},
            )

    def wait_ready(self) -> Node:
        record = self.data / "node.json"
        deadline_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline_s:
            if self.process.poll() is not None:
                break
            if record.exists():
                members = json.loads(record.read_text())
                if members["pid"] == self.process.pid:
                    return Node(members["endpoint"], self.data, self.process.pid)
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"the node did not start:\n{self.log.read_text()}")

    def __enter__(self) -> Node:
        return self.wait_ready()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        status = self.stop()
        if kind is None:
            assert status == 0, self.log.read_text()[-4000:]
            assert "Traceback" not in self.log.read_text(), self.log.read_text()[-4000:]

    def stop(self) -> int:
        """Its exit status after SIGTERM."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(60)

    def kill(self) -> None:
        self.was_killed = True
        self.process.kill()
        self.process.wait(30)


def _without_settings() -> dict[str, str]:
    """The environment without what would change a node or a client."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("STOKER_", "AWS_"))}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--isolation", default="auto", help="isolation of the nodes that tests start, such as gvisor")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--isolation") == "gvisor":
        for item in items:
            if (marker := item.get_closest_marker("namespaces_only")) is not None:
                item.add_marker(pytest.mark.skip(reason=f"with gVisor {marker.args[0]}"))


@pytest.fixture(scope="session")
def isolation(request: pytest.FixtureRequest) -> dict[str, str]:
    """The variables that give a node the isolation that was asked for."""
    kept = {name: os.environ[name] for name in ("STOKER_RUNSC",) if name in os.environ}
    return {"STOKER_ISOLATION": request.config.getoption("--isolation"), **kept}


@pytest.fixture
def start_node(tmp_path: Path, isolation: dict[str, str]) -> Iterator[Callable[..., tuple[NodeProcess, Node]]]:
    """Starts a node of the test's own; `data` may be that of a former one."""
    started: list[NodeProcess] = []

    def start(*arguments: str, data: Path | None = None, **environment: str) -> tuple[NodeProcess, Node]:
        process = NodeProcess(data or tmp_path / f"data{len(started)}", *arguments, **(isolation | environment))
        started.append(process)
        return process, process.wait_ready()

    yield start
    for process in started:
        process.stop()
    for data in {process.data for process in started if process.was_killed}:
        remove_groups_of(data)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]) -> Iterator[Node]:
    """The node that most tests share."""
    with NodeProcess(tmp_path_factory.mktemp("platform") / "data", **isolation) as node:
        yield node


@pytest.fixture(scope="session")
def node(platform: Node) -> Node:
    return platform


@pytest.fixture(scope="session")
def lambda_client(platform: Node) -> Any:
    return platform.client("lambda")


@pytest.fixture(scope="session")
def logs_client(platform: Node) -> Any:
    return platform.client("logs")


def zip_of(files: Files) -> bytes:
    """A package of a folder, or of names and contents (scripts and programs are executable)."""
    contents = _folder(files) if isinstance(files, Path) else files
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, (2025, 1, 1, 0, 0, 0))
            data = content.encode() if isinstance(content, str) else content
            entry.external_attr = (0o755 if data.startswith((b"#!", b"\x7fELF")) else 0o644) << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def _folder(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


Deploy = Callable[..., str]


def deployer(client: Any) -> tuple[Deploy, Callable[[], None]]:
    """A function that deploys to `client`, and one that deletes what was deployed."""
    names: list[str] = []

    def deploy(
        name: str | None, files: Files, runtime: str = PYTHON, handler: str = "handler.handler", **configuration: Any
    ) -> str:
        name = name or f"f-{uuid.uuid4().hex[:10]}"
        client.create_function(
            FunctionName=name,
            Runtime=runtime,
            Handler=handler,
            Code={"ZipFile": zip_of(files)},
            **{"Role": ROLE, **configuration},
        )
        names.append(name)
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
        return name

    def clean_up() -> None:
        for name in names:
            try:
                client.delete_function(FunctionName=name)
            except client.exceptions.ResourceNotFoundException:
                continue

    return deploy, clean_up


@pytest.fixture
def deploy(lambda_client: Any) -> Iterator[Deploy]:
    """`deploy(name or None, files or folder, runtime, handler, **configuration) -> name`: active when it returns."""
    deploy, clean_up = deployer(lambda_client)
    yield deploy
    clean_up()
