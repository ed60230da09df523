"""HTTP APIs and the rest of AWS: who issues tokens, and who makes APIs."""

import time
import uuid
from typing import Any

import pytest

from tests.http_apis.conftest import ApiClient, Apis
from tests.http_apis.test_tokens import authorizer_of

pytest.importorskip("moto", reason="needs the extra neighbours")


def signed_in(cognito: Any) -> tuple[str, str, dict[str, str]]:
    """A pool, its client, and the tokens of somebody who has signed in."""
    pool = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
    app = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="app", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username="me", TemporaryPassword="Passw0rd!")
    cognito.admin_set_user_password(UserPoolId=pool, Username="me", Password="Passw0rd!", Permanent=True)
    parameters = {"USERNAME": "me", "PASSWORD": "Passw0rd!"}
    answer = cognito.admin_initiate_auth(
        UserPoolId=pool, ClientId=app, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters
    )
    return pool, app, answer["AuthenticationResult"]


def test_tokens_of_the_embedded_cognito_are_good(apis: Apis, function: str) -> None:
    pool, app, tokens = signed_in(apis.node.client("cognito-idp"))
    api = apis.new()
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{pool}"
    authorizer = authorizer_of(apis, api, issuer, JwtConfiguration={"Issuer": issuer, "Audience": [app]})
    apis.route(api, "$default", apis.integration(api, function), AuthorizationType="JWT", AuthorizerId=authorizer)
    for name in ("IdToken", "AccessToken"):
        event = api.event(headers={"Authorization": f"Bearer {tokens[name]}"})
        claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
        assert (claims["iss"], claims["token_use"]) == (issuer, name.removesuffix("Token").lower())
    assert api.ask(headers={"Authorization": f"Bearer {tokens['IdToken'][:-8]}AAAAAAAA"}).status == 401


def test_a_schedule_makes_an_api_of_the_nodes_own(apis: Apis) -> None:
    scheduler, name = apis.node.client("scheduler"), f"scheduled-{uuid.uuid4().hex[:8]}"
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression=f"at({time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:apigatewayv2:createApi",
            "RoleArn": "arn:aws:iam::000000000000:role/r",
            "Input": f'{{"Name": "{name}", "ProtocolType": "HTTP"}}',
        },
    )
    deadline_s = time.monotonic() + 30
    made: list[str] = []
    while not made and time.monotonic() < deadline_s:
        made = [api["ApiId"] for api in apis.client.get_apis()["Items"] if api["Name"] == name]
        time.sleep(0.1)
    assert ApiClient(apis.node, made[0]).ask().status == 404
