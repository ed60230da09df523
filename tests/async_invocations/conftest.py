"""A node whose events are tried again soon, and what its functions print."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Deploy, Node, NodeProcess, deployer
from tests.database.conftest import postgresql, url

__all__ = ["postgresql", "url"]

RETRY_DELAY_S = 0.2
WAIT_LIMIT_S = 30.0
QUICK = {"STOKER_ASYNC_RETRY_DELAY_S": str(RETRY_DELAY_S)}

# Prints what it was given, and ends as the event wants it to.
RECORDER = """
import json, time

def handler(event, context):
    seen = {
        "event": event,
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "client_context": context.client_context is not None,
        "at": time.time(),
    }
    print("SEEN " + json.dumps(seen))
    if isinstance(event, dict):
        time.sleep(event.get("seconds", 0))
        if event.get("fails"):
            raise ValueError(event["fails"])
    return {"answered": True}
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with NodeProcess(tmp_path_factory.mktemp("events") / "data", **QUICK) as node:
        yield node


@pytest.fixture(scope="module")
def client(node: Node) -> Any:
    return node.client("lambda")


@pytest.fixture
def recorder(client: Any) -> Iterator[Callable[..., str]]:
    """Deploys a function that prints what it gets; answers with its name."""
    deploy, clean_up = deployer(client)

    def make(**configuration: Any) -> str:
        return deploy(None, {"handler.py": RECORDER}, **configuration)

    yield make
    clean_up()


@pytest.fixture
def deploy(client: Any) -> Iterator[Deploy]:
    deploy, clean_up = deployer(client)
    yield deploy
    clean_up()


def send(client: Any, name: str, event: object, **parameters: Any) -> str:
    """One accepted event's request id."""
    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event), **parameters)
    assert answer["StatusCode"] == 202
    return str(answer["ResponseMetadata"]["RequestId"])


def seen(node: Node, name: str) -> list[dict[str, Any]]:
    """What the recorder `name` was given, oldest first."""
    logs = node.client("logs")
    try:
        pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}"))
    except logs.exceptions.ResourceNotFoundException:
        return []
    messages = [event["message"] for page in pages for event in page["events"]]
    records = [json.loads(text.removeprefix("SEEN ")) for text in messages if text.startswith("SEEN ")]
    return sorted(records, key=lambda record: float(record["at"]))


def wait_seen(node: Node, name: str, count: int) -> list[dict[str, Any]]:
    """As `seen`, once there are `count` of them."""
    deadline_s = time.monotonic() + WAIT_LIMIT_S
    while len(records := seen(node, name)) < count:
        assert time.monotonic() < deadline_s, f"{name} was given {len(records)} of {count} events"
        time.sleep(0.05)
    return records


def arn_of(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
