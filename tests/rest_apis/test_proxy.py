"""Functions behind REST APIs: events and responses by payload format 1.0 (reference: invocation, 6)."""

import base64
import json
import socket
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Deploy, Node
from tests.rest_apis.conftest import Api, event_of


@pytest.fixture(scope="module")
def api(platform: Node, echo: str) -> Api:
    """Everything below `/echo` leads to the function; `/items/{id}` for one method only."""
    api = Api(platform, binaryMediaTypes=["image/png"])
    api.proxy("/echo/{proxy+}", echo, "ANY")
    api.proxy("/echo", echo, "ANY")
    api.proxy("/items/{id}", echo, "GET")
    api.proxy("/items/special", echo, "GET")
    api.proxy("/slow", echo, "GET", timeout_ms=200)
    api.deploy(variables={"table": "t-1"})
    return api


def test_an_event_says_all_of_a_request(api: Api) -> None:
    reply = api.ask("GET", "/prod/items/a%20b?x=1&x=2&y=%C3%A9", headers=[("X-Many", "one"), ("X-Many", "two")])
    event = event_of(reply)
    context = event["requestContext"]
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/items/{id}", "/items/a%20b", "GET")
    assert event["pathParameters"] == {"id": "a%20b"}
    assert event["queryStringParameters"] == {"x": "2", "y": "é"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": ["é"]}
    assert (event["headers"]["X-Many"], event["multiValueHeaders"]["X-Many"]) == ("two", ["one", "two"])
    assert event["stageVariables"] == {"table": "t-1"}
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    assert (context["path"], context["resourcePath"], context["stage"]) == ("/prod/items/a%20b", "/items/{id}", "prod")
    assert (context["apiId"], context["domainName"], context["domainPrefix"]) == (api.id, api.host, api.id)
    assert (context["accountId"], context["identity"]["sourceIp"]) == ("000000000000", "127.0.0.1")
    assert context["requestId"] == reply.headers["x-amzn-requestid"]
    assert context["extendedRequestId"] == reply.headers["x-amz-apigw-id"]
    assert "Root=" in event["headers"]["X-Amzn-Trace-Id"]
    assert "version" not in event
    assert "authorizer" not in context


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/prod/items/special", "/items/special", None),
        ("/prod/items/other", "/items/{id}", {"id": "other"}),
        ("/prod/items/other/", "/items/{id}", {"id": "other"}),
        ("/prod/echo", "/echo", None),
        ("/prod/echo/a/b/c", "/echo/{proxy+}", {"proxy": "a/b/c"}),
    ],
)
def test_the_most_special_resource_answers(
    api: Api, path: str, resource: str, parameters: dict[str, str] | None
) -> None:
    event = event_of(api.ask("GET", path))
    assert (event["resource"], event["pathParameters"]) == (resource, parameters)


@pytest.mark.parametrize(
    ("verb", "path"),
    [("GET", "/prod/nothing"), ("GET", "/prod/items/a/b"), ("POST", "/prod/items/a"), ("GET", "/prod")],
)
def test_what_matches_nothing_is_missing_a_token(api: Api, verb: str, path: str) -> None:
    reply = api.ask(verb, path)
    assert (reply.status, reply.body) == (403, b'{"message":"Missing Authentication Token"}')
    assert reply.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


@pytest.mark.parametrize("path", ["/", "/other/items/a"])
def test_a_stage_that_is_not_there_is_forbidden(api: Api, path: str) -> None:
    reply = api.ask("GET", path)
    assert (reply.status, reply.body) == (403, b'{"message":"Forbidden"}')


def test_an_api_has_a_path_of_the_node_too(api: Api) -> None:
    host = urlsplit(api.node.endpoint).netloc
    event = event_of(api.ask("GET", f"/_stoker/api/{api.id}/prod/items/7", host=host))
    assert (event["path"], event["requestContext"]["domainName"]) == ("/items/7", api.host)


def returned(api: Api, result: Any, headers: dict[str, str] | None = None) -> Any:
    body = json.dumps(result).encode()
    return api.ask("POST", "/prod/echo", body, {"x-answer": "body", **(headers or {})})


def test_a_result_says_the_response(api: Api) -> None:
    reply = returned(
        api,
        {
            "statusCode": "201",
            "headers": {"x-one": "1", "x-both": "solo"},
            "multiValueHeaders": {"X-Both": ["multi"], "Set-Cookie": ["a=1", "b=2"]},
            "body": "made",
        },
    )
    assert (reply.status, reply.body) == (201, b"made")
    assert (reply.headers["x-one"], reply.headers["x-both"]) == ("1", "multi, solo")
    assert [value for name, value in reply.pairs if name == "set-cookie"] == ["a=1", "b=2"]
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-amzn-trace-id"].startswith("Root=1-")


@pytest.mark.parametrize("result", [None, {}, "text", {"statusCode": 200, "other": 1}, {"body": {"a": 1}}, []])
def test_what_is_no_response_is_a_bad_gateway(api: Api, result: Any) -> None:
    reply = returned(api, result)
    assert (reply.status, reply.body) == (502, b'{"message": "Internal server error"}')
    assert reply.headers["x-amzn-errortype"] == "InternalServerErrorException"


def test_a_failed_function_is_a_bad_gateway(api: Api) -> None:
    reply = api.ask("GET", "/prod/echo", headers={"x-answer": "error"})
    assert (reply.status, reply.body) == (502, b'{"message": "Internal server error"}')


