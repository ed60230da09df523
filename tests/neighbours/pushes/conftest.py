"""A node whose functions print the events that other services bring them, and what is told in its log."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Deploy, Node, NodeProcess, deployer

ACCOUNT = "000000000000"
REGION = "us-east-1"
WAIT_LIMIT_S = 30.0

RECORDER = """
import json

def handler(event, context):
    print("SEEN " + json.dumps(event))
    if isinstance(event, dict) and event.get("fails"):
        raise ValueError(event["fails"])
    return {"got": event}
"""


@pytest.fixture(scope="package")
def process(tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]) -> Iterator[NodeProcess]:
    process = NodeProcess(tmp_path_factory.mktemp("pushes") / "data", **isolation)
    with process:
        yield process


@pytest.fixture(scope="package")
def node(process: NodeProcess) -> Node:
    return process.wait_ready()


@pytest.fixture
def deploy(node: Node) -> Iterator[Deploy]:
    deploy, clean_up = deployer(node.client("lambda"))
    yield deploy
    clean_up()


class Recorder:
    """A function that prints what it is given."""

    def __init__(self, node: Node, name: str) -> None:
        self._node = node
        self.name = name
        self.arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"

    def let_in(self, service: str, source_arn: str = "", **conditions: str) -> None:
        """Add a statement to its policy."""
        if source_arn:
            conditions["SourceArn"] = source_arn
        self._node.client("lambda").add_permission(
            FunctionName=self.name,
            StatementId=uuid4().hex,
            Action="lambda:InvokeFunction",
            Principal=service,
            **conditions,
        )

    def seen(self) -> list[Any]:
        """Its events, oldest first."""
        logs = self._node.client("logs")
        try:
            pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{self.name}"))
        except logs.exceptions.ResourceNotFoundException:
            return []
        lines = [event["message"] for page in pages for event in page["events"]]
        return [json.loads(line.removeprefix("SEEN ")) for line in lines if line.startswith("SEEN ")]

    def wait_seen(self, count: int = 1) -> list[Any]:
        """Its events, once there are so many."""
        wait_until(lambda: len(self.seen()) >= count, f"{self.name} was not given {count} events")
        return self.seen()


@pytest.fixture
def recorder(node: Node, deploy: Deploy) -> Callable[..., Recorder]:
    """Deploys one."""

    def make(code: str = RECORDER, **configuration: Any) -> Recorder:
        return Recorder(node, deploy(None, {"handler.py": code}, Timeout=20, **configuration))

    return make


class Queue:
    """A queue of the test's own."""

    def __init__(self, node: Node) -> None:
        self._client = node.client("sqs")
        name = f"q-{uuid4().hex[:8]}"
        self.url = self._client.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def receive(self) -> dict[str, Any]:
        """The next message with its attributes."""
        deadline_s = time.monotonic() + WAIT_LIMIT_S
        while time.monotonic() < deadline_s:
            answer = self._client.receive_message(QueueUrl=self.url, MessageAttributeNames=["All"], WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                return dict(message)
        raise AssertionError("nothing has come")


@pytest.fixture
def queue(node: Node) -> Queue:
    return Queue(node)


def wait_until(holds: Callable[[], bool], complaint: str) -> None:
    deadline_s = time.monotonic() + WAIT_LIMIT_S
    while not holds():
        assert time.monotonic() < deadline_s, complaint
        time.sleep(0.05)
