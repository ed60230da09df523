"""Who may: authorizer functions, signatures, resource policies, API keys and usage plans; and what requests need."""

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conftest import Deploy, Node
from tests.plain_http import Reply
from tests.rest_apis.conftest import Api, event_of

# Says yes to `allow…`, no to `deny`, that it does not know `unknown`, and nothing that makes sense to all else. It
# counts how often it was asked.
AUTHORIZER = {
    "handler.py": "asked = 0\n"
    "def handler(event, context):\n"
    "    global asked\n"
    "    asked += 1\n"
    "    if event['type'] == 'TOKEN':\n"
    "        token = event['authorizationToken']\n"
    "    else:\n"
    "        token = event['queryStringParameters']['token']\n"
    "    if token == 'unknown':\n"
    "        raise Exception('Unauthorized')\n"
    "    if token == 'nested':\n"
    "        return policy('Allow', event, {'a': {'b': 1}})\n"
    "    if token.startswith('allow'):\n"
    "        return policy('Allow', event, {'n': 1, 'yes': True, 'text': 't', 'asked': asked})\n"
    "    if token == 'deny':\n"
    "        return policy('Deny', event, {})\n"
    "    if token == 'elsewhere':\n"
    "        return policy('Allow', {'methodArn': event['methodArn'] + '/x'}, {})\n"
    "    return {'nonsense': 1}\n"
    "def policy(effect, event, context):\n"
    "    statement = {'Action': 'execute-api:Invoke', 'Effect': effect, 'Resource': event['methodArn']}\n"
    "    document = {'Version': '2012-10-17', 'Statement': [statement]}\n"
    "    return {'principalId': 'me', 'policyDocument': document, 'context': context, 'usageIdentifierKey': 'k' * 20}\n"
}


@pytest.fixture(scope="module")
def authorizer(deploy_module: Deploy) -> str:
    return deploy_module(f"authorizer-{uuid.uuid4().hex[:8]}", AUTHORIZER)


def guarded(platform: Node, echo: str, authorizer: str, **members: Any) -> Api:
    api = Api(platform)
    given = {"type": "TOKEN", "identitySource": "method.request.header.Auth", "authorizerResultTtlInSeconds": 0}
    made = api.client.create_authorizer(
        restApiId=api.id, name="a", authorizerUri=api.uri(authorizer), **(given | members)
    )
    api.let_in(authorizer)
    api.proxy("/pets", echo, authorization="CUSTOM", authorizerId=made["id"])
    api.deploy()
    return api


@pytest.fixture(scope="module")
def by_token(platform: Node, echo: str, authorizer: str) -> Api:
    return guarded(platform, echo, authorizer, identityValidationExpression="[a-z]+[0-9]*")


def test_what_an_authorizer_says_reaches_the_function(by_token: Api) -> None:
    event = event_of(by_token.ask("GET", "/prod/pets", headers={"Auth": "allow"}))
    shown = event["requestContext"]["authorizer"]
    assert {name: shown[name] for name in ("principalId", "n", "yes", "text")} == {
        "principalId": "me",
        "n": "1",
        "yes": "true",
        "text": "t",
    }
    assert isinstance(shown["integrationLatency"], int)


@pytest.mark.parametrize(
    ("token", "status", "body", "error_type"),
    [
        (None, 401, {"message": "Unauthorized"}, "UnauthorizedException"),
        ("ALLOW", 401, {"message": "Unauthorized"}, "UnauthorizedException"),
        ("unknown", 401, {"message": "Unauthorized"}, "UnauthorizedException"),
        (
            "deny",
            403,
            {"Message": "User is not authorized to access this resource with an explicit deny"},
            "AccessDeniedException",
        ),
        ("elsewhere", 403, {"Message": "User is not authorized to access this resource"}, "AccessDeniedException"),
        ("nonsense", 500, {"message": None}, "AuthorizerConfigurationException"),
        ("nested", 500, {"message": None}, "AuthorizerConfigurationException"),
    ],
)
def test_who_is_not_let_in_hears_why(
    by_token: Api, token: str | None, status: int, body: dict[str, Any], error_type: str
) -> None:
    reply = by_token.ask("GET", "/prod/pets", headers={} if token is None else {"Auth": token})
    assert (reply.status, reply.document, reply.headers["x-amzn-errortype"]) == (status, body, error_type)


def test_a_request_authorizer_sees_the_whole_request_and_its_word_is_kept(
    platform: Node, echo: str, authorizer: str
) -> None:
    source = "method.request.querystring.token, method.request.header.X-Who"
    api = guarded(platform, echo, authorizer, type="REQUEST", identitySource=source, authorizerResultTtlInSeconds=300)

    def asked(who: str) -> int:
        event = event_of(api.ask("GET", "/prod/pets?token=allow", headers={"X-Who": who}))
        return int(event["requestContext"]["authorizer"]["asked"])

    first = asked("a")
    assert asked("a") == first
    assert asked("b") == first + 1
    assert api.ask("GET", "/prod/pets?token=allow").status == 401
    api.client.flush_stage_authorizers_cache(restApiId=api.id, stageName="prod")
    assert asked("a") == first + 2


