"""Extensions beside functions, from their start to their end (reference: runtime side, 5 and 7)."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from stoker.environments.extensions import EXTERNAL_SHUTDOWN_S
from tests.conftest import PYTHON, Deploy, zip_of

from .calls import invoke, log_messages
from .extensions import SHELL_EXTENSION, python_extension

ECHO = {"handler.py": "def handler(event, context):\n    print('handled')\n    return event\n"}


@pytest.fixture
def with_extensions(lambda_client: Any, deploy: Deploy) -> Callable[..., str]:
    """Deploys a function with a layer that holds extensions, by their names."""

    def deployed(extensions: dict[str, str], files: dict[str, str] = ECHO, **configuration: Any) -> str:
        content = {"ZipFile": zip_of({f"extensions/{name}": text for name, text in extensions.items()})}
        layer = lambda_client.publish_layer_version(LayerName="extensions", Content=content)
        configuration = {"runtime": PYTHON, "Timeout": 10, **configuration}
        return deploy(None, files, Layers=[layer["LayerVersionArn"]], **configuration)

    return deployed


def wait_for_log(logs_client: Any, name: str, text: str, limit_s: float = 8.0) -> list[str]:
    """The function's log, once it says `text`."""
    deadline_s = time.monotonic() + limit_s
    while True:
        messages = log_messages(logs_client, name)
        if any(text in message for message in messages):
            return messages
        assert time.monotonic() < deadline_s, messages
        time.sleep(0.05)


def events_of(messages: list[str]) -> list[dict[str, Any]]:
    return [json.loads(message.partition(" ")[2]) for message in messages if message.startswith("event ")]


def test_an_extension_hears_of_its_function_each_invocation_and_the_end(
    lambda_client: Any, logs_client: Any, with_extensions: Callable[..., str]
) -> None:
    name = with_extensions({"watcher": python_extension()})
    calls = [invoke(lambda_client, name, number) for number in range(3)]
    assert [call.value for call in calls] == [0, 1, 2]
    lambda_client.delete_function(FunctionName=name)
    messages = wait_for_log(logs_client, name, '"SHUTDOWN"')
    registered = next(message for message in messages if message.startswith("registered "))
    assert json.loads(registered.partition(" ")[2]) == {
        "functionName": name,
        "functionVersion": "$LATEST",
        "handler": "handler.handler",
        "accountId": "000000000000",
    }
    assert "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n" in messages
    *invokes, end = events_of(messages)
    assert [event["requestId"] for event in invokes] == [call.request_id for call in calls]
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    for event in invokes:
        assert (event["eventType"], event["invokedFunctionArn"]) == ("INVOKE", arn)
        assert event["tracing"]["type"] == "X-Amzn-Trace-Id"
        assert event["tracing"]["value"].startswith("Root=")
        assert 0 < event["deadlineMs"] / 1000 - time.time() < 10
    assert end["shutdownReason"] == "SPINDOWN"
    assert abs(end["deadlineMs"] / 1000 - time.time()) < EXTERNAL_SHUTDOWN_S + 1


def test_an_extension_may_be_a_shell_script(
    lambda_client: Any, logs_client: Any, with_extensions: Callable[..., str]
) -> None:
    name = with_extensions({"watcher.sh": SHELL_EXTENSION})
    call = invoke(lambda_client, name, "x")
    assert call.value == "x"
    assert 'shell got {"eventType":"INVOKE","deadlineMs":' in call.log
    lambda_client.delete_function(FunctionName=name)
    wait_for_log(logs_client, name, 'shell got {"eventType":"SHUTDOWN","shutdownReason":"SPINDOWN"')


