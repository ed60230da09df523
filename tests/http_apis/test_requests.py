"""From a request to a function and back (reference: invocation, 5 and 6)."""

import json
import subprocess
import urllib.request
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Deploy, Node
from tests.http_apis.conftest import ACCOUNT, ApiClient, Apis, arn_of


def test_the_command_line_creates_an_api_in_one_command(platform: Node, apis: Apis, function: str) -> None:
    done = subprocess.run(
        [
            *("aws", "--endpoint-url", platform.endpoint, "--region", "us-east-1", "--output", "json"),
            *("apigatewayv2", "create-api", "--name", "quick", "--protocol-type", "HTTP"),
            *("--target", arn_of(function), "--route-key", "GET /hello/{name}"),
        ],
        env={"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test", "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    apis.let_in(ApiClient(platform, made["ApiId"]), function)
    # The URL that was shown works as it is.
    with urllib.request.urlopen(f"{made['ApiEndpoint']}/hello/w%C3%B6rld", timeout=60) as answer:
        event = json.load(answer)
    assert event["pathParameters"] == {"name": "wörld"}
    assert event["routeKey"] == "GET /hello/{name}"


def test_an_event_of_format_2_in_full(echo: ApiClient) -> None:
    reply = echo.ask(
        "POST",
        "/a%20b/c?x=1&x=2&y=%C3%A9",
        b'{"a": 1}',
        [("Content-Type", "application/json"), ("Cookie", "a=1; b=2"), ("X-Many", "1"), ("x-many", "2")],
    )
    event = reply.document
    context = event.pop("requestContext")
    trace = event["headers"].pop("x-amzn-trace-id")
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/a b/c",
        "rawQueryString": "x=1&x=2&y=%C3%A9",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": echo.host,
            "content-type": "application/json",
            "x-many": "1,2",
            "content-length": "8",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": event["headers"]["x-forwarded-port"],
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"x": "1,2", "y": "é"},
        "body": '{"a": 1}',
        "isBase64Encoded": False,
    }
    assert trace.startswith("Root=1-")
    assert reply.headers["apigw-requestid"] == context.pop("requestId")
    assert {name: context.pop(name) for name in ("time", "timeEpoch")}.keys() == {"time", "timeEpoch"}
    assert context == {
        "accountId": ACCOUNT,
        "apiId": echo.id,
        "domainName": echo.host,
        "domainPrefix": echo.id,
        "http": {
            "method": "POST",
            "path": "/a b/c",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "",
        },
        "routeKey": "$default",
        "stage": "$default",
    }


def test_an_event_of_format_1_in_full(apis: Apis, function: str) -> None:
    api = apis.new(stage="dev")
    apis.route(api, "ANY /pets/{id}", apis.integration(api, function, "1.0"))
    event = api.event("PUT", "/dev/pets/7?x=1&x=2", body=b"text", headers={"Content-Type": "text/plain", "X-A": "b"})
    context = event.pop("requestContext")
    assert event["headers"]["X-A"] == "b"
    assert event["multiValueHeaders"]["X-A"] == ["b"]
    assert {name: event[name] for name in event if not name.lower().endswith("headers")} == {
        "version": "1.0",
        "resource": "/pets/{id}",
        "path": "/dev/pets/7",
        "httpMethod": "PUT",
        "queryStringParameters": {"x": "2"},
        "multiValueQueryStringParameters": {"x": ["1", "2"]},
        "pathParameters": {"id": "7"},
        "stageVariables": None,
        "body": "text",
        "isBase64Encoded": False,
    }
    assert (context["apiId"], context["stage"], context["resourcePath"]) == (api.id, "dev", "/pets/{id}")
    assert context["identity"]["sourceIp"] == "127.0.0.1"


def test_a_named_stage_stands_before_the_path_and_in_it(apis: Apis, function: str) -> None:
    api = apis.new(stage="dev")
    target = apis.integration(api, function)
    apis.route(api, "GET /pets", target)
    apis.client.update_stage(ApiId=api.id, StageName="dev", StageVariables={"color": "red"})
    event = api.event("GET", "/dev/pets")
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/dev/pets"
    assert event["requestContext"]["stage"] == "dev"
    assert event["stageVariables"] == {"color": "red"}
    # There is no stage $default.
    assert api.ask("GET", "/pets").status == 404
    apis.client.create_stage(ApiId=api.id, StageName="$default", AutoDeploy=True)
    assert api.event("GET", "/pets")["requestContext"]["stage"] == "$default"
    assert api.event("GET", "/dev/pets")["requestContext"]["stage"] == "dev"


@pytest.mark.parametrize("payload_format", ["1.0", "2.0"])
def test_a_response_in_full(apis: Apis, function: str, payload_format: str) -> None:
    api = apis.new()
    apis.route(api, "$default", apis.integration(api, function, payload_format))
    answer: dict[str, Any] = {
        "statusCode": 201,
        "headers": {"Content-Type": "text/x", "X-A": "b"},
        "cookies": ["a=1", "b=2"],
        "body": "aGFsbG8=",
        "isBase64Encoded": True,
    }
    reply = api.ask("POST", "/", json.dumps(answer).encode(), {"X-Answer": "body", "Content-Type": "application/json"})
    assert (reply.status, reply.body) == (201, b"hallo")
    assert [value for name, value in reply.pairs if name == "set-cookie"] == ["a=1", "b=2"]
    assert (reply.headers["content-type"], reply.headers["x-a"]) == ("text/x", "b")


