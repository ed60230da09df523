"""Environment variables under a key of the customer's (KMSKeyArn)."""

import sqlite3
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import PYTHON, ROLE, Node, NodeProcess, zip_of

SOURCE = "import os\n\ndef handler(event, context):\n    return os.environ.get('SECRET', 'none')\n"
SECRET = "a-word-that-nobody-else-knows"
SOON = {"Delay": 0.1, "MaxAttempts": 300}


@pytest.fixture(scope="module")
def kms(platform: Node) -> Any:
    return platform.client("kms")


@pytest.fixture
def key_arn(kms: Any) -> str:
    return kms.create_key()["KeyMetadata"]["Arn"]


def create(lambda_client: Any, **members: Any) -> str:
    name = f"sealed-{uuid.uuid4()}"
    lambda_client.create_function(
        FunctionName=name,
        Runtime=PYTHON,
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": zip_of({"app.py": SOURCE})},
        **members,
    )
    lambda_client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=SOON)
    return name


def update(lambda_client: Any, name: str, **members: Any) -> None:
    lambda_client.update_function_configuration(FunctionName=name, **members)
    lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=SOON)


def answer(lambda_client: Any, name: str) -> bytes:
    return lambda_client.invoke(FunctionName=name)["Payload"].read()


def database_text(node: Node) -> str:
    with sqlite3.connect(f"file:{node.data}/stoker.db?mode=ro", uri=True) as connection:
        return "\n".join(connection.iterdump())


def test_the_function_sees_its_variables_and_the_database_does_not(
    platform: Node, lambda_client: Any, key_arn: str
) -> None:
    name = create(lambda_client, KMSKeyArn=key_arn, Environment={"Variables": {"SECRET": SECRET}})
    assert answer(lambda_client, name) == f'"{SECRET}"'.encode()
    shown = lambda_client.get_function_configuration(FunctionName=name)
    assert (shown["KMSKeyArn"], shown["Environment"]) == (key_arn, {"Variables": {"SECRET": SECRET}})
    listed = lambda_client.list_versions_by_function(FunctionName=name)["Versions"][0]
    assert listed["Environment"] == {"Variables": {"SECRET": SECRET}}
    assert name in database_text(platform)
    assert SECRET not in database_text(platform)


def test_a_key_may_come_change_and_go_while_the_variables_stay(lambda_client: Any, kms: Any, key_arn: str) -> None:
    name = create(lambda_client, Environment={"Variables": {"SECRET": "kept"}})
    for key in (key_arn, kms.create_key()["KeyMetadata"]["Arn"], ""):
        update(lambda_client, name, KMSKeyArn=key)
        shown = lambda_client.get_function_configuration(FunctionName=name)
        assert shown.get("KMSKeyArn", "") == key
        assert shown["Environment"] == {"Variables": {"SECRET": "kept"}}
        assert answer(lambda_client, name) == b'"kept"'


def test_other_changes_leave_sealed_variables_alone(lambda_client: Any, key_arn: str) -> None:
    name = create(lambda_client, KMSKeyArn=key_arn, Environment={"Variables": {"SECRET": "kept"}})
    update(lambda_client, name, Timeout=7)
    assert answer(lambda_client, name) == b'"kept"'
    update(lambda_client, name, Environment={"Variables": {"SECRET": "new"}})
    assert answer(lambda_client, name) == b'"new"'


def test_a_key_that_is_not_there_is_refused(lambda_client: Any) -> None:
    missing = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
    with pytest.raises(ClientError) as raised:
        create(lambda_client, KMSKeyArn=missing, Environment={"Variables": {"SECRET": "s"}})
    error = raised.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException"
    assert error["Message"].startswith(
        "Lambda was unable to configure access to your environment variables because the KMS key is invalid for "
        "CreateGrant. Please check your KMS key settings. KMS Exception: NotFoundException KMS Message: "
    )


def test_without_its_key_a_function_neither_runs_nor_shows_its_variables(
    start_node: Callable[..., tuple[NodeProcess, Node]],
) -> None:
    process, node = start_node()
    lambda_client, kms = node.client("lambda"), node.client("kms")
    key_arn = kms.create_key()["KeyMetadata"]["Arn"]
    name = create(lambda_client, KMSKeyArn=key_arn, Environment={"Variables": {"SECRET": "s"}})
    process.stop()
    _, again = start_node(data=node.data)  # whose KMS has forgotten the key
    lambda_client = again.client("lambda")
    with pytest.raises(ClientError) as raised:
        lambda_client.invoke(FunctionName=name)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
    assert raised.value.response["Error"]["Code"] in ("KMSNotFoundException", "KMSAccessDeniedException")
    shown = lambda_client.get_function_configuration(FunctionName=name)["Environment"]
    assert shown["Error"]["ErrorCode"] == raised.value.response["Error"]["Code"]
