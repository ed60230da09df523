"""SnapStart on a real node, with AWS's runtime client and its hooks (reference: runtime side, 2.6, 3.1, 5, 6 and 8)."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from stoker.config import Settings, default_runtimes_dir
from tests.catalogues import catalogue_of
from tests.conftest import PYTHON, Deploy, Node, NodeProcess, deployer, zip_of

from .calls import invoke, log_messages

CODE = """
import os, random, secrets, ssl, sys, tempfile, time, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot

time.sleep(float(os.environ.get("INIT_S", "0")))
PLAN, SEEN = os.environ.get("PLAN", ""), []
MARK = os.urandom(8).hex()
# Whatever keeps a random state has one by now.
DRAWN = [random.random(), uuid.uuid4(), uuid.uuid1(), ssl.RAND_bytes(8), next(tempfile._get_candidate_names())]
if PLAN == "init fails":
    raise ValueError("no good")

@register_before_snapshot
def first():
    SEEN.append("before, registered first")

@register_before_snapshot
def second():
    SEEN.append("before, registered second")
    if PLAN == "before fails":
        raise ValueError("no snapshot")

@register_after_restore
def after():
    SEEN.append("after")
    print("restoring")
    if PLAN == "after fails":
        raise ValueError("no restore")
    if PLAN == "after is slow":
        time.sleep(60)
    if PLAN == "after exits":
        os._exit(3)

