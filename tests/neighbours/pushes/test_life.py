"""The line between the two processes: big events, and a process that ends."""

import json
import os
import signal
from collections.abc import Callable
from uuid import uuid4

from tests.conftest import Node, NodeProcess
from tests.neighbours.processes import neighbours_of, wait_gone

from .conftest import Recorder, wait_until

Recorders = Callable[..., Recorder]
SNS = "sns.amazonaws.com"


def topic_of(node: Node, function: Recorder) -> str:
    sns = node.client("sns")
    topic = str(sns.create_topic(Name=f"t-{uuid4().hex[:8]}")["TopicArn"])
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.arn)
    return topic


def test_an_event_that_is_too_large_is_refused(node: Node, recorder: Recorders, process: NodeProcess) -> None:
    function, events, source = recorder(), node.client("events"), uuid4().hex
    function.let_in("events.amazonaws.com")
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    transformer = {"InputPathsMap": {"d": "$.detail"}, "InputTemplate": "[" + ",".join(["<d>"] * 8) + "]"}
    target = {"Id": "t", "Arn": function.arn, "InputTransformer": transformer}
    events.put_targets(Rule=source, Targets=[target])
    for characters in (20_000, 140_000):
        detail = json.dumps({"x": "y" * characters})
        events.put_events(Entries=[{"Source": source, "DetailType": "d", "Detail": detail}])
    wait_until(lambda: _is_told(process, source), "the log says nothing")
    (event,) = function.wait_seen()
    assert [len(part["x"]) for part in event] == [20_000] * 8


def test_a_process_that_comes_after_another_pushes_too(process: NodeProcess, node: Node, recorder: Recorders) -> None:
    function = recorder()
    function.let_in(SNS)
    node.client("sns").publish(TopicArn=topic_of(node, function), Message="1")
    function.wait_seen(1)
    (pid,) = neighbours_of(process.process.pid)
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    node.client("sns").publish(TopicArn=topic_of(node, function), Message="2")
    messages = [record["Sns"]["Message"] for event in function.wait_seen(2) for record in event["Records"]]
    assert messages == ["1", "2"]


def _is_told(process: NodeProcess, source: str) -> bool:
    lines = [line for line in process.log.read_text().splitlines() if source in line]
    return any("Request must be smaller than 1048576 bytes" in line for line in lines)
