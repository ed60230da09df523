"""The same operations through the AWS CLI, as people type them, and its `logs tail`."""

import base64
import json
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PYTHON, ROLE, Deploy, Node, zip_of
from tests.handlers import folder

from .calls import invoke
from .conftest import Aws, aws_environment

FOLLOWED_WITHIN_S = 20.0


@pytest.fixture
def name(lambda_client: Any) -> Iterator[str]:
    name = f"cli-{uuid.uuid4().hex[:8]}"
    yield name
    if name in {function["FunctionName"] for function in lambda_client.list_functions()["Functions"]}:
        lambda_client.delete_function(FunctionName=name)


def test_a_function_goes_through_its_whole_life(aws: Aws, name: str, tmp_path: Path) -> None:
    (tmp_path / "package.zip").write_bytes(zip_of(folder("context_python")))
    created = aws(
        *("lambda", "create-function", "--function-name", name, "--runtime", PYTHON, "--role", ROLE),
        *("--handler", "index.handler", "--zip-file", "fileb://package.zip", "--tags", "team=blue"),
    )
    arn = created["FunctionArn"]
    aws("lambda", "wait", "function-active-v2", "--function-name", name)
    assert aws("lambda", "get-function", "--function-name", name)["Tags"] == {"team": "blue"}

    context = base64.b64encode(json.dumps({"custom": {"n": "1"}}).encode()).decode()
    answer = aws(
        *("lambda", "invoke", "--function-name", name, "--payload", '{"a": 1}'),
        *("--client-context", context, "--log-type", "Tail", "out.json"),
    )
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert base64.b64decode(answer["LogResult"]).startswith(b"START RequestId: ")
    assert json.loads((tmp_path / "out.json").read_text())["client_context"]["custom"] == {"n": "1"}
    dry = aws("lambda", "invoke", "--function-name", name, "--invocation-type", "DryRun", "dry.json")
    assert dry["StatusCode"] == 204

    aws(
        *("lambda", "update-function-configuration", "--function-name", name, "--timeout", "9"),
        *("--environment", "Variables={COLOUR=green,SIZE=2}"),
    )
    aws("lambda", "wait", "function-updated-v2", "--function-name", name)
    configuration = aws("lambda", "get-function-configuration", "--function-name", name)
    assert configuration["Environment"] == {"Variables": {"COLOUR": "green", "SIZE": "2"}}

    (tmp_path / "package.zip").write_bytes(zip_of(folder("echo_python")))
    aws("lambda", "update-function-code", "--function-name", name, "--zip-file", "fileb://package.zip")
    aws("lambda", "wait", "function-updated-v2", "--function-name", name)
    assert aws("lambda", "publish-version", "--function-name", name)["Version"] == "1"
    aws("lambda", "wait", "published-version-active", "--function-name", name, "--qualifier", "1")
    answer = aws(
        *("lambda", "invoke", "--function-name", name, "--qualifier", "1", "--payload", '{"a": 1}', "out.json"),
    )
    assert answer["ExecutedVersion"] == "1"
    assert json.loads((tmp_path / "out.json").read_text()) == {"a": 1}
    versions = aws("lambda", "list-versions-by-function", "--function-name", name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1"]

    aws("lambda", "tag-resource", "--resource", arn, "--tags", "more=yes")
    aws("lambda", "untag-resource", "--resource", arn, "--tag-keys", "team")
    assert aws("lambda", "list-tags", "--resource", arn)["Tags"] == {"more": "yes"}
    assert aws("lambda", "get-account-settings")["AccountUsage"]["FunctionCount"] >= 1
    assert name in {function["FunctionName"] for function in aws("lambda", "list-functions")["Functions"]}
    aws("lambda", "delete-function", "--function-name", name)
    assert name not in {function["FunctionName"] for function in aws("lambda", "list-functions")["Functions"]}


def test_a_twelve_digit_access_key_is_an_account_of_its_own(aws: Aws, name: str, tmp_path: Path) -> None:
    (tmp_path / "package.zip").write_bytes(zip_of(folder("echo_python")))
    created = aws(
        *("lambda", "create-function", "--function-name", name, "--runtime", PYTHON, "--role", ROLE),
        *("--handler", "index.handler", "--zip-file", "fileb://package.zip"),
        access_key="333333333333",
    )
    assert created["FunctionArn"] == f"arn:aws:lambda:us-east-1:333333333333:function:{name}"
    assert name not in {function["FunctionName"] for function in aws("lambda", "list-functions")["Functions"]}
    aws("lambda", "delete-function", "--function-name", name, access_key="333333333333")


def test_logs_are_listed_and_filtered(aws: Aws, deploy: Deploy, lambda_client: Any) -> None:
    name = deploy(None, folder("printing"), handler="index.logged")
    answer = invoke(lambda_client, name)
    group = f"/aws/lambda/{name}"
    groups = aws("logs", "describe-log-groups", "--log-group-name-prefix", group)["logGroups"]
    assert [found["logGroupName"] for found in groups] == [group]
    found = aws("logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", "said")["events"]
    messages = [event["message"].strip() for event in found]
    assert set(messages[1:]) | set(messages[:1]) >= {"said by print", "said on standard error"}
    # Reference: runtime side, 6.1.
    assert any(
        re.fullmatch(rf"\[INFO\]\t\d{{4}}-.+Z\t{answer.request_id}\tsaid by logging", message) for message in messages
    )


PRINTING = {"index.py": "def handler(event, context):\n    print('said', event)\n"}


def test_logs_are_followed_with_the_calls_that_logs_tail_makes(
    lambda_client: Any, logs_client: Any, deploy: Deploy
) -> None:
    """FilterLogEvents from the last time seen, again and again, leaving out the event ids already shown.

    Source: aws/aws-cli (v2), awscli/customizations/logs/tail.py.
    """
    name = deploy(None, PRINTING, handler="index.handler")
    start_ms = int(time.time() * 1000) - 5 * 60 * 1000
    shown: list[str] = []
    ids: set[str] = set()
    for number in range(4):
        invoke(lambda_client, name, number)
        for _ in range(2):
            pages = logs_client.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{name}",
                interleaved=True,
                startTime=start_ms,
                PaginationConfig={"PageSize": 3},
            )
            for event in [event for page in pages for event in page["events"] if event["eventId"] not in ids]:
                ids.add(event["eventId"])
                shown.append(event["message"])
                start_ms = max(start_ms, event["timestamp"])
        assert shown.count(f"said {number}\n") == 1
    assert [message.split(" ")[0] for message in shown] == ["INIT_START", *["START", "said", "END", "REPORT"] * 4]


