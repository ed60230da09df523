"""Amazon API Gateway Developer Guide, "Control access to HTTP APIs with AWS Lambda authorizers"."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conftest import Deploy, Node, NodeProcess, deployer
from tests.http_apis.conftest import ACCOUNT, ECHO, ApiClient, Apis, arn_of

# Answers what the header `x-verdict` says, with how often it was asked and what it was given.
AUTHORIZER = {
    "handler.py": "import json\n"
    "asked = 0\n"
    "def handler(event, context):\n"
    "    global asked\n"
    "    asked += 1\n"
    "    headers = {name.lower(): value for name, value in event['headers'].items()}\n"
    "    verdict = json.loads(headers['x-verdict'])\n"
    "    if isinstance(verdict, dict) and 'context' in verdict:\n"
    "        verdict['context'] |= {'asked': asked, 'event': json.dumps(event)}\n"
    "    return verdict\n"
}
INVOKED_BY = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions"
ARN = "arn:aws:execute-api:us-east-1:000000000000:*/$default/GET/allowed"


@pytest.fixture(scope="module")
def authorizer(deploy_module: Deploy) -> str:
    return deploy_module(None, AUTHORIZER)


def guarded(
    apis: Apis, function: str, authorizer: str, payload_format: str = "2.0", may_invoke: bool = True, **members: Any
) -> ApiClient:
    """An API all of whose routes ask that authorizer, by the header `x-token`."""
    api = apis.new()
    made = apis.client.create_authorizer(
        **{
            "ApiId": api.id,
            "AuthorizerType": "REQUEST",
            "Name": "asks",
            "IdentitySource": ["$request.header.X-Token"],
            "AuthorizerUri": f"{INVOKED_BY}/{arn_of(authorizer)}/invocations",
            "AuthorizerPayloadFormatVersion": payload_format,
            "AuthorizerResultTtlInSeconds": 0,
            **members,
        }
    )
    wanted = {"AuthorizationType": "CUSTOM", "AuthorizerId": made["AuthorizerId"]}
    apis.route(api, "ANY /{proxy+}", apis.integration(api, function, payload_format), **wanted)
    if may_invoke:
        apis.let_in(api, authorizer, f"authorizers/{made['AuthorizerId']}")
    return api


def simple(is_authorized: bool) -> dict[str, str]:
    return {"X-Token": "t", "X-Verdict": json.dumps({"isAuthorized": is_authorized, "context": {"who": "me"}})}


def policy(effect: str = "Allow", resource: Any = "*", **members: Any) -> dict[str, str]:
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource, **members}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    verdict = {"principalId": "somebody", "policyDocument": document, "context": {"level": 3}}
    return {"X-Token": "t", "X-Verdict": json.dumps(verdict)}


def test_a_simple_answer_lets_pass_or_not(apis: Apis, function: str, authorizer: str) -> None:
    api = guarded(apis, function, authorizer, EnableSimpleResponses=True)
    context = api.event(path="/a?x=1", headers=simple(True))["requestContext"]["authorizer"]["lambda"]
    assert context["who"] == "me"
    given = json.loads(context["event"])
    assert {name: given[name] for name in ("version", "type", "identitySource", "routeKey", "rawPath")} == {
        "version": "2.0",
        "type": "REQUEST",
        "identitySource": ["t"],
        "routeKey": "ANY /{proxy+}",
        "rawPath": "/a",
    }
    assert given["routeArn"] == f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api.id}/$default/GET/a"
    assert given["pathParameters"] == {"proxy": "a"}
    assert not given.keys() & {"body", "isBase64Encoded"}
    reply = api.ask(path="/a", headers=simple(False))
    assert (reply.status, reply.document) == (403, {"message": "Forbidden"})


def test_without_its_identity_a_request_is_unauthorized_and_nobody_is_asked(
    apis: Apis, function: str, authorizer: str
) -> None:
    api = guarded(apis, function, authorizer, EnableSimpleResponses=True)
    reply = api.ask(path="/a", headers={"X-Verdict": "broken"})
    assert (reply.status, reply.document) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize("payload_format", ["1.0", "2.0"])
def test_a_policy_lets_pass_what_it_allows(apis: Apis, function: str, authorizer: str, payload_format: str) -> None:
    api = guarded(apis, function, authorizer, payload_format)
    event = api.event(path="/allowed", headers=policy(resource=[ARN]))
    found = event["requestContext"]["authorizer"]
    if payload_format == "2.0":
        assert found["lambda"]["level"] == 3
    else:
        assert (found["level"], found["principalId"]) == (3, "somebody")
        assert json.loads(found["event"])["methodArn"].endswith("/$default/GET/allowed")
        assert json.loads(found["event"])["identitySource"] == "t"
    assert api.ask(path="/other", headers=policy(resource=[ARN])).status == 403
    assert api.ask("PUT", "/allowed", headers=policy(resource=[ARN])).status == 403
    assert api.ask(path="/%61llowed", headers=policy(resource=[ARN])).status == 200
    assert api.ask(path="/allowed", headers=policy("Deny")).status == 403


@pytest.mark.parametrize(
    "verdict",
    ["null", "7", '{"isAuthorized": "yes"}', "{}", '{"principalId": "me", "policyDocument": {}}', "no json"],
)
def test_what_is_no_verdict_is_an_internal_server_error(
    apis: Apis, function: str, authorizer: str, verdict: str
) -> None:
    for settings in ({"EnableSimpleResponses": True}, {}):
        api = guarded(apis, function, authorizer, **settings)
        reply = api.ask(path="/a", headers={"X-Token": "t", "X-Verdict": verdict})
        assert (reply.status, reply.document) == (500, {"message": "Internal Server Error"})


def test_an_authorizer_that_does_not_let_the_api_in_is_an_internal_server_error(
    apis: Apis, function: str, authorizer: str
) -> None:
    api = guarded(apis, function, authorizer, may_invoke=False, EnableSimpleResponses=True)
    assert api.ask(path="/a", headers=simple(True)).status == 500


def test_an_answer_is_kept_for_the_same_identity_and_its_policy_asked_anew(
    apis: Apis, function: str, authorizer: str
) -> None:
    api = guarded(apis, function, authorizer, AuthorizerResultTtlInSeconds=300)
    headers = policy(resource=[ARN])

    def asked() -> int:
        event = api.event(path="/allowed", headers=headers)
        return int(event["requestContext"]["authorizer"]["lambda"]["asked"])

    first = asked()
    assert asked() == first
    # What was said before holds for another path, too, and says no.
    assert api.ask(path="/other", headers=policy(resource="*")).status == 403
    headers = {**headers, "X-Token": "another"}
    second = asked()
    assert second > first
    apis.client.reset_authorizers_cache(ApiId=api.id, StageName="$default")
    assert asked() > second


def test_a_signature_is_verified_on_a_node_with_credentials(
    start_node: Callable[..., tuple[NodeProcess, Node]], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    _, node = start_node(STOKER_ACCESS_KEY_ID="AKIDEXAMPLE", STOKER_SECRET_ACCESS_KEY="secret")
    session = {"endpoint_url": node.endpoint, "region_name": "us-east-1"}
    client, functions = boto3.client("apigatewayv2", **session), boto3.client("lambda", **session)
    deploy, _ = deployer(functions)
    function = deploy(None, ECHO)
    api = ApiClient(node, client.create_api(Name="a", ProtocolType="HTTP", Target=arn_of(function))["ApiId"])
    functions.add_permission(
        FunctionName=function, StatementId="a", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    (route,) = client.get_routes(ApiId=api.id)["Items"]
    client.update_route(ApiId=api.id, RouteId=route["RouteId"], AuthorizationType="AWS_IAM")

    def signed(secret: str, service: str = "execute-api") -> dict[str, str]:
        request = AWSRequest("GET", f"http://{api.host}/")
        SigV4Auth(Credentials("AKIDEXAMPLE", secret), service, "us-east-1").add_auth(request)
        return dict(request.headers)

    assert api.ask(headers=signed("secret")).status == 200
    for headers in (signed("another"), signed("secret", "lambda"), {}):
        reply = api.ask(headers=headers)
        assert (reply.status, reply.document) == (403, {"message": "Forbidden"})


def test_a_signature_lets_the_account_of_the_api_pass(apis: Apis, function: str) -> None:
    api = apis.new()
    apis.route(api, "$default", apis.integration(api, function), AuthorizationType="AWS_IAM")
    reply = api.ask()
    assert (reply.status, reply.document) == (403, {"message": "Forbidden"})

    def signed(access_key: str) -> dict[str, str]:
        request = AWSRequest("GET", f"http://{api.host}/")
        SigV4Auth(Credentials(access_key, "test"), "execute-api", "us-east-1").add_auth(request)
        return dict(request.headers)

    event = api.event(headers=signed(ACCOUNT))
    assert event["requestContext"]["authorizer"]["iam"]["accountId"] == ACCOUNT
    assert "authorization" not in event["headers"]
    assert api.ask(headers=signed("111111111111")).status == 403