def signed(api: Api, path: str, account_id: str = "000000000000") -> Reply:
    host = f"{api.host}:{urlsplit(api.node.endpoint).port}"
    request = AWSRequest("GET", f"http://{host}{path}", headers={"Host": host})
    SigV4Auth(Credentials(account_id, "secret"), "execute-api", "us-east-1").add_auth(request)
    return api.ask("GET", path, headers={name: value for name, value in request.headers.items() if name != "Host"})


def test_a_signature_says_who_calls(platform: Node, echo: str) -> None:
    api = Api(platform)
    api.proxy("/pets", echo, authorization="AWS_IAM")
    api.deploy()
    event = event_of(signed(api, "/prod/pets"))
    identity = event["requestContext"]["identity"]
    assert (identity["accessKey"], identity["userArn"]) == ("000000000000", "arn:aws:iam::000000000000:root")
    assert "Authorization" not in event["headers"]
    reply = api.ask("GET", "/prod/pets")
    assert (reply.status, reply.document) == (403, {"message": "Missing Authentication Token"})
    reply = signed(api, "/prod/pets", "111122223333")
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert reply.document["Message"].startswith("User: arn:aws:iam::111122223333:root is not authorized to perform:")


def test_a_resource_policy_keeps_out_whom_it_does_not_name(platform: Node, echo: str) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    deny = statement | {
        "Effect": "Deny",
        "Resource": "execute-api:/*/GET/secret",
        "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}},
    }
    api = Api(platform, policy=json.dumps({"Version": "2012-10-17", "Statement": [statement, deny]}))
    api.proxy("/pets", echo)
    api.proxy("/secret", echo)
    api.deploy()
    assert api.ask("GET", "/prod/pets").status == 200
    reply = api.ask("GET", "/prod/secret")
    assert reply.status == 403
    arn = f"arn:aws:execute-api:us-east-1:000000000000:{api.id}/prod/GET/secret"
    assert reply.document == {
        "Message": f"User: anonymous is not authorized to perform: execute-api:Invoke on resource: {arn}"
    }


@pytest.fixture(scope="module")
def keyed(platform: Node, echo: str) -> Api:
    api = Api(platform)
    api.proxy("/pets", echo, apiKeyRequired=True)
    api.proxy("/slow", echo, apiKeyRequired=True)
    api.deploy()
    return api


def key_for(api: Api, **plan: Any) -> tuple[dict[str, Any], str]:
    """A key with a plan of its own for the stage, and the plan's id."""
    key = api.client.create_api_key(name=f"k-{uuid.uuid4().hex[:6]}", enabled=True)
    made = api.client.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "prod"}], **plan)
    api.client.create_usage_plan_key(usagePlanId=made["id"], keyId=key["id"], keyType="API_KEY")
    return key, made["id"]


def test_a_method_that_wants_a_key_is_forbidden_without(keyed: Api) -> None:
    key, _ = key_for(keyed)
    stranger = keyed.client.create_api_key(name="stranger", enabled=True)
    for headers in ({}, {"x-api-key": "nonsense"}, {"x-api-key": stranger["value"]}):
        reply = keyed.ask("GET", "/prod/pets", headers=headers)
        assert (reply.status, reply.body) == (403, b'{"message":"Forbidden"}')
    event = event_of(keyed.ask("GET", "/prod/pets", headers={"X-API-Key": key["value"]}))
    identity = event["requestContext"]["identity"]
    assert (identity["apiKey"], identity["apiKeyId"]) == (key["value"], key["id"])
    keyed.client.update_api_key(
        apiKey=key["id"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}]
    )
    assert keyed.ask("GET", "/prod/pets", headers={"x-api-key": key["value"]}).status == 403


def test_a_quota_has_an_end_and_is_counted(keyed: Api) -> None:
    key, plan_id = key_for(keyed, quota={"limit": 2, "period": "MONTH"})
    headers = {"x-api-key": key["value"]}
    assert [keyed.ask("GET", "/prod/pets", headers=headers).status for _ in range(3)] == [200, 200, 429]
    reply = keyed.ask("GET", "/prod/pets", headers=headers)
    assert (reply.body, reply.headers["x-amzn-errortype"]) == (
        b'{"message":"Limit Exceeded"}',
        "LimitExceededException",
    )
    today = datetime.now(UTC).date().isoformat()
    usage = keyed.client.get_usage(usagePlanId=plan_id, startDate=today, endDate=today)
    assert usage["items"] == {key["id"]: [[2, 0]]}


