"""What a function sees of its execution environment: context, variables, directories, limits."""

import re
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PYTHON, Deploy
from tests.handlers import folder

from .calls import invoke

STREAM = r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}"
# Reference: runtime side, 3.1. What is a pattern there is one here.
COMMON = {
    "_HANDLER": "index.handler",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_VERSION": r"\$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_STREAM_NAME": STREAM,
    "AWS_LAMBDA_RUNTIME_API": r"169\.254\.100\.1:9001",
    "AWS_LAMBDA_METADATA_API": r"169\.254\.100\.1:9001",
    "AWS_LAMBDA_METADATA_TOKEN": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "AWS_ACCESS_KEY_ID": ".+",
    "AWS_SECRET_ACCESS_KEY": ".+",
    "AWS_SESSION_TOKEN": ".+",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "TZ": ":UTC",
    "LANG": r"en_US\.UTF-8",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    ),
    "AWS_ENDPOINT_URL": r"http://169\.254\.100\.1:4566",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": r"169\.254\.100\.1:2000",
    "_AWS_XRAY_DAEMON_ADDRESS": r"169\.254\.100\.1",
    "_AWS_XRAY_DAEMON_PORT": "2000",
}
MANAGED = {
    "_X_AMZN_TRACE_ID": "Root=1-.+;Parent=[0-9a-f]{16};Sampled=[01];Lineage=[0-9a-f]{8}:1",
    "PWD": "/var/task",
    "SHLVL": "0",
}


def assert_variables(variables: dict[str, str], name: str, expected: dict[str, str]) -> None:
    """Exactly these, each matching its pattern."""
    own = {"AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}"}
    expected = {**COMMON, **own, **expected}
    assert variables.keys() == expected.keys()
    assert {key: value for key, value in variables.items() if not re.fullmatch(expected[key], value)} == {}, (
        "these differ from the reference"
    )


@pytest.mark.parametrize("fresh", [False, True], ids=["fork", "exec"])
def test_python_sees_aws_variables_and_no_others(lambda_client: Any, deploy: Deploy, fresh: bool) -> None:
    """A variable that an interpreter reads when it starts (here MALLOC_) makes the function start by exec."""
    given = {"COLOUR": "grün", **({"MALLOC_ARENA_MAX": "2"} if fresh else {})}
    name = deploy(None, folder("environment"), handler="index.handler", Environment={"Variables": given})
    answer = invoke(lambda_client, name).value
    expected = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}", "PYTHONPATH": "/var/runtime", **given}
    # Python itself adds it where the locale is not installed (PEP 538), on AWS too.
    answer["variables"].pop("LC_CTYPE", None)
    assert_variables(answer["variables"], name, {**MANAGED, **expected})
    assert answer["executable"] == f"/var/lang/bin/{PYTHON}"


def test_node_sees_aws_variables_and_no_others(lambda_client: Any, deploy: Deploy, nodejs: str) -> None:
    name = deploy(None, folder("context_nodejs"), nodejs, "index.handler", Environment={"Variables": {"COLOUR": "x"}})
    answer = invoke(lambda_client, name).value
    modules = (
        "/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
    )
    expected = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{nodejs}", "NODE_PATH": modules, "COLOUR": "x"}
    assert_variables(answer["environment"], name, {**MANAGED, **expected})


JAVA = """
package example;

public class Seen {
  public java.util.Map<String, String> handler(Object event) {
    return System.getenv();
  }
}
"""


