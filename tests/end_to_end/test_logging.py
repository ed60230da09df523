"""LoggingConfig as functions live it: AWS's own runtime clients, in forked and in fresh interpreters."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import Deploy, Node, NodeProcess, deployer
from tests.end_to_end.calls import Answer, invoke

PYTHON_CODE = {
    "handler.py": """
import json, logging, sys

logging.getLogger("at.import").warning("loaded")

def handler(event, context):
    log = logging.getLogger("app")
    log.debug("a debug record")
    log.info("an info record", extra={"order": 7})
    log.error("an error record")
    print("printed plainly")
    print(json.dumps({"level": "debug", "message": "printed for debugging"}))
    print(json.dumps({"level": "error", "message": "printed as an error"}), file=sys.stderr)
    if event.get("fail"):
        raise ValueError("refused")
"""
}
NODE_CODE = {
    "index.mjs": """
export const handler = async () => {
  console.debug("a debug record");
  console.info("an info record");
  console.error("an error record");
};
"""
}
SHELL_CODE = {
    "bootstrap": """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  id=$(curl -sS -D - -o /dev/null "$api/next" | tr -d '\\r' | sed -n 's/^lambda-runtime-aws-request-id: //Ip')
  echo "plain $AWS_LAMBDA_LOG_FORMAT $AWS_LAMBDA_LOG_LEVEL"
  echo '{"level":"info","message":"for information"}'
  echo '{"level":"fatal","message":"the end"}'
  curl -sS -X POST -d '{}' "$api/$id/response" > /dev/null
