"""Environments that are initialised ahead of any call: reference, invocation, 3, and runtime side, 3.1, 5 and 6.1."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Deploy, Node, NodeProcess, deployer, zip_of

from .calls import invoke, log_messages

StartNode = Callable[..., tuple[NodeProcess, Node]]
CODE = """
import os, threading, time

KIND = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
VERSION, CALLS = "{version}", []

def handler(event, context):
    CALLS.append(1)
    time.sleep(event.get("sleep", 0))
    if event.get("crash") == "now":
        os._exit(1)
    if event.get("crash") == "later":
        threading.Timer(0.1, os._exit, [1]).start()
    return [VERSION, KIND, len(CALLS)]
"""
AHEAD, ON_DEMAND = "provisioned-concurrency", "on-demand"
READY_LIMIT_S = 20.0


def code(version: int) -> dict[str, str]:
    return {"handler.py": CODE.replace("{version}", str(version))}


@pytest.fixture
def function(deploy: Deploy, lambda_client: Any) -> Iterator[str]:
    """A function with two versions, and an alias `live` of the first."""
    name = deploy(None, code(1), Publish=True, Timeout=2)
    publish(lambda_client, name, code(2))
    lambda_client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    yield name
    for config in configs(lambda_client, name):
        qualifier = config["FunctionArn"].rpartition(":")[2]
        lambda_client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)


def publish(client: Any, name: str, files: dict[str, str]) -> None:
    client.update_function_code(FunctionName=name, ZipFile=zip_of(files))
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
    client.publish_version(FunctionName=name)


def configs(client: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.list_provisioned_concurrency_configs(FunctionName=name)[
        "ProvisionedConcurrencyConfigs"
    ]
    return found


def provision(client: Any, name: str, qualifier: str, number: int, until: str = "READY") -> dict[str, Any]:
    request = {"FunctionName": name, "Qualifier": qualifier}
    asked = client.put_provisioned_concurrency_config(**request, ProvisionedConcurrentExecutions=number)
    assert asked.pop("ResponseMetadata")["HTTPStatusCode"] == 202
    assert asked["Status"] == "IN_PROGRESS"
    return settled(client, name, qualifier, until)


def settled(client: Any, name: str, qualifier: str, until: str = "READY") -> dict[str, Any]:
    """The configuration once its status is `until`; every answer on the way must be consistent."""
    deadline_s = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < deadline_s:
        config: dict[str, Any] = client.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)
        requested, allocated, available = counts(config)
        assert 0 <= available <= allocated <= requested
        if config["Status"] == until:
            assert until != "READY" or available == requested
            return config
        time.sleep(0.02)
    raise AssertionError(config)


def counts(config: dict[str, Any]) -> tuple[int, int, int]:
    """Requested, allocated, available."""
    requested, allocated, available = (
        config[f"{what}ProvisionedConcurrentExecutions"] for what in ("Requested", "Allocated", "Available")
    )
    return requested, allocated, available


def kinds(client: Any, name: str, qualifier: str, callers: int, sleep_s: float = 0.5) -> Counter[str]:
    """What so many calls at once run on, or why not."""

    def call(_: int) -> str:
        try:
            kind: str = invoke(client, name, {"sleep": sleep_s}, Qualifier=qualifier).value[1]
        except ClientError as error:
            return str(error.response["Reason"])
        return kind

    with ThreadPoolExecutor(callers) as threads:
        return Counter(threads.map(call, range(callers)))


def environments(node: Node) -> int:
    with urlopen(f"{node.endpoint}/_stoker/health") as answer:
        count: int = json.load(answer)["environments"]["all"]
    return count


def test_a_ready_environment_answers_its_first_call_without_init(
    lambda_client: Any, logs_client: Any, function: str
) -> None:
    config = provision(lambda_client, function, "live", 1)
    assert counts(config) == (1, 1, 1)
    assert "StatusReason" not in config
    answer = invoke(lambda_client, function, Qualifier="live")
    assert answer.value == ["1", AHEAD, 1]
    assert "Init Duration" not in answer.report
    assert invoke(lambda_client, function, Qualifier="live").value == ["1", AHEAD, 2]
    lines = log_messages(logs_client, function)
    init = [line for line in lines if line.startswith("INIT")]
    assert len(init) == 2
    assert init[0].startswith("INIT_START Runtime Version: ")
    assert re.fullmatch(r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\n", init[1])


def test_only_calls_through_the_qualifier_run_on_its_environments(lambda_client: Any, function: str) -> None:
    provision(lambda_client, function, "live", 1)
    assert invoke(lambda_client, function, Qualifier="1").value[:2] == ["1", ON_DEMAND]
    assert invoke(lambda_client, function).value[1] == ON_DEMAND
    provision(lambda_client, function, "2", 1)
    assert invoke(lambda_client, function, Qualifier="2").value[:2] == ["2", AHEAD]


def test_what_is_more_runs_on_demand(lambda_client: Any, function: str) -> None:
    provision(lambda_client, function, "live", 2)
    assert kinds(lambda_client, function, "live", 5) == {AHEAD: 2, ON_DEMAND: 3}


def test_what_is_more_runs_in_what_is_left_of_the_reservation(lambda_client: Any, function: str) -> None:
    lambda_client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=3)
    provision(lambda_client, function, "live", 2)
    throttled = "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert kinds(lambda_client, function, "live", 5) == {AHEAD: 2, ON_DEMAND: 1, throttled: 2}
    provision(lambda_client, function, "live", 3)
    assert kinds(lambda_client, function, "live", 4) == {AHEAD: 3, throttled: 1}
    assert kinds(lambda_client, function, "$LATEST", 1) == {throttled: 1}
    lambda_client.delete_provisioned_concurrency_config(FunctionName=function, Qualifier="live")
    assert kinds(lambda_client, function, "live", 4) == {ON_DEMAND: 3, throttled: 1}


@pytest.mark.parametrize("event", [{"crash": "now"}, {"crash": "later"}, {"sleep": 3}], ids=lambda event: str(event))
def test_a_place_is_filled_again_after_a_crash(lambda_client: Any, function: str, event: dict[str, Any]) -> None:
    provision(lambda_client, function, "live", 1)
    invoke(lambda_client, function, event, Qualifier="live")
    if event.get("crash") == "later":
        time.sleep(0.2)
    settled(lambda_client, function, "live")
    answer = invoke(lambda_client, function, Qualifier="live")
    assert answer.value == ["1", AHEAD, 1]
    assert float(answer.report.split("Duration: ")[1].split(" ms")[0]) < 50


def test_a_function_whose_init_fails_is_told_so_and_can_be_repaired(deploy: Deploy, lambda_client: Any) -> None:
    name = deploy(None, {"handler.py": "raise Exception('no')"}, Publish=True)
    publish(lambda_client, name, code(2))
    lambda_client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    config = provision(lambda_client, name, "live", 20, until="FAILED")
    assert counts(config) == (20, 0, 0)
    assert config["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"
    lambda_client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    assert counts(settled(lambda_client, name, "live")) == (20, 20, 20)
    assert invoke(lambda_client, name, Qualifier="live").value == ["2", AHEAD, 1]


def test_an_init_that_takes_longer_than_ten_seconds_is_waited_for(deploy: Deploy, lambda_client: Any) -> None:
    # runtime side, 5
    name = deploy(None, {"handler.py": "import time\ntime.sleep(10.5)\n" + code(1)["handler.py"]}, Publish=True)
    provision(lambda_client, name, "1", 2)
    answer = invoke(lambda_client, name, Qualifier="1")
    assert answer.value == ["1", AHEAD, 1]
    assert "Init Duration" not in answer.report


def test_a_moved_alias_takes_its_environments_along(lambda_client: Any, function: str) -> None:
    provision(lambda_client, function, "live", 2)
    lambda_client.update_alias(FunctionName=function, Name="live", FunctionVersion="2")
    moved = lambda_client.get_provisioned_concurrency_config(FunctionName=function, Qualifier="live")
    assert (moved["Status"], counts(moved)) == ("IN_PROGRESS", (2, 0, 0))
    settled(lambda_client, function, "live")
    assert invoke(lambda_client, function, Qualifier="live").value == ["2", AHEAD, 1]


def test_weights_split_the_environments(lambda_client: Any, function: str) -> None:
    provision(lambda_client, function, "live", 4)
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    lambda_client.update_alias(FunctionName=function, Name="live", RoutingConfig=weights)
    assert counts(settled(lambda_client, function, "live")) == (4, 4, 4)
    answers = {tuple(invoke(lambda_client, function, Qualifier="live").value[:2]) for _ in range(30)}
    assert answers == {("1", AHEAD), ("2", AHEAD)}


def test_environments_stay_while_idle_and_go_with_their_configuration(start_node: StartNode) -> None:
    _, node = start_node(STOKER_IDLE_TIMEOUT_S="0.3")
    client = node.client("lambda")
    deployer(client)[0]("f", code(1), Publish=True)
    provision(client, "f", "1", 3)
    time.sleep(0.8)
    assert environments(node) == 3
    assert invoke(client, "f", Qualifier="1").value == ["1", AHEAD, 1]
    provision(client, "f", "1", 1)
    assert environments(node) == 1
    provision(client, "f", "1", 4)
    assert environments(node) == 4
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    assert environments(node) == 0
    assert invoke(client, "f", Qualifier="1").value == ["1", ON_DEMAND, 1]


def test_a_busy_environment_of_a_deleted_configuration_finishes(start_node: StartNode) -> None:
    _, node = start_node()
    client = node.client("lambda")
    deployer(client)[0]("f", code(1), Publish=True)
    provision(client, "f", "1", 2)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(invoke, client, "f", {"sleep": 1}, Qualifier="1")
        time.sleep(0.3)
        client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
        assert environments(node) == 1
        assert call.result().value == ["1", AHEAD, 1]
    assert environments(node) == 0


def test_a_restarted_node_provisions_again(start_node: StartNode) -> None:
    process, node = start_node()
    client = node.client("lambda")
    deployer(client)[0]("f", code(1), Publish=True)
    before = provision(client, "f", "1", 3)
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text()
    _, node = start_node(data=node.data)
    client = node.client("lambda")
    after = settled(client, "f", "1")
    assert {**after, "ResponseMetadata": None} == {**before, "ResponseMetadata": None}
    assert invoke(client, "f", Qualifier="1").value == ["1", AHEAD, 1]
    assert environments(node) == 3


def test_a_function_grows_no_faster_than_its_scaling_rate(start_node: StartNode) -> None:
    _, node = start_node(STOKER_SCALE_OUT_ENVIRONMENTS_PER_10_S="2")
    client = node.client("lambda")
    deploy, _ = deployer(client)
    for name in ("f", "g"):
        deploy(name, code(1), Publish=True)
    # What is provisioned is allocated at a rate of its own.
    provision(client, "f", "1", 4)
    throttled = "ConcurrentInvocationLimitExceeded"
    assert kinds(client, "f", "$LATEST", 5) == {ON_DEMAND: 2, throttled: 3}
    assert kinds(client, "g", "$LATEST", 1) == {ON_DEMAND: 1}
    assert kinds(client, "f", "$LATEST", 2) == {ON_DEMAND: 2}  # those that are idle now
    time.sleep(5)
    assert kinds(client, "f", "$LATEST", 4) == {ON_DEMAND: 3, throttled: 1}
