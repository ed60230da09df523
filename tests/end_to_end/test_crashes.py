"""What is left when a node, a launcher or a sandbox ends, however it ends, and what the next one makes of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from tests.conftest import PYTHON, ROLE, Node, NodeProcess, deployer, zip_of
from tests.handlers import folder

from . import footprint
from .calls import Answer, invoke, log_messages
from .footprint import Footprint

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: looks at every process and control group")

StartNode = Callable[..., tuple[NodeProcess, Node]]
FREEZE_AFTER_S = 0.3


@pytest.fixture
def calls() -> Iterator[ThreadPoolExecutor]:
    """Threads for calls that outlast the node they were made to."""
    threads = ThreadPoolExecutor(16)
    yield threads
    threads.shutdown(wait=False, cancel_futures=True)


def deploy_to(client: Any, name: str, files: Any, handler: str = "index.handler", **configuration: Any) -> str:
    return deployer(client)[0](name, files, PYTHON, handler, **configuration)


def call_slow(calls: ThreadPoolExecutor, node: Node, seconds: float) -> "Future[Answer]":
    """A running invocation of the function `slow`; returns when the handler has it."""
    environments = sandboxes(node)
    call = calls.submit(invoke, node.client("lambda"), "slow", {"seconds": seconds})
    while sandboxes(node) == environments:
        time.sleep(0.01)
    time.sleep(0.3)
    return call


def sandboxes(node: Node) -> int:
    return len(footprint.first_processes(node.pid))


def test_a_restart_keeps_functions_versions_tags_and_logs(start_node: StartNode) -> None:
    process, node = start_node()
    client = node.client("lambda")
    deploy_to(
        client, "kept", folder("echo_python"), Tags={"team": "blue"}, Environment={"Variables": {"COLOUR": "green"}}
    )
    client.publish_version(FunctionName="kept", Description="the first")
    arn = client.get_function(FunctionName="kept")["Configuration"]["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"later": "yes"})
    assert invoke(client, "kept", {"number": 1}).value == {"number": 1}
    before = [_facts(client, "kept", qualifier) for qualifier in ("$LATEST", "1")]
    lines = log_messages(node.client("logs"), "kept")
    assert process.stop() == 0

    _, node = start_node(data=node.data)
    client = node.client("lambda")
    assert [_facts(client, "kept", qualifier) for qualifier in ("$LATEST", "1")] == before
    assert client.list_tags(Resource=arn)["Tags"] == {"team": "blue", "later": "yes"}
    assert log_messages(node.client("logs"), "kept") == lines
    assert [invoke(client, "kept", {"n": 2}, Qualifier=qualifier).value for qualifier in ("$LATEST", "1")] == [
        {"n": 2}
    ] * 2
    client.publish_version(FunctionName="kept")
    versions = client.list_versions_by_function(FunctionName="kept")["Versions"]
    # Equal to the version before: nothing new to publish (reference: control plane, 5).
    assert [version["Version"] for version in versions] == ["$LATEST", "1"]


def _facts(client: Any, name: str, qualifier: str) -> dict[str, Any]:
    return client.get_function(FunctionName=name, Qualifier=qualifier)["Configuration"]


def test_a_killed_node_leaves_nothing_once_the_next_one_is_up(start_node: StartNode, calls: ThreadPoolExecutor) -> None:
    process, node = start_node(STOKER_FREEZE_AFTER_S=str(FREEZE_AFTER_S))
    client = node.client("lambda")
    deploy_to(client, "frozen", folder("counter"))
    deploy_to(client, "idle", folder("counter"))
    deploy_to(client, "slow", folder("slow"), Timeout=60)
    invoke(client, "frozen")
    busy = call_slow(calls, node, seconds=30)
    while footprint.frozen_count(node.data) == 0:
        time.sleep(0.02)
    invoke(client, "idle")
    before = Footprint.of(node.pid, node.data)
    assert sandboxes(node) == 3
    process.kill()
    assert isinstance(busy.exception(timeout=20), BotoCoreError)

    _, node = start_node(data=node.data)
    before.wait_gone()
    client = node.client("lambda")
    for name in ("frozen", "idle"):
        assert invoke(client, name).value["in_memory"] == 1
    assert invoke(client, "slow", {"seconds": 0}).value == {"seconds": 0}


def test_no_acknowledged_write_is_lost_when_the_node_is_killed(
    start_node: StartNode, calls: ThreadPoolExecutor
) -> None:
    process, node = start_node()
    client = node.client("lambda")
    deploy_to(client, "changing", folder("echo_python"))
    arn = client.get_function(FunctionName="changing")["Configuration"]["FunctionArn"]
    package = zip_of(folder("echo_python"))
    # For each kind of write, what was acknowledged, in order.
    created: list[str] = []
    tagged: list[str] = []
    published: list[str] = []
    said: list[str] = []

    def create(number: int) -> None:
        name = f"made-{number}"
        client.create_function(
            FunctionName=name, Runtime=PYTHON, Handler="index.handler", Role=ROLE, Code={"ZipFile": package}
        )
        created.append(name)

    def tag(number: int) -> None:
        client.tag_resource(Resource=arn, Tags={f"tag-{number % 40}": str(number)})
        tagged.append(str(number))

    def publish(number: int) -> None:
        description = f"change {number}"
        client.update_function_configuration(FunctionName="changing", Timeout=3 + number % 800)
        client.get_waiter("function_updated_v2").wait(
            FunctionName="changing", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
        )
        client.publish_version(FunctionName="changing", Description=description)
        published.append(description)

    logs = node.client("logs")
    logs.create_log_group(logGroupName="/notes")
    logs.create_log_stream(logGroupName="/notes", logStreamName="s")

    def say(number: int) -> None:
        event = {"timestamp": int(time.time() * 1000), "message": f"note {number}"}
        logs.put_log_events(logGroupName="/notes", logStreamName="s", logEvents=[event])
        said.append(event["message"])

    def over_and_over(write: Callable[[int], None]) -> None:
        number = 0
        while True:
            try:
                write(number)
            except BotoCoreError:
                return
            number += 1

    writers = [calls.submit(over_and_over, write) for write in (create, tag, publish, say)]
    while min(len(created), len(tagged), len(published), len(said)) < 5:
        time.sleep(0.01)
        for writer in writers:
            assert not writer.done(), writer.result()
    process.kill()
    for writer in writers:
        writer.result(timeout=20)

    _, node = start_node(data=node.data)
    client = node.client("lambda")
    pages = client.get_paginator("list_functions").paginate()
    functions = {function["FunctionName"] for page in pages for function in page["Functions"]}
    assert set(created) <= functions
    tags = client.list_tags(Resource=arn)["Tags"]
    # A write that was not acknowledged may have happened all the same, so the last of each key or one later.
    assert all(int(tags[f"tag-{int(number) % 40}"]) >= int(number) for number in tagged[-40:])
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName="changing")
    descriptions = {version["Description"] for page in pages for version in page["Versions"]}
    assert set(published) <= descriptions
    pages = node.client("logs").get_paginator("filter_log_events").paginate(logGroupName="/notes")
    assert set(said) <= {event["message"] for page in pages for event in page["events"]}
    # The one that was being made when the node was killed becomes active, too, and all of them run.
    for name in (created[0], created[-1], *sorted(functions - set(created) - {"changing"})):
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
        assert invoke(client, name, {"name": name}).value == {"name": name}


@pytest.fixture
def busy_node(start_node: StartNode) -> Node:
    """A node with the functions `counter`, called and idle, and `slow`."""
    _, node = start_node()
    client = node.client("lambda")
    deploy_to(client, "counter", folder("counter"))
    deploy_to(client, "slow", folder("slow"), Timeout=60)
    invoke(client, "counter")
    return node


@pytest.mark.namespaces_only("there are no zygotes")
def test_a_killed_zygote_is_replaced_and_nothing_of_it_stays(busy_node: Node, calls: ThreadPoolExecutor) -> None:
    node = busy_node
    client = node.client("lambda")
    call = call_slow(calls, node, seconds=30)
    (zygote,) = [pid for pid in footprint.children(node.pid) if footprint.command(pid) == "stoker-zygote"]
    before = Footprint.of(zygote, node.data)
    assert len(footprint.first_processes(node.pid)) == 2
    os.kill(zygote, signal.SIGKILL)

    answer = call.result(timeout=20)
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert answer.body == answer.platform_error("Runtime.ExitError", "Runtime exited with error: signal: killed")
    assert invoke(client, "slow", {"seconds": 0}).value == {"seconds": 0}
    assert invoke(client, "counter").value["in_memory"] == 1
    before.wait_gone()


def test_a_killed_first_process_takes_its_sandbox_with_it(busy_node: Node, calls: ThreadPoolExecutor) -> None:
    node = busy_node
    client = node.client("lambda")
    former = set(footprint.first_processes(node.pid))
    call = call_slow(calls, node, seconds=30)
    (busy,) = set(footprint.first_processes(node.pid)) - former
    (idle,) = former
    before = [Footprint.of(pid, node.data) for pid in (busy, idle)]
    os.kill(idle, signal.SIGKILL)
    os.kill(busy, signal.SIGKILL)

    answer = call.result(timeout=20)
    assert answer.error == "Unhandled"
    assert answer.body == answer.platform_error("Runtime.ExitError", "Runtime exited with error: signal: killed")
    for print_of_it in before:
        print_of_it.wait_gone()
    # A new sandbox, so neither memory nor /tmp is the former one's.
    counted = invoke(client, "counter").value
    assert (counted["in_memory"], counted["in_tmp"]) == (1, 1)
    assert invoke(client, "slow", {"seconds": 0}).value == {"seconds": 0}


def test_sigterm_lets_a_running_invocation_finish_and_then_removes_everything(
    start_node: StartNode, calls: ThreadPoolExecutor
) -> None:
    process, node = start_node()
    deploy_to(node.client("lambda"), "slow", folder("slow"), Timeout=60)
    call = call_slow(calls, node, seconds=3)
    before = Footprint.of(node.pid, node.data)
    assert sandboxes(node) == 1
    groups = footprint.node_groups(node.data)
    assert groups
    process.process.terminate()
    time.sleep(0.5)
    assert not call.done()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(node.endpoint.rpartition(":")[2])), timeout=5)

    assert call.result(timeout=30).value == {"seconds": 3}
    assert process.stop() == 0
    before.wait_gone()
    assert not any(group.exists() for group in groups)
    assert not (node.data / "node.json").exists()
    log = process.log.read_text()
    assert "Traceback" not in log
    assert "ERROR" not in log


def test_an_invocation_that_outlasts_the_grace_does_not_hold_up_the_stop(
    start_node: StartNode, calls: ThreadPoolExecutor
) -> None:
    process, node = start_node(STOKER_STOP_GRACE_S="1")
    deploy_to(node.client("lambda"), "slow", folder("slow"), Timeout=60)
    call = call_slow(calls, node, seconds=40)
    before = Footprint.of(node.pid, node.data)
    began_s = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - began_s < 10
    before.wait_gone()
    assert call.exception(timeout=20) is not None


def test_an_invocation_that_outlasts_the_grace_is_no_error_of_the_node(
    start_node: StartNode, calls: ThreadPoolExecutor
) -> None:
    process, node = start_node(STOKER_STOP_GRACE_S="0")
    deploy_to(node.client("lambda"), "slow", folder("slow"), Timeout=60)
    call_slow(calls, node, seconds=40)
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text()


def up(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A start of which nothing but a refusal is expected."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOKER_")}
    command = [sys.executable, "-m", "stoker", "up", "--data", str(data), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=data.parent, env=environment)


def test_a_second_node_on_the_same_data_refuses_in_one_line(start_node: StartNode) -> None:
    _, node = start_node()
    deploy_to(node.client("lambda"), "f", folder("echo_python"))
    refused = up(node.data, "--port", "0")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) <= 2, refused.stderr
    assert f"a node already runs at {node.endpoint} (process {node.pid})" in refused.stderr

    # Without the record of the first, as when both start at the same moment: now the lock decides.
    record = (node.data / "node.json").read_text()
    (node.data / "node.json").unlink()
    refused = up(node.data, "--port", "0")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"stoker: the data directory {node.data} is in use by another Stoker (process {node.pid}): "
        "stop that one, or choose another directory with --data\n"
    )
    (node.data / "node.json").write_text(record)
    assert invoke(node.client("lambda"), "f", {"still": "here"}).value == {"still": "here"}


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = up(tmp_path / "data", "--port", str(port))
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        f"stoker: cannot listen on 127.0.0.1:{port}: Address already in use. Choose another port with --port "
        "(0 takes a free one), or stop what listens there"
    )
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert not (tmp_path / "data" / "node.json").exists()
    assert footprint.node_groups(tmp_path / "data") == []


def test_a_record_of_a_node_that_is_gone_does_not_prevent_a_start(start_node: StartNode, tmp_path: Path) -> None:
    data = tmp_path / uuid.uuid4().hex
    data.mkdir()
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    (data / "node.json").write_text(json.dumps({"pid": ended.pid, "endpoint": "http://127.0.0.1:1", "version": "0"}))
    _, node = start_node(data=data)
    assert node.client("lambda").list_functions()["Functions"] == []
