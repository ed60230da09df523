"""Functions of another account (reference: control plane, 2 and 6)."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.conftest import Deploy, Node

OTHER_ACCOUNT = "222222222222"
ECHO = {"handler.py": "def handler(event, context):\n    return context.invoked_function_arn\n"}


@pytest.fixture(scope="module")
def stranger(platform: Node) -> Any:
    return boto3.client(
        "lambda",
        endpoint_url=platform.endpoint,
        region_name="us-east-1",
        aws_access_key_id=OTHER_ACCOUNT,
        aws_secret_access_key="test",
    )


def denied(raised: pytest.ExceptionInfo[ClientError]) -> str:
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
    return str(raised.value.response["Error"].get("Message"))


def allow(lambda_client: Any, name: str, **members: Any) -> None:
    statement = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": OTHER_ACCOUNT}
    lambda_client.add_permission(FunctionName=name, **(statement | members))


def test_a_function_can_be_invoked_by_whom_its_policy_lets_in(
    lambda_client: Any, stranger: Any, deploy: Deploy
) -> None:
    arn = lambda_client.get_function(FunctionName=deploy(None, ECHO))["Configuration"]["FunctionArn"]
    with pytest.raises(ClientError) as raised:
        stranger.invoke(FunctionName=arn)
    assert denied(raised) == (
        f"User: arn:aws:iam::{OTHER_ACCOUNT}:root is not authorized to perform: lambda:InvokeFunction on resource: "
        f"{arn} because no resource-based policy allows the lambda:InvokeFunction action"
    )
    allow(lambda_client, arn)
    assert stranger.invoke(FunctionName=arn)["Payload"].read() == f'"{arn}"'.encode()
    assert stranger.invoke(FunctionName=arn, InvocationType="Event")["StatusCode"] == 202
    lambda_client.remove_permission(FunctionName=arn, StatementId="s")
    with pytest.raises(ClientError):
        stranger.invoke(FunctionName=arn)


def test_each_qualifier_has_a_policy_of_its_own(lambda_client: Any, stranger: Any, deploy: Deploy) -> None:
    name = deploy(None, ECHO)
    lambda_client.publish_version(FunctionName=name)
    alias = lambda_client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")["AliasArn"]
    allow(lambda_client, name, Qualifier="live")
    assert stranger.invoke(FunctionName=alias)["Payload"].read() == f'"{alias}"'.encode()
    for arn in (alias.removesuffix(":live"), alias.removesuffix("live") + "1"):
        with pytest.raises(ClientError) as raised:
            stranger.invoke(FunctionName=arn)
        denied(raised)


def test_a_stranger_does_not_learn_which_functions_there_are(stranger: Any) -> None:
    with pytest.raises(ClientError) as raised:
        stranger.invoke(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:none")
    denied(raised)


def test_other_operations_do_not_reach_into_another_account(lambda_client: Any, stranger: Any, deploy: Deploy) -> None:
    arn = lambda_client.get_function(FunctionName=deploy(None, ECHO))["Configuration"]["FunctionArn"]
    allow(lambda_client, arn, Action="lambda:*")
    with pytest.raises(ClientError) as raised:
        stranger.get_function(FunctionName=arn)
    assert denied(raised) == "None"
