"""What was accepted is run, whatever happens to the node."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import Node, NodeProcess, deployer

from .conftest import QUICK, RECORDER, arn_of, seen, send, wait_seen

StartNode = Callable[..., tuple[NodeProcess, Node]]


def deploy_recorder(node: Node, name: str, **configuration: Any) -> str:
    return deployer(node.client("lambda"))[0](name, {"handler.py": RECORDER}, **configuration)


# Writes down outside of the node what it was given: log lines of the last moments die with a node.
WITNESS = """
import os

def handler(event, context):
    number = event["requestPayload"] if isinstance(event, dict) else event
    witness = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(witness, b"%d\\n" % number)
    os.close(witness)
"""


def test_no_accepted_event_is_lost_when_the_node_is_killed_again_and_again(
    start_node: StartNode, tmp_path: Path
) -> None:
    settings = {**QUICK, "STOKER_ISOLATION": "plain"}
    process, node = start_node(**settings)
    for name in ("f", "told"):
        environment = {"Variables": {"WITNESS": str(tmp_path / name)}}
        deployer(node.client("lambda"))[0](name, {"handler.py": WITNESS}, Environment=environment)
    node.client("lambda").put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": arn_of("told")}}
    )
    accepted: list[int] = []
    for first in (0, 100_000):
        killed = threading.Event()
        with ThreadPoolExecutor(8) as callers:
            for caller in range(8):
                callers.submit(_send_until, killed, node, range(first + caller, first + 100_000, 8), accepted)
            _wait_for_more(accepted, 100)
            process.kill()
            killed.set()
        process, node = start_node(data=node.data, **settings)
    _wait_empty(node)
    for name in ("f", "told"):
        witnessed = {int(line) for line in (tmp_path / name).read_text().split()}
        assert set(accepted) <= witnessed, f"{name} has not seen {len(set(accepted) - witnessed)} of {len(accepted)}"


def _wait_for_more(accepted: list[int], many: int) -> None:
    enough, deadline_s = len(accepted) + many, time.monotonic() + 30
    while len(accepted) < enough:
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def _send_until(killed: threading.Event, node: Node, numbers: range, accepted: list[int]) -> None:
    client = node.client("lambda")
    for number in numbers:
        if killed.is_set():
            return
        try:
            send(client, "f", number)
        except (BotoCoreError, ClientError):
            return
        accepted.append(number)


def _wait_empty(node: Node) -> None:
    deadline_s = time.monotonic() + 30
    with sqlite3.connect(f"file:{node.data / 'stoker.db'}?mode=ro", uri=True) as database:
        while left := database.execute("SELECT count(*) FROM async_events").fetchone()[0]:
            assert time.monotonic() < deadline_s, f"{left} events are still there"
            time.sleep(0.1)
    database.close()


def test_a_stopped_node_lets_running_events_end_and_leaves_the_others_to_the_next(start_node: StartNode) -> None:
    process, node = start_node(**QUICK)
    deploy_recorder(node, "f", Timeout=10)
    client = node.client("lambda")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    requests = [send(client, "f", {"seconds": 0.6, "n": number}) for number in range(3)]
    wait_seen(node, "f", 1)
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text()
    _, node = start_node(data=node.data, **QUICK)
    records = wait_seen(node, "f", 3)
    _wait_empty(node)
    # Each exactly once: the first ended within the grace, the others had not begun.
    assert [record["request_id"] for record in records] == requests
    assert len(seen(node, "f")) == 3


def test_a_retry_that_waits_is_made_by_the_next_node(start_node: StartNode) -> None:
    process, node = start_node(STOKER_ASYNC_RETRY_DELAY_S="1.5")
    deploy_recorder(node, "f")
    request_id = send(node.client("lambda"), "f", {"fails": "x"})
    wait_seen(node, "f", 1)
    _wait_postponed(node)
    process.kill()
    _, node = start_node(data=node.data, **QUICK)
    records = wait_seen(node, "f", 3)
    assert [record["request_id"] for record in records] == [request_id] * 3
    assert records[1]["at"] - records[0]["at"] >= 1.5


def _wait_postponed(node: Node) -> None:
    with sqlite3.connect(f"file:{node.data / 'stoker.db'}?mode=ro", uri=True) as database:
        while database.execute("SELECT count(*) FROM async_events WHERE tries = 1").fetchone()[0] == 0:
            time.sleep(0.02)
    database.close()


def test_a_killed_nodes_running_event_is_run_again(start_node: StartNode) -> None:
    process, node = start_node(**QUICK)
    deploy_recorder(node, "f", Timeout=20)
    request_id = send(node.client("lambda"), "f", {"seconds": 1})
    deadline_s = time.monotonic() + 10
    while not seen(node, "f"):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    process.kill()
    _, node = start_node(data=node.data, **QUICK)
    records = wait_seen(node, "f", 2)
    assert [record["request_id"] for record in records] == [request_id] * 2
    assert json.dumps(records[0]["event"]) == json.dumps(records[1]["event"])


@pytest.mark.parametrize("setting", ["STOKER_ASYNC_RETRY_DELAY_S=-1", "STOKER_ASYNC_CONCURRENCY_PER_FUNCTION=0"])
def test_settings_that_make_no_sense_are_refused(start_node: StartNode, setting: str) -> None:
    name, _, value = setting.partition("=")
    with pytest.raises(AssertionError, match="must"):
        start_node(**{name: value})