def test_a_plan_throttles_and_a_method_may_have_its_own_rate(keyed: Api) -> None:
    key, plan_id = key_for(keyed, throttle={"rateLimit": 0.001, "burstLimit": 1})
    headers = {"x-api-key": key["value"]}
    assert keyed.ask("GET", "/prod/pets", headers=headers).status == 200
    reply = keyed.ask("GET", "/prod/pets", headers=headers)
    assert (reply.status, reply.body) == (429, b'{"message":"Too Many Requests"}')
    path = f"/apiStages/{keyed.id}:prod/throttle/~1slow/GET"
    keyed.client.update_usage_plan(
        usagePlanId=plan_id,
        patchOperations=[
            {"op": "replace", "path": f"{path}/rateLimit", "value": "0.001"},
            {"op": "replace", "path": f"{path}/burstLimit", "value": "2"},
        ],
    )
    assert [keyed.ask("GET", "/prod/slow", headers=headers).status for _ in range(3)] == [200, 200, 429]


def test_a_stage_throttles_its_methods(platform: Node, echo: str) -> None:
    api = Api(platform)
    api.proxy("/a", echo)
    api.proxy("/b", echo)
    api.deploy()
    api.client.update_stage(
        restApiId=api.id,
        stageName="prod",
        patchOperations=[
            {"op": "replace", "path": "/~1a/GET/throttling/burstLimit", "value": "1"},
            {"op": "replace", "path": "/~1a/GET/throttling/rateLimit", "value": "0.001"},
        ],
    )
    assert [api.ask("GET", "/prod/a").status for _ in range(2)] == [200, 429]
    assert [api.ask("GET", "/prod/b").status for _ in range(2)] == [200, 200]


def test_an_authorizer_may_say_the_key(platform: Node, echo: str, authorizer: str) -> None:
    api = guarded(platform, echo, authorizer)
    operation = {"op": "replace", "path": "/apiKeySource", "value": "AUTHORIZER"}
    api.client.update_rest_api(restApiId=api.id, patchOperations=[operation])
    at = {"restApiId": api.id, "resourceId": api.resource("/pets"), "httpMethod": "GET"}
    operation = {"op": "replace", "path": "/apiKeyRequired", "value": "true"}
    api.client.update_method(**at, patchOperations=[operation])
    api.deploy()
    assert api.ask("GET", "/prod/pets", headers={"Auth": "allow"}).status == 403
    key = api.client.create_api_key(name="k", enabled=True, value="k" * 20)
    plan = api.client.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "prod"}])
    api.client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    assert api.ask("GET", "/prod/pets", headers={"Auth": "allow"}).status == 200


SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
}


@pytest.fixture(scope="module")
def validated(platform: Node, echo: str) -> Api:
    api = Api(platform)
    schema = json.dumps(SCHEMA)
    api.client.create_model(restApiId=api.id, name="Pet", contentType="application/json", schema=schema)
    list_of_pets = {
        "type": "array",
        "items": {"$ref": f"https://apigateway.amazonaws.com/restapis/{api.id}/models/Pet"},
    }
    schema = json.dumps(list_of_pets)
    api.client.create_model(restApiId=api.id, name="Pets", contentType="application/json", schema=schema)
    validator = api.client.create_request_validator(
        restApiId=api.id, name="all", validateRequestBody=True, validateRequestParameters=True
    )["id"]
    for path, model in (("/pet", "Pet"), ("/pets", "Pets")):
        api.proxy(
            path,
            echo,
            "POST",
            requestValidatorId=validator,
            requestModels={"application/json": model},
            requestParameters={"method.request.querystring.q": True, "method.request.header.X-Who": True},
        )
    api.deploy()
    return api


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/pet", {"name": "Rex", "age": 3}, 200),
        ("/pet", {"name": 1}, 400),
        ("/pet", {"age": 3}, 400),
        ("/pet", {"name": "Rex", "age": -1}, 400),
        ("/pet", [], 400),
        ("/pets", [{"name": "Rex"}], 200),
        ("/pets", [{"name": "Rex"}, {}], 400),
    ],
)
def test_a_body_has_to_fit_its_model(validated: Api, path: str, body: Any, status: int) -> None:
    reply = validated.ask("POST", f"/prod{path}?q=1", json.dumps(body).encode(), {"X-Who": "me"})
    assert reply.status == status
    if status == 400:
        assert (reply.body, reply.headers["x-amzn-errortype"]) == (
            b'{"message":"Invalid request body"}',
            "BadRequestException",
        )


