"""A node with sources beside it, and functions that tell what they were given."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from tests.conftest import Node, deployer

WAIT_LIMIT_S = 30.0
ACCOUNT = "000000000000"
OWNER = "123456789012"  # of everything on a server that is no part of a node

# Prints what it was given. A record whose content is in the variable POISON fails: all of its batch, or with REPORTS
# that record and those that follow.
RECORDER = """
import base64, json, os, time

def content(record):
    if "kinesis" in record:
        return base64.b64decode(record["kinesis"]["data"]).decode()
    return record["body"] if "body" in record else record["eventName"]

def handler(event, context):
    contents = [content(record) for record in event["Records"]]
    print("SEEN " + json.dumps({"event": event, "contents": contents, "at": time.time()}))
    time.sleep(float(os.environ.get("SECONDS", "0")))
    poison = [number for number, text in enumerate(contents) if text in os.environ.get("POISON", "").split()]
    if poison and "REPORTS" not in os.environ:
        raise ValueError("poison")
    if "window" in event:
        return {"state": {"count": event["state"].get("count", 0) + len(contents)}}
    failed = event["Records"][poison[0]:] if poison else []
    return {"batchItemFailures": [
        {"itemIdentifier": record.get("messageId") or record["kinesis"]["sequenceNumber"]} for record in failed
    ]}
"""

# Writes the contents of its records down outside of the node, since log lines of the last moments die with it.
WITNESS = """
import base64, os

def handler(event, context):
    lines = [r["body"] if "body" in r else base64.b64decode(r["kinesis"]["data"]).decode() for r in event["Records"]]
    witness = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(witness, "".join(f"{line}\\n" for line in lines).encode())
    os.close(witness)
"""


@dataclass
class World:
    """Shortcuts for one node; what they make is gone after the block of `world`."""

    node: Node
    uuids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = self.node.client("lambda")
        self.sqs = self.node.client("sqs")
        self.kinesis = self.node.client("kinesis")
        self.deploy, self._delete_functions = deployer(self.client)

    def function(self, **variables: str) -> str:
        """A recorder, by its name."""
        return self.deploy(None, {"handler.py": RECORDER}, Timeout=2, Environment={"Variables": variables})

    def queue(self, name: str, **attributes: str) -> str:
        """A queue's URL."""
        url: str = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def map(self, function: str, arn: str, **members: Any) -> str:
        """An enabled mapping's UUID, once it is."""
        created = self.client.create_event_source_mapping(FunctionName=function, EventSourceArn=arn, **members)
        uuid: str = created["UUID"]
        self.uuids.append(uuid)
        self.wait_state(uuid, "Enabled")
        return uuid

    def mapping(self, uuid: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.client.get_event_source_mapping(UUID=uuid)
        return shown

    def wait_state(self, uuid: str, state: str) -> None:
        wait(lambda: self.mapping(uuid)["State"] == state, f"{uuid} to be {state}")

    def seen(self, function: str) -> list[dict[str, Any]]:
        """What the recorder was given, oldest first."""
        logs = self.node.client("logs")
        try:
            pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}"))
        except logs.exceptions.ResourceNotFoundException:
            return []
        texts = [event["message"] for page in pages for event in page["events"]]
        seen = [json.loads(text.removeprefix("SEEN ")) for text in texts if text.startswith("SEEN ")]
        return sorted(seen, key=lambda one: float(one["at"]))

    def contents(self, function: str) -> list[str]:
        """Of all records that the recorder was given."""
        return [text for one in self.seen(function) for text in one["contents"]]

    def wait_contents(self, function: str, *contents: str) -> None:
        """Until the recorder has seen all of these."""
        wait(lambda: set(contents) <= set(self.contents(function)), f"{function} to see {contents}")

    def depth(self, url: str) -> tuple[int, int]:
        """How many messages a queue has, and how many of them are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(attributes[names[0]]), int(attributes[names[1]])

    def wait_empty(self, url: str) -> None:
        wait(lambda: self.depth(url) == (0, 0), f"{url} to be empty")

    def clean_up(self) -> None:
        for uuid in self.uuids:
            try:
                self.client.delete_event_source_mapping(UUID=uuid)
            except (self.client.exceptions.ResourceNotFoundException, self.client.exceptions.ResourceInUseException):
                continue
        self._delete_functions()


@contextmanager
def world(node: Node) -> Iterator[World]:
    here = World(node)
    yield here
    here.clean_up()


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + WAIT_LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited in vain for {what}"
        time.sleep(0.05)


def client_of(service: str, url: str) -> Any:
    """A client of a server that is no part of a node."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", **keys)


def settings_for(url: str) -> dict[str, str]:
    """Of a node whose sources are on the server at `url`."""
    neighbours = json.dumps({"sqs": url, "kinesis": url})
    return {"STOKER_NEIGHBOURS": neighbours, "STOKER_ISOLATION": "plain", "STOKER_UPDATE_DELAY_S": "0.05"}


def deploy_witness(node: Node, path: Path) -> None:
    """The function `f`, which writes to `path`."""
    deploy, _ = deployer(node.client("lambda"))
    environment = {"Variables": {"WITNESS": str(path)}}
    deploy("f", {"handler.py": WITNESS}, Environment=environment, Timeout=1)


def map_elsewhere(node: Node, arn: str, **members: Any) -> None:
    """Map the function `f`, and return once the mapping is enabled."""
    client = node.client("lambda")
    uuid = client.create_event_source_mapping(FunctionName="f", EventSourceArn=arn, **members)["UUID"]
    wait(lambda: bool(client.get_event_source_mapping(UUID=uuid)["State"] == "Enabled"), "the mapping")


def witnessed(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def stream_arn(name: str) -> str:
    return f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"


def data_of(record: dict[str, Any]) -> str:
    return base64.b64decode(record["kinesis"]["data"]).decode()