def test_the_answer_does_not_wait_for_a_slow_extension_but_the_report_and_the_bill_do(
    lambda_client: Any, logs_client: Any, with_extensions: Callable[..., str]
) -> None:
    slow = python_extension(on_event="time.sleep(0.6 if event['eventType'] == 'INVOKE' else 0)")
    name = with_extensions({"slow": slow})
    began_s = time.monotonic()
    invoke(lambda_client, name, 0, LogType="None")
    first_s = time.monotonic() - began_s
    began_s = time.monotonic()
    call = invoke(lambda_client, name, 1)  # with its log, and so with its REPORT
    second_s = time.monotonic() - began_s
    assert second_s >= 0.6
    duration_ms = float(call.report.split("\tDuration: ")[1].split(" ")[0])
    assert duration_ms >= 600
    began_s = time.monotonic()
    invoke(lambda_client, name, 2, LogType="None")
    assert time.monotonic() - began_s < 0.5
    assert first_s < 5


def test_an_extension_that_crashes_ends_the_invocation_and_a_new_one_serves_the_next(
    lambda_client: Any, logs_client: Any, with_extensions: Callable[..., str]
) -> None:
    crash = "(os.path.exists('/tmp/once') or (open('/tmp/once', 'w'), sys.exit(3)))"
    name = with_extensions({"fragile": python_extension(on_event=crash)}, SLOW)
    call = invoke(lambda_client, name, 5)
    assert call.error == "Unhandled"
    assert call.body == call.platform_error("Extension.Crash", "exit status 3")
    assert "Status: error\tError Type: Extension.Crash" in call.report
    assert invoke(lambda_client, name, 0).value == 0  # /tmp was kept


SLOW = {"handler.py": "import time\n\ndef handler(event, context):\n    time.sleep(event)\n    return event\n"}


def test_a_timeout_is_told_to_extensions_which_have_their_time_to_end(
    lambda_client: Any, logs_client: Any, with_extensions: Callable[..., str]
) -> None:
    name = with_extensions({"watcher": python_extension()}, SLOW, Timeout=1)
    call = invoke(lambda_client, name, 5)
    assert call.body == call.platform_error("Sandbox.Timedout", "Task timed out after 1.00 seconds")
    messages = wait_for_log(logs_client, name, '"SHUTDOWN"')
    assert events_of(messages)[-1]["shutdownReason"] == "TIMEOUT"
    assert invoke(lambda_client, name, 0).value == 0


@pytest.mark.parametrize(
    ("extension", "error_type", "text"),
    [
        ("#!/bin/sh\nexit 0\n", "Extension.Crash", "exit code 0"),
        ("#!/nowhere/shell\n", "Extension.LaunchError", "fork/exec /opt/extensions/bad: no such file or directory"),
        ("no program", "Extension.LaunchError", "fork/exec /opt/extensions/bad: permission denied"),
    ],
)
def test_an_extension_that_cannot_start_fails_the_function(
    lambda_client: Any, with_extensions: Callable[..., str], extension: str, error_type: str, text: str
) -> None:
    name = with_extensions({"bad": extension})
    call = invoke(lambda_client, name)
    assert call.body == call.platform_error(error_type, text)


def test_an_extension_that_ignores_its_end_is_killed_at_the_limit(
    lambda_client: Any, logs_client: Any, with_extensions: Callable[..., str]
) -> None:
    beat = "while event['eventType'] == 'SHUTDOWN': print('beat', flush=True); time.sleep(0.1)"
    name = with_extensions({"stubborn": python_extension(on_event=beat)})
    invoke(lambda_client, name)
    lambda_client.delete_function(FunctionName=name)
    wait_for_log(logs_client, name, "beat")
    time.sleep(EXTERNAL_SHUTDOWN_S + 0.5)
    beats = log_messages(logs_client, name).count("beat\n")
    assert 10 < beats <= 21
    time.sleep(0.4)
    assert log_messages(logs_client, name).count("beat\n") == beats


# bash hears of a signal while it waits; while a program runs in its foreground it does not.
TERMINATED = {
    "bootstrap": """#!/bin/bash
trap 'echo told to end; exit 0' TERM
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
  curl -sS -o /tmp/event -D /tmp/head $api/next & wait $!
  id=$(tr -d '\\r' < /tmp/head | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -sS -o /dev/null -d null $api/$id/response
done
"""
}