def test_a_large_body_has_to_fit_its_model_too(validated: Api) -> None:
    for last, status in (({"name": "Rex"}, 200), ({}, 400)):
        body = json.dumps([{"name": "x" * 100}] * 3000 + [last]).encode()
        assert validated.ask("POST", "/prod/pets?q=1", body, {"X-Who": "me"}).status == status


def test_missing_parameters_are_named(validated: Api) -> None:
    reply = validated.ask("POST", "/prod/pet?q=", b'{"name": "Rex"}')
    assert (reply.status, reply.document) == (400, {"message": "Missing required request parameters: [q, X-Who]"})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_what_is_no_json_fits_no_model(validated: Api, body: bytes) -> None:
    reply = validated.ask("POST", "/prod/pet?q=1", body, {"X-Who": "me"})
    assert (reply.status, reply.body) == (400, b'{"message":"Invalid request body"}')


def test_another_content_type_has_no_model(validated: Api) -> None:
    headers = {"X-Who": "me", "Content-Type": "text/plain"}
    assert validated.ask("POST", "/prod/pet?q=1", b"anything", headers).status == 200


def test_a_custom_domain_name_leads_to_a_stage(platform: Node, echo: str) -> None:
    api = Api(platform)
    api.proxy("/pets", echo)
    api.deploy()
    name = f"api-{api.id}.example.com"
    made = api.client.create_domain_name(
        domainName=name,
        regionalCertificateArn="arn:aws:acm:us-east-1:000000000000:certificate/x",
        endpointConfiguration={"types": ["REGIONAL"]},
    )
    assert (made["domainNameStatus"], made["regionalDomainName"]) == ("AVAILABLE", f"d-{name}")
    api.client.create_base_path_mapping(domainName=name, basePath="v1", restApiId=api.id, stage="prod")
    api.client.create_base_path_mapping(domainName=name, basePath="all", restApiId=api.id)
    event = event_of(api.ask("GET", "/v1/pets", host=name))
    assert (event["path"], event["requestContext"]["path"]) == ("/v1/pets", "/v1/pets")
    assert event["requestContext"]["domainName"] == name
    event = event_of(api.ask("GET", "/all/prod/pets", host=name))
    assert (event["resource"], event["requestContext"]["path"]) == ("/pets", "/all/prod/pets")
    assert api.ask("GET", "/v2/pets", host=name).status == 403
    with pytest.raises(api.client.exceptions.BadRequestException, match="base path mappings"):
        api.client.delete_rest_api(restApiId=api.id)
    paths = [mapping["basePath"] for mapping in api.client.get_base_path_mappings(domainName=name)["items"]]
    assert paths == ["all", "v1"]
    api.client.update_base_path_mapping(
        domainName=name, basePath="v1", patchOperations=[{"op": "replace", "path": "/basePath", "value": "(none)"}]
    )
    assert event_of(api.ask("GET", "/pets", host=name))["requestContext"]["path"] == "/pets"
    api.client.delete_domain_name(domainName=name)
    api.client.delete_rest_api(restApiId=api.id)


def test_every_request_has_its_line_in_the_access_log(platform: Node, echo: str, logs_client: Any) -> None:
    api = Api(platform)
    api.proxy("/pets/{id}", echo)
    api.deploy()
    group = f"access-{api.id}"
    form = '{"id":"$context.requestId","path":"$context.path","s":"$context.status","e":"$context.error.responseType"}'
    api.client.update_stage(
        restApiId=api.id,
        stageName="prod",
        patchOperations=[
            {
                "op": "replace",
                "path": "/accessLogSettings/destinationArn",
                "value": f"arn:aws:logs:us-east-1:000000000000:log-group:{group}",
            },
            {"op": "replace", "path": "/accessLogSettings/format", "value": form},
        ],
    )
    replies = [api.ask("GET", "/prod/pets/7"), api.ask("GET", "/prod/nothing")]
    deadline, lines = time.monotonic() + 30, []
    while len(lines) < 2 and time.monotonic() < deadline:
        try:
            events = logs_client.filter_log_events(logGroupName=group)["events"]
            lines = [json.loads(event["message"]) for event in events]
        except logs_client.exceptions.ResourceNotFoundException:
            time.sleep(0.2)
    assert lines == [
        {"id": replies[0].headers["x-amzn-requestid"], "path": "/prod/pets/7", "s": "200", "e": "-"},
        {"id": replies[1].headers["x-amzn-requestid"], "path": "-", "s": "403", "e": "MISSING_AUTHENTICATION_TOKEN"},
    ]


def test_moto_does_not_answer_for_api_gateway(platform: Node) -> None:
    """What Stoker does not have is refused by its name."""
    client = platform.client("apigateway")
    with pytest.raises(client.exceptions.ClientError, match="apigateway:CreateVpcLink"):
        client.create_vpc_link(name="v", targetArns=["arn:aws:elasticloadbalancing:us-east-1:000000000000:x"])