def test_java_sees_aws_variables_and_no_others(
    lambda_client: Any, deploy: Deploy, install_runtime: Callable[[str], str], tmp_path: Path
) -> None:
    """No shell starts it, it keeps the log's descriptor, and the trace id is a system property."""
    runtime = install_runtime("java17")
    if shutil.which("javac") is None:
        pytest.skip("needs javac: sudo apt-get install openjdk-17-jdk-headless")
    (tmp_path / "Seen.java").write_text(JAVA)
    subprocess.run(["javac", "--release", "17", "-d", tmp_path, tmp_path / "Seen.java"], check=True, timeout=60)
    files = {"example/Seen.class": (tmp_path / "example" / "Seen.class").read_bytes()}
    variables = {"COLOUR": "red"}
    handler = "example.Seen::handler"
    environment = {"Variables": variables}
    name = deploy(None, files, runtime, handler, MemorySize=1024, Timeout=30, Environment=environment)
    expected = {"_HANDLER": handler, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024", "_LAMBDA_TELEMETRY_LOG_FD": "62"}
    execution = {"AWS_EXECUTION_ENV": "AWS_Lambda_java17"}
    assert_variables(invoke(lambda_client, name).value, name, {**expected, **execution, **variables})


METADATA = """
import http.client, json, os

def handler(event, context):
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_METADATA_API"])
    token = "Bearer " + os.environ["AWS_LAMBDA_METADATA_TOKEN"]
    api.request("GET", "/2026-01-15/metadata/execution-environment", headers={"Authorization": token})
    return json.loads(api.getresponse().read())
"""


def test_a_function_may_ask_where_it_runs(lambda_client: Any, deploy: Deploy) -> None:
    """Reference, 1."""
    assert invoke(lambda_client, deploy(None, {"handler.py": METADATA})).value == {"AvailabilityZoneID": "use1-az1"}


def test_a_custom_runtime_sees_aws_variables_and_no_others(lambda_client: Any, deploy: Deploy) -> None:
    """Reference, 3.1: without AWS_EXECUTION_ENV, trace id, PWD and SHLVL."""
    shell = (folder("echo_shell") / "bootstrap").read_text()
    # The shell adds variables of its own, so look at what the kernel gave it.
    code = shell.replace("event=$body", "event=\\\"$(tr '\\0\\n' '|~' < /proc/$$/environ)\\\"")
    name = deploy(
        None, {"bootstrap": code}, "provided.al2023", "index.handler", Environment={"Variables": {"COLOUR": "blue"}}
    )
    entries = invoke(lambda_client, name).value.strip("|").split("|")
    assert_variables(dict(entry.split("=", 1) for entry in entries), name, {"COLOUR": "blue"})


def test_directories_identity_and_limits_are_aws_own(lambda_client: Any, deploy: Deploy) -> None:
    """Reference, 4."""
    name = deploy(None, folder("environment"), handler="index.handler", EphemeralStorage={"Size": 700})
    answer = invoke(lambda_client, name).value
    assert answer["directory"] == "/var/task"
    assert (answer["uid"], answer["gid"]) == (993, 990)
    assert answer["open_files"] == [1024, 1024]
    assert answer["processes"] == [1024, 1024]
    endless = resource.RLIM_INFINITY
    assert answer["stack"] == [8_388_608, endless]
    assert answer["locked"] == [65_536, 65_536]
    is_piped = Path("/proc/sys/kernel/core_pattern").read_text().startswith("|")
    assert answer["core"] == ([0, 0] if is_piped else [10_737_418_240, 10_737_418_240])
    assert answer["others"] == [[endless, endless]] * 5
    for read_only in ("task", "opt"):
        assert not answer[read_only]["is_writable"]
        assert answer[read_only]["mode"] == "0o755"
    assert (answer["tmp"]["mode"], answer["tmp"]["size_mb"]) == ("0o1777", 700)
    assert answer["path"][0] == "/var/task"


def test_the_python_context_is_complete(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, folder("context_python"), handler="index.handler", MemorySize=256, Timeout=7)
    answer = invoke(lambda_client, name)
    context = answer.value
    assert re.fullmatch(STREAM, context.pop("log_stream_name"))
    assert 6000 < context.pop("remaining_ms") <= 7000
    assert context == {
        "function_name": name,
        "function_version": "$LATEST",
        "invoked_function_arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        # Reference: invocation, 1: a string.
        "memory_limit_in_mb": "256",
        "aws_request_id": answer.request_id,
        "log_group_name": f"/aws/lambda/{name}",
        "identity": [None, None],
        "client_context": None,
    }


def test_the_node_context_is_complete(lambda_client: Any, deploy: Deploy, nodejs: str) -> None:
    name = deploy(None, folder("context_nodejs"), nodejs, "index.handler", MemorySize=256, Timeout=7)
    answer = invoke(lambda_client, name)
    context = answer.value
    assert re.fullmatch(STREAM, context.pop("logStreamName"))
    assert 6000 < context.pop("remainingMs") <= 7000
    assert context.pop("node").startswith("20.")
    context.pop("environment")
    assert context == {
        "functionName": name,
        "functionVersion": "$LATEST",
        "invokedFunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        "memoryLimitInMB": "256",
        "awsRequestId": answer.request_id,
        "logGroupName": f"/aws/lambda/{name}",
        "clientContext": None,
    }