def test_what_says_nothing_of_http_is_a_response_of_format_2_alone(apis: Apis, function: str) -> None:
    api = apis.new()
    apis.route(api, "POST /1", apis.integration(api, function, "1.0"))
    apis.route(api, "POST /2", apis.integration(api, function, "2.0"))
    headers = {"X-Answer": "body", "Content-Type": "application/json"}
    reply = api.ask("POST", "/2", b'{"hello": "world"}', headers)
    assert (reply.status, reply.body) == (200, b'{"hello":"world"}')
    assert reply.headers["content-type"] == "application/json"
    assert api.ask("POST", "/2", b'{"statusCode": 200}', headers).headers["content-type"] == "text/plain; charset=utf-8"
    reply = api.ask("POST", "/1", b'{"hello": "world"}', headers)
    assert (reply.status, reply.document) == (500, {"message": "Internal Server Error"})


def test_a_function_that_fails_is_an_internal_server_error(echo: ApiClient) -> None:
    reply = echo.ask(headers={"X-Answer": "error"})
    assert (reply.status, reply.document) == (500, {"message": "Internal Server Error"})
    assert reply.headers["content-type"] == "application/json"
    assert "apigw-requestid" in reply.headers


def test_an_integration_that_takes_too_long_is_unavailable(apis: Apis, deploy_module: Deploy) -> None:
    slow = deploy_module(None, {"handler.py": "import time\ndef handler(event, context): time.sleep(1)\n"})
    api = apis.new()
    apis.route(api, "$default", apis.integration(api, slow, TimeoutInMillis=50))
    reply = api.ask()
    assert (reply.status, reply.document) == (503, {"message": "Service Unavailable"})


def test_a_function_that_does_not_let_the_api_in_is_not_invoked(apis: Apis, deploy_module: Deploy) -> None:
    function = deploy_module(None, {"handler.py": "def handler(event, context): return 'in'\n"})
    api = apis.new(Target=arn_of(function))
    assert api.ask().status == 500
    apis.let_in(api, function, "*/GET/other")
    assert api.ask().status == 500
    apis.let_in(api, function, "$default/$default")
    assert (api.ask().status, api.ask().body) == (200, b"in")


def test_a_body_beyond_the_limits_is_too_large(echo: ApiClient) -> None:
    for size_bytes in (10 * 1024 * 1024 + 1, 7 * 1024 * 1024):
        reply = echo.ask("POST", "/", bytes(size_bytes))
        assert (reply.status, reply.document) == (413, {"message": "Request Entity Too Large"})


def test_what_no_api_has_is_forbidden_and_what_no_route_has_is_not_found(apis: Apis, echo: ApiClient) -> None:
    reply = ApiClient(apis.node, "a" * 10).ask()
    assert (reply.status, reply.document) == (403, {"message": "Forbidden"})
    api = apis.new()
    reply = api.ask()
    assert (reply.status, reply.document) == (404, {"message": "Not Found"})
    elsewhere = echo.host.replace("us-east-1", "eu-west-1")
    assert echo.ask(host=elsewhere).status == 403


def test_an_api_without_its_own_endpoint_is_not_found(apis: Apis, function: str) -> None:
    api = apis.new(Target=arn_of(function), DisableExecuteApiEndpoint=True)
    assert api.ask().status == 404


def test_a_stage_variable_chooses_the_function(apis: Apis, function: str) -> None:
    api = apis.new(stage=None)
    apis.let_in(api, function)
    made = apis.client.create_integration(
        ApiId=api.id,
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:{ACCOUNT}"
        ":function:${stageVariables.function}/invocations",
        PayloadFormatVersion="2.0",
    )
    apis.route(api, "$default", f"integrations/{made['IntegrationId']}")
    for stage, variables in (("there", {"function": function}), ("lost", {})):
        apis.client.create_stage(ApiId=api.id, StageName=stage, AutoDeploy=True, StageVariables=variables)
    assert api.ask("GET", "/there/").status == 200
    assert api.ask("GET", "/lost/").status == 500


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    segments=st.lists(_TEXT, min_size=1, max_size=3),
    query=st.lists(st.tuples(_TEXT, _TEXT), max_size=3),
    body=st.binary(),
)
def test_whatever_is_sent_arrives_and_comes_back(
    echo: ApiClient, segments: list[str], query: list[tuple[str, str]], body: bytes
) -> None:
    path = "".join(f"/{quote(segment, safe='')}" for segment in segments)
    raw_query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    event = echo.event("POST", f"{path}?{raw_query}", body=body, headers={"Content-Type": "application/octet-stream"})
    assert (event["rawPath"], event["rawQueryString"]) == (unquote(path), raw_query)
    expected: dict[str, list[str]] = {}
    for name, value in query:
        expected.setdefault(unquote_plus(quote(name)), []).append(value)
    joined = {name: ",".join(values) for name, values in expected.items()}
    assert event.get("queryStringParameters", {}) == joined
    sent = event.get("body", "")
    answer = {"statusCode": 200, "body": sent, "isBase64Encoded": True, "headers": {"content-type": "x/y"}}
    headers = {"X-Answer": "body", "Content-Type": "application/json"}
    assert echo.ask("POST", path, json.dumps(answer).encode(), headers).body == body
