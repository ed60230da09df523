"""Step Functions' Lambda tasks call functions, on a real node."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import ROLE, Node

from .conftest import Recorder, wait_until

Recorders = Callable[..., Recorder]


@pytest.fixture
def states(node: Node) -> Any:
    return node.client("stepfunctions")


def run(states: Any, task: dict[str, Any], event: Any) -> dict[str, Any]:
    """What became of a machine of one task."""
    definition = {"StartAt": "task", "States": {"task": {"Type": "Task", "End": True, **task}}}
    machine = states.create_state_machine(name=f"m-{uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=ROLE)[
        "stateMachineArn"
    ]
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
    found: dict[str, Any] = {}

    def has_ended() -> bool:
        found.update(states.describe_execution(executionArn=execution))
        return bool(found["status"] != "RUNNING")

    wait_until(has_ended, "the machine runs on")
    return found


def test_a_task_by_arn_gives_and_takes_documents(states: Any, recorder: Recorders) -> None:
    ended = run(states, {"Resource": recorder().arn}, {"n": 1})
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"got": {"n": 1}})


def test_a_task_by_the_integration_takes_parameters(states: Any, recorder: Recorders) -> None:
    function = recorder()
    parameters = {"FunctionName": function.name, "Payload": {"sent.$": "$.n"}, "Qualifier": "$LATEST"}
    ended = run(states, {"Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters}, {"n": 7})
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert output["Payload"] == {"got": {"sent": 7}}
    assert (output["StatusCode"], output["ExecutedVersion"]) == (200, "$LATEST")
    assert output["SdkResponseMetadata"]["RequestId"] == output["SdkHttpMetadata"]["HttpHeaders"]["x-amzn-RequestId"]


def test_a_task_may_only_send_an_event(states: Any, recorder: Recorders) -> None:
    function = recorder()
    parameters = {"FunctionName": function.arn, "Payload": {"n": 1}, "InvocationType": "Event"}
    ended = run(states, {"Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters}, {})
    assert json.loads(ended["output"])["StatusCode"] == 202
    assert function.wait_seen() == [{"n": 1}]


def test_a_failure_has_the_name_by_which_it_is_caught(states: Any, recorder: Recorders) -> None:
    function = recorder()
    ended = run(states, {"Resource": function.arn}, {"fails": "on purpose"})
    assert (ended["status"], ended["error"]) == ("FAILED", "ValueError")
    assert json.loads(ended["cause"])["errorMessage"] == "on purpose"
    retried = {"Retry": [{"ErrorEquals": ["ValueError"], "IntervalSeconds": 1, "MaxAttempts": 1}]}
    again = recorder()
    assert run(states, {"Resource": again.arn, **retried}, {"fails": "twice"})["status"] == "FAILED"
    assert len(again.seen()) == 2


@pytest.mark.parametrize("is_integration", [False, True])
def test_a_function_that_is_not_there_is_told_by_lambdas_name(states: Any, *, is_integration: bool) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:gone"
    task: dict[str, Any] = {"Resource": arn}
    if is_integration:
        task = {"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": arn}}
    ended = run(states, task, {})
    assert (ended["status"], ended["error"]) == ("FAILED", "Lambda.ResourceNotFoundException")
    assert "Function not found" in ended["cause"]


def test_a_token_goes_out_and_comes_back(node: Node, states: Any, recorder: Recorders) -> None:
    code = """
import json
import boto3

def handler(event, context):
    boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output=json.dumps({"by": "token"}))
"""
    parameters = {"FunctionName": recorder(code, MemorySize=512).arn, "Payload": {"token.$": "$$.Task.Token"}}
    task = {"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": parameters}
    ended = run(states, task, {})
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"by": "token"})