def handler(event, context):
    if event.get("crash"):
        os._exit(1)
    time.sleep(event.get("sleep", 0))
    if event.get("variables"):
        return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    if event.get("boto3"):
        import boto3
        keys = boto3.Session().get_credentials()
        return [keys.method, *keys.get_frozen_credentials()[:3]]
    state = [random.random(), uuid.uuid4().hex, uuid.uuid1().hex, secrets.token_hex(8), ssl.RAND_bytes(8).hex()]
    state.append(next(tempfile._get_candidate_names()))
    return {"seen": SEEN, "mark": MARK, "state": state, "kind": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""
FILES = {"index.py": CODE}
KEY_FORMS = ("ASIA[A-Z2-7]{16}$", "[A-Za-z0-9+/]{40}$", "StokerRole1[.]")
JAVA = """
import com.amazonaws.services.lambda.crac.*;
import java.util.*;

public class Hooked implements Resource {
    static final List<String> seen = new ArrayList<>();
    static final Resource hooks = new Hooked();
    static { Core.getGlobalContext().register(hooks); }
    public void beforeCheckpoint(Context<? extends Resource> context) { seen.add("before"); }
    public void afterRestore(Context<? extends Resource> context) { seen.add("after"); }
    public Object handle(Map<String, Object> event) { return seen; }
}
"""
ON = {"ApplyOn": "PublishedVersions"}
QUICKLY = {"Delay": 0.05, "MaxAttempts": 600}
HOOKS = ["before, registered second", "before, registered first", "after"]
RUNTIME_VERSION = (
    r"Runtime Version: python:3\.\d+\.v\d+\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}"
)
LIMIT_S = 20.0


@pytest.fixture(scope="module")
def runtime(install_runtime: Callable[[str], str]) -> str:
    """SnapStart is for Python from 3.12 on."""
    return install_runtime(PYTHON if sys.version_info >= (3, 12) else "python3.12")


@pytest.fixture(scope="module")
def snapped(lambda_client: Any, deploy_module: Deploy, runtime: str) -> str:
    """A function whose version 1 was restored by nobody but the tests of this module; its init takes a second."""
    name = deploy_module(
        None, FILES, runtime, "index.handler", SnapStart=ON, Environment={"Variables": {"INIT_S": "1"}}, Timeout=5
    )
    publish(lambda_client, name)
    return name


def publish(client: Any, name: str, until: str = "Active") -> dict[str, Any]:
    """The version's configuration, once its state is no longer Pending."""
    number = client.publish_version(FunctionName=name)["Version"]
    if until == "Active":
        client.get_waiter("published_version_active").wait(FunctionName=name, Qualifier=number, WaiterConfig=QUICKLY)
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        shown: dict[str, Any] = client.get_function_configuration(FunctionName=name, Qualifier=number)
        if shown["State"] != "Pending":
            assert shown["State"] == until, shown
            return shown
        time.sleep(0.02)
    raise AssertionError(shown)


def wait_initialised(logs_client: Any, name: str) -> None:
    """Until the log tells of an init."""
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        messages = log_messages(logs_client, name)
        if any(message.startswith("INIT_REPORT") for message in messages):
            return
        time.sleep(0.05)
    raise AssertionError(messages)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int, str]:
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def test_a_version_is_initialised_before_it_becomes_active(
    lambda_client: Any, logs_client: Any, deploy: Deploy, runtime: str
) -> None:
    slow = {"Variables": {"INIT_S": "0.5"}}
    name = deploy(None, FILES, runtime, "index.handler", SnapStart=ON, Environment=slow, Timeout=5)
    asked = lambda_client.publish_version(FunctionName=name)
    assert (asked["State"], asked["StateReasonCode"]) == ("Pending", "Creating")
    with pytest.raises(ClientError) as refused:
        invoke(lambda_client, name, Qualifier="1")
    assert code_of(refused)[:2] == ("SnapStartNotReadyException", 409)
    waiter = lambda_client.get_waiter("published_version_active")
    waiter.wait(FunctionName=name, Qualifier="1", WaiterConfig=QUICKLY)
    shown = lambda_client.get_function_configuration(FunctionName=name, Qualifier="1")
    assert (shown["State"], shown["LastUpdateStatus"]) == ("Active", "Successful")
    assert shown["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    wait_initialised(logs_client, name)
    first, last = log_messages(logs_client, name)
    assert re.fullmatch(f"INIT_START {RUNTIME_VERSION}\n?", first)
    assert re.fullmatch(r"INIT_REPORT Init Duration: \d{3,4}\.\d\d ms\tPhase: init\n?", last)


def test_create_and_update_with_publish_make_snapshots_too(lambda_client: Any, deploy: Deploy, runtime: str) -> None:
    name = deploy(None, FILES, runtime, "index.handler", SnapStart=ON, Publish=True)
    waiter = lambda_client.get_waiter("published_version_active")
    waiter.wait(FunctionName=name, Qualifier="1", WaiterConfig=QUICKLY)
    old = invoke(lambda_client, name, Qualifier="1")
    assert "Restore Duration" in old.report
    changed = {"index.py": CODE + "\nSEEN.append('new code')\n"}
    asked = lambda_client.update_function_code(FunctionName=name, ZipFile=zip_of(changed), Publish=True)
    assert (asked["Version"], asked["State"]) == ("2", "Pending")
    waiter.wait(FunctionName=name, Qualifier="2", WaiterConfig=QUICKLY)
    assert invoke(lambda_client, name, Qualifier="2").value["seen"] == ["new code", *HOOKS]
    assert invoke(lambda_client, name, Qualifier="1").value["mark"] == old.value["mark"]


def test_the_first_invocation_is_restored_and_reports_it(
    lambda_client: Any, logs_client: Any, deploy: Deploy, runtime: str
) -> None:
    name = deploy(None, FILES, runtime, "index.handler", SnapStart=ON)
    publish(lambda_client, name)
    answer = invoke(lambda_client, name, Qualifier="1")
    assert answer.value["seen"] == HOOKS
    assert answer.value["kind"] == "snap-start"
    figures = re.fullmatch(
        rf"REPORT RequestId: {answer.request_id}\tDuration: ([\d.]+) ms\tBilled Duration: (\d+) ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\tRestore Duration: ([\d.]+) ms\t"
        r"Billed Restore Duration: (\d+) ms\t",
        answer.report,
    )
    assert figures, answer.report
    duration_ms, billed_ms, restore_ms, billed_restore_ms = map(float, figures.groups())
    assert billed_restore_ms - 1 < restore_ms <= billed_restore_ms
    assert billed_ms - 1 <= duration_ms + restore_ms <= billed_ms + 0.011
    again = invoke(lambda_client, name, Qualifier="1")
    assert again.value["mark"] == answer.value["mark"]
    assert "Restore" not in again.report
    assert "Init Duration" not in again.report
    lines = [line for line in restored_stream(logs_client, name) if "RequestId" not in line]
    if lines[0].startswith("INIT_START"):  # nothing can be forked here: it was initialised itself, in the same stream
        lines = lines[[line.startswith("RESTORE_START") for line in lines].index(True) :]
    assert re.fullmatch(f"RESTORE_START {RUNTIME_VERSION}", lines[0])
    assert [re.sub(r"[\d.]+ ms", "… ms", line) for line in lines[1:]] == [
        "restoring",
        "RESTORE_REPORT Restore Duration: … ms",
    ]


def restored_stream(logs_client: Any, name: str) -> list[str]:
    """The lines of the stream in which a restore is told, once its invocation has been reported."""
    group = f"/aws/lambda/{name}"
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        for stream in logs_client.describe_log_streams(logGroupName=group)["logStreams"]:
            events = logs_client.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )
            lines = [event["message"].rstrip("\n") for event in events["events"]]
            if any(line.startswith("REPORT") for line in lines):
                return lines
        time.sleep(0.05)
    raise AssertionError(lines)