@pytest.fixture(scope="module")
def aws_2() -> str:
    """The second major release of the AWS CLI, the first to have `logs tail`: Debian has it, pip does not."""
    candidates = (str(Path(sys.executable).with_name("aws")), "/usr/bin/aws", shutil.which("aws"))
    for command in filter(None, candidates):
        if not Path(command).exists():
            continue
        version = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60).stdout
        if version.startswith("aws-cli/2"):
            return command
    pytest.skip("needs the AWS CLI 2 (`aws`), which has `logs tail`")


def test_logs_tail_shows_what_was_and_follows_what_comes(
    platform: Node, deploy: Deploy, lambda_client: Any, aws_2: str, tmp_path: Path
) -> None:
    name = deploy(None, PRINTING, handler="index.handler")
    invoke(lambda_client, name, "before")
    tail = [aws_2, "--endpoint-url", platform.endpoint, "logs", "tail", f"/aws/lambda/{name}", "--since", "5m"]
    # Into a pipe it would keep lines back until there are many.
    environment = aws_environment(platform) | {"PYTHONUNBUFFERED": "1"}
    options: dict[str, Any] = {"env": environment, "cwd": tmp_path, "text": True}
    once = subprocess.run(tail, capture_output=True, timeout=60, check=True, **options).stdout
    assert once.count("said before") == 1
    assert [kind for kind in ("INIT_START", "START", "END", "REPORT") if f" {kind} " in once] == [
        "INIT_START",
        "START",
        "END",
        "REPORT",
    ]

    with subprocess.Popen([*tail, "--follow"], stdout=subprocess.PIPE, **options) as following:
        try:
            assert following.stdout is not None
            _read_until(following, "said before")
            invoke(lambda_client, name, "afterwards")
            _read_until(following, "said afterwards")
        finally:
            following.kill()


def _read_until(following: "subprocess.Popen[str]", text: str) -> None:
    """Fails the test when the line does not come; the pipe ends with the process, so this ends, too."""
    assert following.stdout is not None
    deadline_s = time.monotonic() + FOLLOWED_WITHIN_S
    for line in following.stdout:
        if text in line:
            return
        assert time.monotonic() < deadline_s
    raise AssertionError(f"the command ended before {text!r}")
