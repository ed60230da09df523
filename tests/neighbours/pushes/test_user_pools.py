"""Cognito's triggers ask functions, on a real node."""

import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node

from .conftest import Recorder

Recorders = Callable[..., Recorder]
TRIGGERS = ("PreSignUp", "PostConfirmation", "PreAuthentication", "PostAuthentication", "PreTokenGeneration")
PASSWORD = "Secret-password-1"

GUARD = """
import json

def handler(event, context):
    print("SEEN " + json.dumps(event))
    if event["userName"] == "mallory":
        raise ValueError("not you")
    if event["userName"] == "nonsense":
        return {}
    if event["triggerSource"] == "PreSignUp_SignUp":
        event["response"] |= {"autoConfirmUser": True, "autoVerifyEmail": True}
    if event["triggerSource"].startswith("TokenGeneration"):
        event["response"]["claimsOverrideDetails"] = {"claimsToAddOrOverride": {"team": "red"}}
    return event
"""


@pytest.fixture
def cognito(node: Node) -> Any:
    return node.client("cognito-idp")


def pool_with(cognito: Any, function: Recorder) -> tuple[str, str]:
    """Its id and that of a client of it."""
    pool = cognito.create_user_pool(PoolName=uuid4().hex, LambdaConfig=dict.fromkeys(TRIGGERS, function.arn))[
        "UserPool"
    ]
    function.let_in("cognito-idp.amazonaws.com", pool["Arn"])
    client = cognito.create_user_pool_client(
        UserPoolId=pool["Id"], ClientName="c", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )
    return pool["Id"], client["UserPoolClient"]["ClientId"]


def test_a_user_signs_up_and_in_as_the_function_lets_them(cognito: Any, recorder: Recorders) -> None:
    function = recorder(GUARD)
    pool, client = pool_with(cognito, function)
    email = [{"Name": "email", "Value": "a@example.com"}]
    signed_up = cognito.sign_up(ClientId=client, Username="alice", Password=PASSWORD, UserAttributes=email)
    assert signed_up["UserConfirmed"] is True
    user = cognito.admin_get_user(UserPoolId=pool, Username="alice")
    assert {"Name": "email_verified", "Value": "true"} in user["UserAttributes"]
    signed_in = cognito.initiate_auth(
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "alice", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    assert _claims(signed_in["IdToken"])["team"] == "red"
    events = function.wait_seen(5)
    assert events[0] == {
        "version": "1",
        "region": "us-east-1",
        "userPoolId": pool,
        "userName": "alice",
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client},
        "triggerSource": "PreSignUp_SignUp",
        "request": {"userAttributes": {"email": "a@example.com"}, "validationData": None},
        "response": {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
    }
    assert [event["triggerSource"] for event in events[1:]] == [
        "PostConfirmation_ConfirmSignUp",
        "PreAuthentication_Authentication",
        "PostAuthentication_Authentication",
        "TokenGeneration_Authentication",
    ]
    assert events[1]["request"]["userAttributes"] == {
        "sub": signed_up["UserSub"],
        "cognito:user_status": "CONFIRMED",
        "email": "a@example.com",
        "email_verified": "true",
    }


def test_a_function_may_refuse(cognito: Any, recorder: Recorders) -> None:
    pool, client = pool_with(cognito, recorder(GUARD))
    for username, code, text in (
        ("mallory", "UserLambdaValidationException", "PreSignUp failed with error not you."),
        ("nonsense", "InvalidLambdaResponseException", "Unrecognizable lambda output"),
    ):
        with pytest.raises(ClientError) as refusal:
            cognito.sign_up(ClientId=client, Username=username, Password=PASSWORD)
        error = refusal.value.response["Error"]
        assert (error["Code"], error["Message"]) == (code, text)
    assert cognito.list_users(UserPoolId=pool)["Users"] == []


def test_a_function_that_lets_no_pool_in_stops_the_sign_up(cognito: Any, recorder: Recorders) -> None:
    function = recorder(GUARD)
    pool = cognito.create_user_pool(PoolName=uuid4().hex, LambdaConfig={"PreSignUp": function.arn})["UserPool"]
    client = cognito.create_user_pool_client(UserPoolId=pool["Id"], ClientName="c")["UserPoolClient"]["ClientId"]
    with pytest.raises(ClientError, match="PreSignUp invocation failed due to error AccessDeniedException"):
        cognito.sign_up(ClientId=client, Username="alice", Password=PASSWORD)
    assert function.seen() == []


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