def test_the_runtime_is_told_to_end_before_the_extensions(
    lambda_client: Any, logs_client: Any, with_extensions: Callable[..., str]
) -> None:
    name = with_extensions({"watcher.sh": SHELL_EXTENSION}, TERMINATED, runtime="provided.al2023", MemorySize=1769)
    invoke(lambda_client, name)
    lambda_client.delete_function(FunctionName=name)
    messages = wait_for_log(logs_client, name, '"SHUTDOWN"')
    (end,) = (number for number, message in enumerate(messages) if '"SHUTDOWN"' in message)
    assert messages.index("told to end\n") < end


REGISTERING = """
extensions=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
inner=$(curl -sS -o /dev/null -D - -H 'Lambda-Extension-Name: inner' -d '{"events":["INVOKE"]}' $extensions/register |
  tr -d '\\r' | sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: //p')
(while curl -sS -o /dev/null -H "Lambda-Extension-Identifier: $inner" $extensions/event/next; do :; done) &
"""


@pytest.mark.parametrize("has_internal", [True, False], ids=["internal", "none"])
def test_a_runtime_is_told_to_end_if_it_has_an_internal_extension_and_killed_at_once_if_not(
    lambda_client: Any, logs_client: Any, deploy: Deploy, has_internal: bool
) -> None:
    """Reference: runtime side, 5, "Shutdown"."""
    script = TERMINATED["bootstrap"]
    if has_internal:
        script = script.replace("api=", f"{REGISTERING}api=", 1)
    name = deploy(None, {"bootstrap": script}, "provided.al2023", Timeout=30, MemorySize=1769)
    assert invoke(lambda_client, name).value is None
    lambda_client.delete_function(FunctionName=name)
    if has_internal:
        wait_for_log(logs_client, name, "told to end")
    else:
        time.sleep(1)
        assert "told to end\n" not in log_messages(logs_client, name)


INTERNAL = {
    "handler.py": """
import http.client, json, os, threading

def call(method, path, body=None, **headers):
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    api.request(method, "/2020-01-01/extension/" + path, body, headers)
    response = api.getresponse()
    return response.status, response.headers, json.loads(response.read())

register = lambda events: call("POST", "register", json.dumps({"events": events}), Lambda_Extension_Name="inner")
refused = register(["SHUTDOWN"])[2]["errorType"]
_, headers, _ = register(["INVOKE"])
seen = []

def follow():
    while True:
        event = call("GET", "event/next", Lambda_Extension_Identifier=headers["Lambda-Extension-Identifier"])[2]
        seen.append(event["requestId"])

threading.Thread(target=follow, daemon=True).start()

def handler(event, context):
    late = call("POST", "register", "{}", Lambda_Extension_Name="late")
    return [refused, late[2]["errorType"], seen]
"""
}


def test_an_internal_extension_registers_from_inside_the_runtime(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, INTERNAL)
    first, second = invoke(lambda_client, name), invoke(lambda_client, name)
    refused, late, _ = first.value
    assert refused == "ShutdownEventNotSupportedForInternalExtension"
    assert late == "Extension.RegistrationClosed"
    assert first.request_id in second.value[2]


def test_an_extension_sees_its_own_environment(
    lambda_client: Any, logs_client: Any, with_extensions: Callable[..., str]
) -> None:
    """Reference: runtime side, 3.3."""
    script = python_extension(on_event="print('variables', json.dumps(dict(os.environ)), flush=True)")
    name = with_extensions({"watcher": script}, Environment={"Variables": {"MINE": "1"}})
    log = invoke(lambda_client, name).log
    line = next(line for line in log.splitlines() if line.startswith("variables "))
    variables = json.loads(line.partition(" ")[2])
    assert variables["MINE"] == "1"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert {"AWS_ACCESS_KEY_ID", "AWS_LAMBDA_RUNTIME_API"} <= variables.keys()
    assert not {"_HANDLER", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "AWS_LAMBDA_LOG_GROUP_NAME"} & variables.keys()
