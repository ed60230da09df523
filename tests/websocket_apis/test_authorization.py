"""Who may connect, on a real node."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.exceptions import InvalidStatus

from tests.conftest import Deploy, Node

from .conftest import SocketApi, make_api, permit
from .test_messages import echo

AUTHORIZER = {
    "handler.py": "def handler(event, context):\n"
    "    token = event['headers']['X-Token']\n"
    "    if token == 'error':\n"
    "        raise ValueError('secret')\n"
    "    kept = ('type', 'methodArn', 'queryStringParameters', 'stageVariables')\n"
    "    import json\n"
    "    seen = {name: event[name] for name in kept} | {'routeKey': event['requestContext']['routeKey']}\n"
    "    statement = {'Action': 'execute-api:Invoke', 'Effect': 'Allow' if token == 'let-in' else 'Deny',\n"
    "                 'Resource': event['methodArn']}\n"
    "    return {'principalId': 'somebody', 'policyDocument': {'Version': '2012-10-17', 'Statement': [statement]},\n"
    "            'context': {'seen': json.dumps(seen), 'number': 5, 'yes': True}}\n"
}


def guard(api: SocketApi, **members: Any) -> None:
    routes = api.gateway.get_routes(ApiId=api.api_id)["Items"]
    route_id = next(route["RouteId"] for route in routes if route["RouteKey"] == "$connect")
    api.gateway.update_route(ApiId=api.api_id, RouteId=route_id, **members)


@pytest.fixture(scope="module")
def guarded(platform: Node, recorder: str, deploy_module: Deploy) -> SocketApi:
    """Whose clients an authorizer function is asked about."""
    api = make_api(platform, recorder)
    function = deploy_module(None, AUTHORIZER, Timeout=20)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    authorizer = api.gateway.create_authorizer(
        ApiId=api.api_id,
        Name="asks",
        AuthorizerType="REQUEST",
        AuthorizerUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations",
        IdentitySource=["route.request.header.X-Token", "route.request.querystring.who"],
    )
    source = f"arn:aws:execute-api:us-east-1:000000000000:{api.api_id}/authorizers/{authorizer['AuthorizerId']}"
    permit(platform, function, source)
    guard(api, AuthorizationType="CUSTOM", AuthorizerId=authorizer["AuthorizerId"])
    return api


def refusal(connect: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as raised, connect():
        pass
    response = raised.value.response
    return response.status_code, json.loads(response.body or b"{}")["message"]


def test_an_authorizer_lets_in_and_is_told_of_ever_after(guarded: SocketApi) -> None:
    with guarded.connect("?who=me", additional_headers={"X-Token": "let-in"}) as client:
        authorizer = echo(client)["requestContext"]["authorizer"]
    assert authorizer.pop("integrationLatency") >= 0
    assert json.loads(authorizer.pop("seen")) == {
        "type": "REQUEST",
        "methodArn": f"arn:aws:execute-api:us-east-1:000000000000:{guarded.api_id}/prod/$connect",
        "queryStringParameters": {"who": "me"},
        "stageVariables": {"colour": "blue"},
        "routeKey": "$connect",
    }
    assert authorizer == {"principalId": "somebody", "number": "5", "yes": "true"}


@pytest.mark.parametrize(
    ("token", "query", "expected"),
    [
        ("keep-out", "?who=me", (403, "Forbidden")),
        ("error", "?who=me", (500, "Internal server error")),
        ("let-in", "", (401, "Unauthorized")),
        (None, "?who=me", (401, "Unauthorized")),
    ],
)
def test_an_authorizer_keeps_out(guarded: SocketApi, token: str | None, query: str, expected: tuple[int, str]) -> None:
    headers = {} if token is None else {"X-Token": token}
    assert refusal(lambda: guarded.connect(query, additional_headers=headers)) == expected


def test_with_iam_clients_sign(platform: Node, recorder: str) -> None:
    api = make_api(platform, recorder)
    guard(api, AuthorizationType="AWS_IAM")
    assert refusal(api.connect) == (403, "Forbidden")

    def signed(account_id: str) -> dict[str, str]:
        request = AWSRequest("GET", f"http://{api.host}/prod", headers={"Host": api.host})
        SigV4Auth(Credentials(account_id, "test"), "execute-api", "us-east-1").add_auth(request)
        return {name: request.headers[name] for name in ("Authorization", "X-Amz-Date")}

    with api.connect(additional_headers=signed("000000000000")) as client:
        identity = echo(client)["requestContext"]["identity"]
    assert identity["accessKey"] == "000000000000"
    assert identity["userArn"] == "arn:aws:iam::000000000000:root"
    assert refusal(lambda: api.connect(additional_headers=signed("111111111111"))) == (403, "Forbidden")


def test_a_function_that_does_not_let_the_api_in_is_an_error(platform: Node, recorder: str) -> None:
    api = make_api(platform, recorder)
    client = platform.client("lambda")
    policy = json.loads(client.get_policy(FunctionName=recorder)["Policy"])
    for statement in policy["Statement"]:
        if api.api_id in json.dumps(statement):
            client.remove_permission(FunctionName=recorder, StatementId=statement["Sid"])
    assert refusal(api.connect) == (500, "Internal server error")