def test_a_function_that_takes_too_long_is_timed_out(api: Api) -> None:
    reply = api.ask("GET", "/prod/slow", headers={"x-answer": "late"})
    assert (reply.status, reply.body) == (504, b'{"message": "Endpoint request timed out"}')


def test_binary_bodies_are_base64_where_the_api_says_so(api: Api) -> None:
    event = event_of(api.ask("POST", "/prod/echo", b"\x89PNG\xff", {"Content-Type": "image/png"}))
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\x89PNG\xff", True)
    result = {"statusCode": 200, "body": base64.b64encode(b"\xff\x00").decode(), "isBase64Encoded": True}
    assert returned(api, result, {"Accept": "image/png"}).body == b"\xff\x00"
    assert returned(api, result, {"Accept": "text/html"}).body == result["body"].encode()


def test_a_function_that_does_not_let_the_api_in_is_not_invoked(platform: Node, deploy: Deploy) -> None:
    name = deploy(None, {"handler.py": "def handler(event, context):\n    return {'statusCode': 200}\n"})
    api = Api(platform)
    at = api.method("/", "GET")
    api.client.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=api.uri(name))
    api.deploy()
    reply = api.ask()
    assert (reply.status, reply.body) == (500, b'{"message": "Internal server error"}')
    api.let_in(name)
    assert api.ask().status == 200


def test_stage_variables_name_the_function(platform: Node, echo: str) -> None:
    api = Api(platform)
    at = api.method("/", "GET")
    uri = api.uri("${stageVariables.function}")
    api.client.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    api.let_in(echo)
    api.deploy(variables={"function": echo})
    assert event_of(api.ask())["stageVariables"] == {"function": echo}


def test_changes_are_not_seen_before_they_are_deployed(platform: Node, echo: str) -> None:
    api = Api(platform)
    api.proxy("/one", echo)
    first = api.deploy()
    api.proxy("/two", echo)
    assert (api.ask("GET", "/prod/one").status, api.ask("GET", "/prod/two").status) == (200, 403)
    api.deploy()
    assert api.ask("GET", "/prod/two").status == 200
    operation = {"op": "replace", "path": "/deploymentId", "value": first}
    api.client.update_stage(restApiId=api.id, stageName="prod", patchOperations=[operation])
    assert api.ask("GET", "/prod/two").status == 403


def test_a_head_has_no_body(api: Api) -> None:
    reply = api.ask("HEAD", "/prod/echo")
    assert (reply.status, reply.body) == (200, b"")


def test_a_body_beyond_the_limit_is_refused_unread(api: Api) -> None:
    address = urlsplit(api.node.endpoint)
    with socket.create_connection((address.hostname or "", address.port or 80), timeout=30) as connection:
        head = f"POST /prod/echo HTTP/1.1\r\nHost: {api.host}\r\nContent-Length: {11 << 20}\r\n\r\n"
        connection.sendall(head.encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'{"message":"Request Too Long"}' in answer


def test_a_method_is_tried_before_it_is_deployed(platform: Node, echo: str) -> None:
    api = Api(platform)
    api.proxy("/pets/{id}", echo, "POST", authorization="AWS_IAM")
    at = {"restApiId": api.id, "resourceId": api.resource("/pets/{id}"), "httpMethod": "POST"}
    tried = api.client.test_invoke_method(
        **at,
        pathWithQueryString="/pets/7?x=1",
        body="text",
        headers={"X-Own": "1"},
        stageVariables={"a": "b"},
    )
    assert tried["status"] == 200
    event = json.loads(tried["body"])
    assert (event["path"], event["pathParameters"]) == ("/pets/7", {"id": "7"})
    assert (event["queryStringParameters"], event["body"], event["headers"]["X-Own"]) == ({"x": "1"}, "text", "1")
    assert (event["requestContext"]["stage"], event["stageVariables"]) == ("test-invoke-stage", {"a": "b"})
    assert "Method completed with status: 200" in tried["log"]
    failed = api.client.test_invoke_method(**at, pathWithQueryString="/pets/7", headers={"X-Answer": "error"})
    assert (failed["status"], failed["body"]) == (502, '{"message": "Internal server error"}')
    with pytest.raises(api.client.exceptions.BadRequestException):
        api.client.test_invoke_method(**at, pathWithQueryString="/cats/7")


TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=10)


@given(
    body=st.text(max_size=200).map(str.encode) | st.binary(max_size=200),
    query=st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), max_size=4),
    parts=st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=3),
    extra=st.dictionaries(TOKEN.map("X-T-".__add__), TOKEN, max_size=4),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_request_arrives_as_it_was_sent(
    api: Api, body: bytes, query: list[tuple[str, str]], parts: list[str], extra: dict[str, str]
) -> None:
    path = "/".join(quote(part, safe="") for part in parts)
    raw_query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    headers = {"Content-Type": "image/png", **extra}
    event = event_of(api.ask("POST", f"/prod/echo/{path}?{raw_query}", body, headers))
    assert event["pathParameters"] == {"proxy": path}
    assert base64.b64decode(event["body"] or "") == body
    expected: dict[str, list[str]] = {}
    for name, value in query:
        expected.setdefault(name, []).append(value)
    assert (event["multiValueQueryStringParameters"] or {}) == expected
    assert {name: value for name, value in event["headers"].items() if name.startswith("X-T-")} == extra
