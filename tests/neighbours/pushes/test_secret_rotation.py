"""Secrets Manager rotates by a function, on a real node."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node, NodeProcess

from .conftest import Recorder, wait_until

Recorders = Callable[..., Recorder]
SERVICE = "secretsmanager.amazonaws.com"

# What AWS's templates do, without the database.
ROTATION = """
import json
import boto3

def handler(event, context):
    print("SEEN " + json.dumps(event))
    client = boto3.client("secretsmanager")
    secret, token = event["SecretId"], event["ClientRequestToken"]
    stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    assert "AWSPENDING" in stages[token]
    if event["Step"] == "createSecret":
        try:
            client.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        except client.exceptions.ResourceNotFoundException:
            value = client.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["SecretString"]
            client.put_secret_value(
                SecretId=secret, ClientRequestToken=token, SecretString=value + "!", VersionStages=["AWSPENDING"]
            )
    if event["Step"] == "testSecret":
        value = client.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")["SecretString"]
        assert "bad" not in value
    if event["Step"] == "finishSecret":
        current = next(version for version, names in stages.items() if "AWSCURRENT" in names)
        client.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""


@pytest.fixture
def secrets(node: Node) -> Any:
    return node.client("secretsmanager")


@pytest.fixture
def function(recorder: Recorders) -> Recorder:
    made = recorder(ROTATION, MemorySize=512)
    made.let_in(SERVICE, SourceAccount="000000000000")
    return made


def create(secrets: Any, value: str) -> str:
    return str(secrets.create_secret(Name=f"s-{uuid4().hex[:8]}", SecretString=value)["ARN"])


def value_of(secrets: Any, secret: str) -> str:
    return str(secrets.get_secret_value(SecretId=secret)["SecretString"])


def test_the_four_steps_make_a_new_value_current(secrets: Any, function: Recorder) -> None:
    secret = create(secrets, "old")
    version = secrets.rotate_secret(
        SecretId=secret, RotationLambdaARN=function.arn, RotationRules={"AutomaticallyAfterDays": 30}
    )["VersionId"]
    assert function.wait_seen(4) == [
        {"Step": step, "SecretId": secret, "ClientRequestToken": version}
        for step in ("createSecret", "setSecret", "testSecret", "finishSecret")
    ]
    wait_until(lambda: value_of(secrets, secret) == "old!", "the new value is not current")
    assert secrets.get_secret_value(SecretId=secret, VersionStage="AWSPREVIOUS")["SecretString"] == "old"
    described = secrets.describe_secret(SecretId=secret)
    assert described["RotationEnabled"]
    assert described["RotationLambdaARN"] == function.arn
    again = secrets.rotate_secret(SecretId=secret)["VersionId"]
    assert again != version
    wait_until(lambda: value_of(secrets, secret) == "old!!", "the function is not remembered")


def test_a_step_that_fails_is_the_last(process: NodeProcess, secrets: Any, function: Recorder) -> None:
    secret = create(secrets, "bad")
    secrets.rotate_secret(SecretId=secret, RotationLambdaARN=function.arn)
    wait_until(lambda: f"the rotation of {secret} ended with testSecret" in process.log.read_text(), "nothing is told")
    assert [event["Step"] for event in function.seen()] == ["createSecret", "setSecret", "testSecret"]
    assert value_of(secrets, secret) == "bad"


def test_without_rotating_at_once_the_function_is_tested(secrets: Any, function: Recorder) -> None:
    secret = create(secrets, "old")
    secrets.rotate_secret(SecretId=secret, RotationLambdaARN=function.arn, RotateImmediately=False)
    assert [event["Step"] for event in function.wait_seen()] == ["testSecret"]
    wait_until(
        lambda: len(secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]) == 1, "the test's version stays"
    )
    assert value_of(secrets, secret) == "old"


def test_a_function_that_cannot_be_invoked_is_refused(node: Node, secrets: Any, recorder: Recorders) -> None:
    secret = create(secrets, "old")
    for function, code in (
        (recorder(), "AccessDeniedException"),
        (Recorder(node, "gone"), "ResourceNotFoundException"),
    ):
        with pytest.raises(ClientError) as refusal:
            secrets.rotate_secret(SecretId=secret, RotationLambdaARN=function.arn)
        assert refusal.value.response["Error"]["Code"] == code
    assert not secrets.describe_secret(SecretId=secret).get("RotationEnabled")