done
"""
}


PRINTS = {"handler.py": "def handler(event, context):\n    print('printed', context.aws_request_id)\n"}
CALLERS, CALLS = 4, 200


def records(answer: Answer) -> list[dict[str, Any]]:
    """The lines of the log that are JSON objects."""
    return [json.loads(line) for line in answer.log.splitlines() if line.startswith("{")]


def messages(answer: Answer) -> list[str]:
    return [record["message"] for record in records(answer) if "message" in record]


def platform_types(answer: Answer) -> list[str]:
    return [record["type"] for record in records(answer) if "type" in record]


@pytest.mark.parametrize(
    ("level", "logged"),
    [
        (
            "DEBUG",
            ["a debug record", "an info record", "an error record", "printed for debugging", "printed as an error"],
        ),
        ("INFO", ["an info record", "an error record", "printed as an error"]),
        ("FATAL", []),
    ],
)
def test_python_logs_json_from_the_level_on(lambda_client: Any, deploy: Deploy, level: str, logged: list[str]) -> None:
    name = deploy(None, PYTHON_CODE, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": level})
    answer = invoke(lambda_client, name)
    assert messages(answer) == logged
    assert "printed plainly" in answer.log.splitlines()
    for record in records(answer):
        if record.get("message") == "an info record":
            assert (record["level"], record["logger"], record["order"]) == ("INFO", "app", 7)
            assert record["requestId"] == answer.request_id


def check_a_json_invocation(answer: Answer) -> None:
    """The platform's records, exactly, around the application's."""
    start, *_, report = answer.log.splitlines()
    time = r'\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"'
    record = rf'"record":\{{"requestId":"{answer.request_id}"'
    assert re.fullmatch(rf'{time},"type":"platform\.start",{record},"version":"\$LATEST"\}}\}}', start)
    metrics = (
        r'"metrics":\{"durationMs":[\d.]+,"billedDurationMs":\d+,"memorySizeMB":128,"maxMemoryUsedMB":\d+'
        r'(,"initDurationMs":[\d.]+)?\}'
    )
    assert re.fullmatch(rf'{time},"type":"platform\.report",{record},{metrics},"status":"success"\}}\}}', report)
    assert "an info record" in messages(answer)


def test_a_fresh_interpreter_logs_json_like_a_forked_one(
    lambda_client: Any, deploy: Deploy, start_node: Callable[..., tuple[NodeProcess, Node]]
) -> None:
    config = {"LogFormat": "JSON"}
    check_a_json_invocation(invoke(lambda_client, deploy(None, PYTHON_CODE, LoggingConfig=config)))
    # A variable that only a new interpreter reads.
    fresh = deploy(None, PYTHON_CODE, LoggingConfig=config, Environment={"Variables": {"PYTHONHASHSEED": "1"}})
    check_a_json_invocation(invoke(lambda_client, fresh))
    _, node = start_node("--isolation", "plain")
    client = node.client("lambda")
    deploy_plain, _ = deployer(client)
    check_a_json_invocation(invoke(client, deploy_plain(None, PYTHON_CODE, LoggingConfig=config)))


def test_an_unhandled_error_is_a_record_too(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, PYTHON_CODE, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"})
    answer = invoke(lambda_client, name, {"fail": True})
    assert answer.error == "Unhandled"
    error = next(record for record in records(answer) if record.get("errorType") == "ValueError")
    assert (error["level"], error["errorMessage"], error["requestId"]) == ("ERROR", "refused", answer.request_id)
    report = records(answer)[-1]
    assert report["type"] == "platform.report"
    assert report["record"]["status"] == "error"


@pytest.mark.parametrize(
    ("level", "types"),
    [
        ("DEBUG", ["platform.start", "platform.runtimeDone", "platform.report"]),
        ("INFO", ["platform.start", "platform.report"]),
        ("WARN", []),
    ],
)
def test_the_system_log_level_filters_what_the_platform_says(
    lambda_client: Any, logs_client: Any, deploy: Deploy, level: str, types: list[str]
) -> None:
    name = deploy(None, PYTHON_CODE, LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": level})
    assert platform_types(invoke(lambda_client, name)) == types
    events = logs_client.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    started = [event for event in events if "platform.initStart" in event["message"]]
    assert len(started) == (0 if level == "WARN" else 1)


def test_node_js_logs_json_from_the_level_on(lambda_client: Any, deploy: Deploy, nodejs: str) -> None:
    config = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"}
    answer = invoke(lambda_client, deploy(None, NODE_CODE, nodejs, "index.handler", LoggingConfig=config))
    assert messages(answer) == ["an info record", "an error record"]
    assert {record["requestId"] for record in records(answer) if "message" in record} == {answer.request_id}
    assert platform_types(answer) == ["platform.start", "platform.report"]


def test_a_runtime_of_the_customers_own_is_filtered_by_what_it_prints(lambda_client: Any, deploy: Deploy) -> None:
    config = {"LogFormat": "JSON", "ApplicationLogLevel": "ERROR"}
    answer = invoke(lambda_client, deploy(None, SHELL_CODE, "provided.al2023", LoggingConfig=config))
    assert "plain JSON ERROR" in answer.log.splitlines()
    assert messages(answer) == ["the end"]


def test_text_again_is_text_again(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, PYTHON_CODE, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"})
    invoke(lambda_client, name)
    lambda_client.update_function_configuration(FunctionName=name, LoggingConfig={"LogFormat": "Text"})
    lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
    answer = invoke(lambda_client, name)
    assert answer.log.startswith(f"START RequestId: {answer.request_id} Version: $LATEST\n")
    assert f"\t{answer.request_id}\tan error record" in answer.log
    assert answer.report


def test_a_group_of_ones_own_has_the_functions_name_in_its_streams(
    lambda_client: Any, logs_client: Any, deploy: Deploy
) -> None:
    group = f"/shared/{deploy.__name__}-of-this-test"
    name = deploy(None, PYTHON_CODE, LoggingConfig={"LogFormat": "JSON", "LogGroup": group})
    invoke(lambda_client, name)
    logs_client.filter_log_events(logGroupName=group)
    streams = [s["logStreamName"] for s in logs_client.describe_log_streams(logGroupName=group)["logStreams"]]
    assert any(re.fullmatch(rf"\d{{4}}/\d\d/\d\d/{name}\[\$LATEST\][0-9a-f]{{32}}", stream) for stream in streams)


def test_each_invocation_leaves_its_lines_together_however_soon_the_next_one_comes(
    lambda_client: Any, logs_client: Any, deploy: Deploy
) -> None:
    name = deploy(None, PRINTS)

    def call(_: int) -> None:
        # Whoever does not ask for the log has the answer before its last lines are written.
        lambda_client.invoke(FunctionName=name)["Payload"].read()

    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(call, range(CALLS)))
    pages = logs_client.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
    of_stream: dict[str, list[str]] = defaultdict(list)
    for event in (event for page in pages for event in page["events"]):
        of_stream[event["logStreamName"]].append(event["message"])
    called = 0
    for lines in of_stream.values():
        assert lines.pop(0).startswith("INIT_START")
        for start, printed, end, report in zip(*[iter(lines)] * 4, strict=True):
            request_id = printed.split()[1]
            assert start.startswith(f"START RequestId: {request_id} ")
            assert end.startswith(f"END RequestId: {request_id}")
            assert report.startswith(f"REPORT RequestId: {request_id}")
            called += 1
    assert called == CALLS