def test_latest_runs_on_demand(lambda_client: Any, snapped: str) -> None:
    answer = invoke(lambda_client, snapped)
    assert answer.value["kind"] == "on-demand"
    assert answer.value["seen"] == []
    assert "Init Duration" in answer.report
    assert "Restore" not in answer.report


def test_credentials_are_fetched_and_logs_have_no_name(lambda_client: Any, snapped: str) -> None:
    variables = invoke(lambda_client, snapped, {"variables": True}, Qualifier="1").value
    assert variables["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
    assert re.fullmatch("[0-9a-f]{64}", variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
    assert variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"].endswith("/2021-04-23/credentials")
    absent = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    assert not (absent | {"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"}) & variables.keys()
    keys = invoke(lambda_client, snapped, {"boto3": True}, Qualifier="1").value
    assert keys[0] == "container-role"
    assert [re.match(form, key) is not None for form, key in zip(KEY_FORMS, keys[1:], strict=True)] == [True] * 3


def test_a_burst_is_answered_by_copies_of_one_init_that_draw_nothing_random_alike(
    lambda_client: Any, logs_client: Any, deploy: Deploy, runtime: str
) -> None:
    callers = 20
    slow = {"Variables": {"INIT_S": "2"}}
    name = deploy(None, FILES, runtime, "index.handler", SnapStart=ON, Environment=slow, MemorySize=256, Timeout=40)
    publish(lambda_client, name)
    with ThreadPoolExecutor(callers) as threads:
        calls = [threads.submit(invoke, lambda_client, name, {"sleep": 8}, Qualifier="1") for _ in range(callers)]
        answers = [call.result() for call in calls]
    assert all(answer.value["seen"] == HOOKS for answer in answers)
    assert all("Restore Duration" in answer.report for answer in answers)
    assert len({answer.value["mark"] for answer in answers}) == 1
    for position, _ in enumerate(answers[0].value["state"]):
        assert len({answer.value["state"][position] for answer in answers}) == callers, position
    assert sum(message.startswith("INIT_START") for message in log_messages(logs_client, name)) == 1


def test_a_crash_is_followed_by_another_restore(lambda_client: Any, deploy: Deploy, runtime: str) -> None:
    name = deploy(None, FILES, runtime, "index.handler", SnapStart=ON)
    publish(lambda_client, name)
    before = invoke(lambda_client, name, Qualifier="1").value["mark"]
    crashed = invoke(lambda_client, name, {"crash": True}, Qualifier="1")
    assert crashed.body == crashed.platform_error("Runtime.ExitError", "Runtime exited with error: exit status 1")
    after = invoke(lambda_client, name, Qualifier="1")
    assert after.value["mark"] == before
    assert after.value["seen"] == HOOKS
    assert "Restore Duration" in after.report


@pytest.mark.parametrize(
    ("plan", "error_type"),
    [("init fails", "Runtime.Unknown"), ("before fails", "Runtime.BeforeSnapshotError")],
)
def test_a_version_whose_init_fails_fails(
    lambda_client: Any, logs_client: Any, deploy: Deploy, runtime: str, plan: str, error_type: str
) -> None:
    name = deploy(None, FILES, runtime, "index.handler", SnapStart=ON, Environment={"Variables": {"PLAN": plan}})
    failed = publish(lambda_client, name, until="Failed")
    assert failed["StateReasonCode"] == failed["LastUpdateStatusReasonCode"] == "FunctionError"
    assert failed["StateReason"] == "An error occurred during function initialization."
    assert failed["LastUpdateStatus"] == "Failed"
    report = f"Phase: init\tStatus: error\tError Type: {error_type}"
    assert any(m.startswith("INIT_REPORT ") and report in m for m in log_messages(logs_client, name))
    with pytest.raises(ClientError) as refused:
        invoke(lambda_client, name, Qualifier="1")
    assert code_of(refused)[:2] == ("ResourceConflictException", 409)
    assert lambda_client.get_function_configuration(FunctionName=name)["State"] == "Active"


@pytest.mark.parametrize(
    ("plan", "status", "error", "report"),
    [
        ("after fails", 400, "SnapStartException", "Status: error\tError Type: Runtime.AfterRestoreError"),
        ("after exits", 400, "SnapStartException", "Status: error\tError Type: Runtime.ExitError"),
        ("after is slow", 408, "SnapStartTimeoutException", "Status: timeout"),
    ],
)
def test_a_restore_that_fails_is_the_callers_error(
    lambda_client: Any, logs_client: Any, deploy: Deploy, runtime: str, plan: str, status: int, error: str, report: str
) -> None:
    name = deploy(None, FILES, runtime, "index.handler", SnapStart=ON, Environment={"Variables": {"PLAN": plan}})
    publish(lambda_client, name)
    began_s = time.monotonic()
    with pytest.raises(ClientError) as failed:
        invoke(lambda_client, name, Qualifier="1")
    assert code_of(failed)[:2] == (error, status)
    if status == 408:
        assert 10 <= time.monotonic() - began_s < 15
    lines = [m.rstrip("\n") for m in log_messages(logs_client, name) if m.startswith(("RESTORE_REPORT", "REPORT"))]
    assert len(lines) == 1
    assert re.fullmatch(rf"RESTORE_REPORT Restore Duration: [\d.]+ ms\t{report}", lines[0])


def test_a_restore_is_told_as_json(lambda_client: Any, logs_client: Any, deploy: Deploy, runtime: str) -> None:
    """Reference: runtime side, 8."""
    logging = {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"}
    name = deploy(None, FILES, runtime, "index.handler", SnapStart=ON, LoggingConfig=logging)
    publish(lambda_client, name)
    invoke(lambda_client, name, Qualifier="1", LogType="None")
    deadline_s = time.monotonic() + LIMIT_S
    events: dict[str, Any] = {}
    while "platform.report" not in events and time.monotonic() < deadline_s:
        documents = [json.loads(message) for message in log_messages(logs_client, name) if message.startswith("{")]
        events = {document["type"]: document["record"] for document in documents if "type" in document}
    started = events["platform.restoreStart"]
    assert (started["functionName"], started["functionVersion"]) == (name, "1")
    assert events["platform.initReport"]["initializationType"] == "snap-start"
    assert events["platform.restoreRuntimeDone"] == {"status": "success"}
    restored = events["platform.restoreReport"]
    assert restored["status"] == "success"
    metrics = events["platform.report"]["metrics"]
    assert metrics["restoreDurationMs"] == restored["metrics"]["durationMs"] > 0
    assert "initDurationMs" not in metrics


def test_snapshots_are_made_again_after_a_restart_and_go_with_their_versions(
    start_node: Callable[..., tuple[NodeProcess, Node]], runtime: str
) -> None:
    process, node = start_node(STOKER_SNAPSHOTS_READY_MAX="2")
    deploy, _ = deployer(node.client("lambda"))
    slow = {"Variables": {"INIT_S": "0.5"}}
    name = deploy(None, FILES, runtime, "index.handler", SnapStart=ON, Environment=slow)
    publish(node.client("lambda"), name)
    update(node.client("lambda"), name, "# second")
    assert node.client("lambda").publish_version(FunctionName=name)["State"] == "Pending"
    assert process.stop() == 0
    process, node = start_node(data=process.data, STOKER_SNAPSHOTS_READY_MAX="2")
    client, logs = node.client("lambda"), node.client("logs")
    assert client.get_function_configuration(FunctionName=name, Qualifier="1")["State"] == "Active"
    answer = invoke(client, name, Qualifier="1")  # it may have to initialise its own
    assert answer.value["seen"] == HOOKS
    # What was being initialised when the node stopped has not failed by that.
    client.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="2", WaiterConfig=QUICKLY)
    wait_environments(node, 4)  # two ready and a warm one of version 1, one ready of version 2
    update(client, name, "# third")
    publish(client, name)
    wait_environments(node, 5)
    client.delete_function(FunctionName=name, Qualifier="1")
    wait_environments(node, 2)
    assert invoke(client, name, Qualifier="2").value["seen"] == HOOKS
    client.delete_function(FunctionName=name)
    wait_environments(node, 0)
    assert sum(m.startswith("RESTORE_START") for m in log_messages(logs, name)) == 2


def test_java_runs_the_hooks_of_crac(
    lambda_client: Any,
    deploy: Deploy,
    install_runtime: Callable[[str], str],
    tmp_path: Path,
) -> None:
    runtime = install_runtime("java17")
    build = catalogue_of(Settings(data=tmp_path, runtimes_dir=default_runtimes_dir())).find(runtime)
    if shutil.which("javac") is None:
        pytest.skip("needs javac: sudo apt-get install openjdk-17-jdk-headless")
    (tmp_path / "Hooked.java").write_text(JAVA)
    command = ["javac", "--release", "17", "-classpath", f"{build.runtime_dir}/lib/*", "-d", str(tmp_path / "classes")]
    subprocess.run([*command, str(tmp_path / "Hooked.java")], check=True, timeout=60)
    name = deploy(None, tmp_path / "classes", runtime, "Hooked::handle", SnapStart=ON, MemorySize=512)
    publish(lambda_client, name)
    restored = invoke(lambda_client, name, Qualifier="1")
    assert restored.value == ["before", "after"]
    assert "Restore Duration" in restored.report


def test_without_isolation_it_is_the_same(start_node: Callable[..., tuple[NodeProcess, Node]], runtime: str) -> None:
    _, node = start_node(STOKER_ISOLATION="plain")
    client = node.client("lambda")
    deploy, _ = deployer(client)
    name = deploy(None, FILES, runtime, "index.handler", SnapStart=ON)
    publish(client, name)
    restored = invoke(client, name, Qualifier="1")
    assert restored.value["seen"] == HOOKS
    assert "Restore Duration" in restored.report
    keys = invoke(client, name, {"boto3": True}, Qualifier="1").value
    assert keys[0] == "container-role"
    assert [re.match(form, key) is not None for form, key in zip(KEY_FORMS, keys[1:], strict=True)] == [True] * 3


def update(client: Any, name: str, line: str) -> None:
    client.update_function_code(FunctionName=name, ZipFile=zip_of({"index.py": f"{CODE}\n{line}\n"}))
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=QUICKLY)


def wait_environments(node: Node, number: int) -> None:
    """Until the node has so many, busy and idle."""
    deadline_s = time.monotonic() + LIMIT_S
    counts: dict[str, int] = {}
    while time.monotonic() < deadline_s:
        with urlopen(f"{node.endpoint}/_stoker/health") as answer:
            counts = json.load(answer)["environments"]
        if counts["all"] == counts["idle"] == number:
            return
        time.sleep(0.02)
    raise AssertionError(counts)
