"""What a function sees of its execution environment: context, variables, directories, limits."""

import re
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
