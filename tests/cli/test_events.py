"""`stoker events` and the mappings of `stoker show`, of a node whose events wait long for their retry."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.conftest import Deploy, Node, NodeProcess, deployer

from .conftest import Finished, Stoker

RETRY_DELAY_S = 600
WAIT_LIMIT_S = 30.0
SETTINGS = {
    "STOKER_ASYNC_RETRY_DELAY_S": str(RETRY_DELAY_S),
    "STOKER_UPDATE_DELAY_S": "0.05",
    "STOKER_STOP_GRACE_S": "0.1",
}
HANDLER = """
import time

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    if event.get("fails"):
        raise ValueError("no luck")
    return "x" * event.get("answer_bytes", 0)
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]) -> Iterator[Node]:
    with NodeProcess(tmp_path_factory.mktemp("waiting") / "data", **(isolation | SETTINGS)) as node:
        yield node


@pytest.fixture
def client(node: Node) -> Any:
    return node.client("lambda")


@pytest.fixture
def deploy(client: Any) -> Iterator[Deploy]:
    deploy, clean_up = deployer(client)
    yield deploy
    clean_up()


@pytest.fixture
def on_node(node: Node, stoker: Stoker) -> Stoker:
    def run(*arguments: str) -> Finished:
        return stoker(*arguments, AWS_ENDPOINT_URL=node.endpoint)

    return run


def send(client: Any, name: str, **event: Any) -> None:
    client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))


def wait_queue(on_node: Stoker, name: str, **expected: int) -> dict[str, Any]:
    """The queue of the function `name`, once it has the numbers that are `expected`."""

    def queue() -> dict[str, Any]:
        done = on_node("events", name, "--output", "json")
        assert (done.returncode, done.stderr) == (0, "")
        shown: dict[str, Any] = json.loads(done.stdout)["Queue"]
        return shown

    return wait(queue, lambda shown: shown | expected == shown)


def wait(read: Callable[[], Any], is_right: Callable[[Any], bool]) -> Any:
    deadline_s = time.monotonic() + WAIT_LIMIT_S
    while not is_right(found := read()):
        assert time.monotonic() < deadline_s, found
    return found


def test_what_waits_and_what_runs_are_told_apart(client: Any, on_node: Stoker, deploy: Deploy) -> None:
    name = deploy(None, {"handler.py": HANDLER}, Timeout=900)
    empty = wait_queue(on_node, name, Waiting=0, InFlight=0)
    assert (empty["OldestAgeInSeconds"], empty["WaitingForRetry"], empty["NextRetryInSeconds"]) == (None, 0, None)

    send(client, name, fails=True)
    send(client, name, seconds=600)
    queue = wait_queue(on_node, name, WaitingForRetry=1, InFlight=1, Waiting=1)
    assert 0 < queue["NextRetryInSeconds"] <= RETRY_DELAY_S
    assert 0 < queue["OldestAgeInSeconds"] < RETRY_DELAY_S

    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    send(client, name)  # there is no room for it
    wait_queue(on_node, name, Waiting=2, InFlight=1)
    lines = dict(line.split() for line in on_node("events", name).stdout.splitlines())
    assert (lines["Waiting"], lines["InFlight"], lines["Dropped"]) == ("2", "1", "0")


def test_what_became_of_events_is_counted(node: Node, client: Any, on_node: Stoker, deploy: Deploy) -> None:
    told, untold = (deploy(None, {"handler.py": HANDLER}) for _ in range(2))
    node.client("sqs").create_queue(QueueName="failures")
    arns = {kind: f"arn:aws:{kind}:us-east-1:000000000000:" for kind in ("sqs", "lambda")}
    client.put_function_event_invoke_config(
        FunctionName=told,
        MaximumRetryAttempts=0,
        DestinationConfig={
            "OnSuccess": {"Destination": f"{arns['lambda']}function:{untold}"},
            "OnFailure": {"Destination": f"{arns['sqs']}failures"},
        },
    )
    client.put_function_event_invoke_config(FunctionName=untold, MaximumRetryAttempts=0)
    send(client, untold, fails=True)
    wait_queue(on_node, untold, Waiting=0, InFlight=0, Dropped=1, Delivered=0)

    send(client, told, fails=True)
    wait_queue(on_node, told, Delivered=1)
    send(client, told)
    wait_queue(on_node, told, Delivered=2)
    send(client, told, answer_bytes=1_200_000)  # more than the function that is told may be given
    wait_queue(on_node, told, Waiting=0, InFlight=0, Dropped=0, Delivered=2, DeliveryFailures=1)


def test_a_mapping_whose_queue_is_gone_says_so(node: Node, client: Any, on_node: Stoker, deploy: Deploy) -> None:
    name = deploy(None, {"handler.py": HANDLER})
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="leaving")["QueueUrl"]
    source = "arn:aws:sqs:us-east-1:000000000000:leaving"
    uuid = client.create_event_source_mapping(FunctionName=name, EventSourceArn=source)["UUID"]

    def row(command: str) -> list[str]:
        return on_node(command, name).stdout.splitlines()[-1].split("\t")

    assert wait(lambda: row("events"), lambda cells: cells[1:2] == ["Enabled"])[3] == "-"
    sqs.delete_queue(QueueUrl=url)
    client.update_event_source_mapping(UUID=uuid, BatchSize=5)  # its poller begins anew
    for command in ("events", "show"):
        cells = wait(partial(row, command), lambda cells: cells[1] == "Enabled" and "NonExistentQueue" in cells[3])
        assert (cells[0], cells[2], cells[4]) == (source, "USER_INITIATED", uuid)
        (mapping,) = json.loads(on_node(command, name, "--output", "json").stdout)["EventSourceMappings"]
        assert "NonExistentQueue" in mapping["LastProcessingResult"]
    client.delete_event_source_mapping(UUID=uuid)


def test_an_unknown_function_is_one_line(on_node: Stoker) -> None:
    missing = on_node("events", "cli-nobody")
    assert (missing.returncode, missing.stdout, missing.stderr.count("\n")) == (1, "", 1)
    assert missing.stderr.startswith("stoker: ResourceNotFoundException: Function not found: arn:aws:lambda:")
