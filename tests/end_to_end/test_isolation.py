"""The other ways to run a node: every interpreter new (`fresh`), and without a sandbox (`plain`)."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PYTHON, Deploy, Node, NodeProcess, deployer
from tests.handlers import folder

from .calls import invoke

CONTEXT_AND_VARIABLES = {
    "index.py": "import os, sys\n"
    "def handler(event, context):\n"
    "    return {'variables': dict(os.environ), 'arn': context.invoked_function_arn, 'modules': sorted(sys.modules),\n"
    "            'path': sys.path}\n"
}


@pytest.fixture(
    scope="module", params=[{"STOKER_FRESH": "true"}, {"STOKER_ISOLATION": "plain"}], ids=["fresh", "plain"]
)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with NodeProcess(tmp_path_factory.mktemp("node") / "data", **request.param) as node:
        yield node


@pytest.fixture
def client(node: Node) -> Any:
    return node.client("lambda")


@pytest.fixture
def deploy(client: Any) -> Iterator[Deploy]:
    deploy, clean_up = deployer(client)
    yield deploy
    clean_up()


def test_functions_answer_are_reused_and_logged(client: Any, node: Node, deploy: Deploy) -> None:
    name = deploy(None, folder("counter"), handler="index.handler")
    answers = [invoke(client, name) for _ in range(5)]
    assert [answer.value["in_memory"] for answer in answers] == [1, 2, 3, 4, 5]
    assert all(answer.report for answer in answers)
    streams = node.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    assert len(streams) == 1


def test_crashes_timeouts_and_init_failures_are_told_and_recovered_from(client: Any, deploy: Deploy) -> None:
    crashing = deploy(None, folder("crashing"), handler="index.exit_three")
    for _ in range(2):
        answer = invoke(client, crashing)
        assert answer.body == answer.platform_error("Runtime.ExitError", "Runtime exited with error: exit status 3")
    slow = deploy(None, folder("slow"), handler="index.handler", Timeout=1)
    answer = invoke(client, slow, {"seconds": 30})
    assert answer.body == answer.platform_error("Sandbox.Timedout", "Task timed out after 1.00 seconds")
    assert invoke(client, slow, {"seconds": 0}).value == {"seconds": 0}
    raising = invoke(client, deploy(None, folder("init_failures"), handler="raises.handler"))
    assert json.loads(raising.body)["errorMessage"] == "the configuration is missing"


def test_a_function_gets_its_own_variables_and_none_of_the_node(client: Any, deploy: Deploy) -> None:
    name = deploy(None, CONTEXT_AND_VARIABLES, handler="index.handler", Environment={"Variables": {"COLOUR": "green"}})
    answer = invoke(client, name).value
    variables = answer["variables"]
    assert answer["arn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert variables["COLOUR"] == "green"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert variables["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{PYTHON}"
    assert not [variable for variable in variables if variable.startswith("STOKER_")]
    assert not [module for module in answer["modules"] if module.split(".")[0] in ("stoker", "launcher")]


def test_a_custom_runtime_and_a_missing_one(client: Any, deploy: Deploy) -> None:
    name = deploy(None, folder("echo_shell"), "provided.al2023", "any.thing")
    assert invoke(client, name, {"number": 1}).value == {"number": 1}
    missing = invoke(client, deploy(None, {"readme": "nothing"}, "provided.al2023", "any.thing"))
    assert json.loads(missing.body)["errorType"] == "Runtime.InvalidEntrypoint"


def test_plain_isolation_says_so_aloud(start_node: Callable[..., tuple[NodeProcess, Node]]) -> None:
    process, node = start_node("--isolation", "plain")
    with urllib.request.urlopen(f"{node.endpoint}/_stoker/health", timeout=10) as response:
        health = json.load(response)
    assert health["isolation"] == "plain"
    assert "PLAIN" in health["warning"]
    assert "WARNING stoker: isolation is PLAIN: functions run as mere processes" in process.log.read_text()


def test_isolation_by_namespaces_has_no_warning(platform: Node) -> None:
    with urllib.request.urlopen(f"{platform.endpoint}/_stoker/health", timeout=10) as response:
        health = json.load(response)
    assert health["isolation"] == "namespaces"
    assert "warning" not in health


def test_plain_isolation_is_refused_where_others_can_reach_it(tmp_path: Path) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("STOKER_")}
    refused = subprocess.run(
        [sys.executable, "-m", "stoker", "up", "--data", str(tmp_path / "data"), "--host", "0.0.0.0", "--port", "0"],
        env={
            **variables,
            "STOKER_ISOLATION": "plain",
            "STOKER_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "STOKER_SECRET_ACCESS_KEY": "secret",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 1
    assert refused.stderr == (
        "stoker: isolation 'plain' protects nothing, so it is refused on 0.0.0.0: listen on 127.0.0.1, or see what is "
        "missing for isolation 'namespaces' with: stoker doctor\n"
    )


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) is missing")
def test_a_killed_plain_node_leaves_no_process_behind_not_even_a_stopped_one(
    start_node: Callable[..., tuple[NodeProcess, Node]],
) -> None:
    process, node = start_node(STOKER_ISOLATION="plain", STOKER_FREEZE_AFTER_S="0")
    client = node.client("lambda")
    deploy, _ = deployer(client)
    name = deploy(None, {"handler.py": "import os\n\ndef handler(event, context):\n    return os.getpid()\n"})
    stat = Path(f"/proc/{int(client.invoke(FunctionName=name)['Payload'].read())}/stat")
    _wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
    process.kill()
    _wait_for(lambda: not stat.exists())


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
