"""CORS, throttling, access logs, parameter mapping: what a stage and an integration add to a request's way."""

import json
import time
import uuid
from typing import Any

from tests.http_apis.conftest import ACCOUNT, Apis

ORIGIN = {"Origin": "https://a.example"}
PREFLIGHT = {**ORIGIN, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-a"}


def test_cors_is_the_gateways(apis: Apis, function: str) -> None:
    api = apis.new()
    apis.route(api, "POST /a", apis.integration(api, function))
    apis.client.update_api(
        ApiId=api.id,
        CorsConfiguration={
            "AllowOrigins": ["https://a.example"],
            "AllowMethods": ["PUT", "GET"],
            "AllowHeaders": ["x-a"],
            "ExposeHeaders": ["x-b"],
            "AllowCredentials": True,
            "MaxAge": 60,
        },
    )
    # There is no such route: a preflight needs none.
    reply = api.ask("OPTIONS", "/nowhere", headers=PREFLIGHT)
    assert (reply.status, reply.body) == (204, b"")
    cors = {name: value for name, value in reply.headers.items() if name.startswith("access-control")}
    assert cors == {
        "access-control-allow-origin": "https://a.example",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "PUT,GET",
        "access-control-allow-headers": "x-a",
        "access-control-max-age": "60",
    }
    answer = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "X-B": "c"}}
    headers = {**ORIGIN, "X-Answer": "body", "Content-Type": "application/json"}
    reply = api.ask("POST", "/a", json.dumps(answer).encode(), headers)
    assert reply.headers["access-control-allow-origin"] == "https://a.example"
    assert reply.headers["access-control-expose-headers"] == "x-b"
    # Refusals can be read by that page, too, and nothing by others.
    assert api.ask("GET", "/nowhere", headers=ORIGIN).headers["access-control-allow-origin"] == "https://a.example"
    reply = api.ask("OPTIONS", "/a", headers={**PREFLIGHT, "Origin": "https://b.example"})
    assert "access-control-allow-origin" not in reply.headers


def test_without_cors_an_options_request_is_the_functions(apis: Apis, function: str) -> None:
    api = apis.new()
    apis.route(api, "OPTIONS /a", apis.integration(api, function))
    assert api.event("OPTIONS", "/a", headers=PREFLIGHT)["routeKey"] == "OPTIONS /a"


def test_a_route_beyond_its_rate_is_throttled(apis: Apis, function: str) -> None:
    api = apis.new()
    target = apis.integration(api, function)
    for key in ("GET /a", "GET /b"):
        apis.route(api, key, target)
    apis.client.update_stage(
        ApiId=api.id,
        StageName="$default",
        DefaultRouteSettings={"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 100.0},
        RouteSettings={"GET /a": {"ThrottlingBurstLimit": 2, "ThrottlingRateLimit": 0.01}},
    )
    replies = [api.ask(path="/a") for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[-1].document == {"message": "Too Many Requests"}
    assert api.ask(path="/b").status == 200
    apis.client.delete_route_settings(ApiId=api.id, StageName="$default", RouteKey="GET /a")
    assert api.ask(path="/a").status == 200


def test_each_request_is_a_line_in_the_access_log(apis: Apis, function: str, logs_client: Any) -> None:
    api, group = apis.new(), f"access-{uuid.uuid4().hex[:8]}"
    apis.route(api, "GET /a", apis.integration(api, function))
    form = {
        "id": "$context.requestId",
        "ip": "$context.identity.sourceIp",
        "route": "$context.routeKey",
        "status": "$context.status",
        "agent": "$context.identity.userAgent",
        "error": "$context.error.message",
        "nothing": "$context.identity.cognitoIdentityId",
        "length": "$context.responseLength",
        "integration": "$context.integration.error",
    }
    apis.client.update_stage(
        ApiId=api.id,
        StageName="$default",
        AccessLogSettings={
            "DestinationArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}",
            "Format": json.dumps(form),
        },
    )
    replies = [
        api.ask(path="/a", headers={"User-Agent": 'a "quoted"\tone'}),
        api.ask(path="/b"),
        api.ask(path="/a", headers={"X-Answer": "error"}),
    ]
    lines = read_lines(logs_client, group, 3)
    assert [line["id"] for line in lines] == [reply.headers["apigw-requestid"] for reply in replies]
    assert lines[0] == {
        "id": lines[0]["id"],
        "ip": "127.0.0.1",
        "route": "GET /a",
        "status": "200",
        "agent": 'a "quoted"\tone',
        "error": "-",
        "nothing": "-",
        "length": str(len(replies[0].body)),
        "integration": "-",
    }
    assert (lines[1]["status"], lines[1]["route"], lines[1]["error"]) == ("404", "-", "Not Found")
    assert (lines[2]["status"], lines[2]["integration"]) == ("500", "The function failed")
    apis.client.delete_access_log_settings(ApiId=api.id, StageName="$default")
    api.ask(path="/a")
    assert len(read_lines(logs_client, group, 3)) == 3


def read_lines(logs_client: Any, group: str, at_least: int) -> list[dict[str, str]]:
    deadline_s = time.monotonic() + 30
    while True:
        events = logs_client.filter_log_events(logGroupName=group)["events"]
        if len(events) >= at_least or time.monotonic() > deadline_s:
            return [json.loads(event["message"]) for event in events]


def test_parameters_are_mapped_on_the_way_there_and_back(apis: Apis, function: str) -> None:
    api = apis.new()
    target = apis.integration(
        api,
        function,
        RequestParameters={
            "append:header.x-a": "b",
            "overwrite:header.x-id": "${request.path.id} of $context.stage",
            "remove:header.x-gone": "",
            "overwrite:querystring.kind": "$request.body.pet.kinds[0]",
            "remove:querystring.gone": "",
            "append:header.x-none": "$request.header.nothing",
        },
        ResponseParameters={
            "200": {"append:header.x-b": "$response.header.x-c", "remove:header.x-c": ""},
            "404": {"overwrite:statuscode": "410", "overwrite:header.x-why": "$response.body.why"},
        },
    )
    apis.route(api, "POST /pets/{id}", target)
    headers = {"X-A": "a", "X-Gone": "x", "Content-Type": "application/json"}
    event = api.event("POST", "/pets/7?gone=1&a=b", body=b'{"pet": {"kinds": ["dog"]}}', headers=headers)
    assert event["headers"]["x-a"] == "a,b"
    assert event["headers"]["x-id"] == "7 of $default"
    assert not event["headers"].keys() & {"x-gone", "x-none"}
    assert event["queryStringParameters"] == {"a": "b", "kind": "dog"}
    asked = {"X-Answer": "body", "Content-Type": "application/json"}
    answer = {"statusCode": 200, "headers": {"x-b": "1", "x-c": "2"}}
    reply = api.ask("POST", "/pets/7", json.dumps(answer).encode(), asked)
    assert (reply.headers["x-b"], reply.headers.get("x-c")) == ("1,2", None)
    reply = api.ask("POST", "/pets/7", json.dumps({"statusCode": 404, "body": '{"why": "gone"}'}).encode(), asked)
    assert (reply.status, reply.headers["x-why"]) == (410, "gone")
