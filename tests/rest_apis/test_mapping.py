"""Integrations that are no proxies: templates, mocks, and the choice of a response."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.conftest import Node
from tests.rest_apis.conftest import Api


@pytest.fixture
def api(platform: Node) -> Api:
    return Api(platform)


def mapped(api: Api, function: str, path: str = "/map/{id}", verb: str = "POST", **integration: Any) -> dict[str, str]:
    """A method that leads to a plain function, with one response, 200, that passes on what it says."""
    at = api.method(path, verb)
    api.client.put_integration(**at, type="AWS", integrationHttpMethod="POST", uri=api.uri(function), **integration)
    api.let_in(function)
    respond(api, at, "200")
    return at


def respond(api: Api, at: dict[str, str], status: str, headers: dict[str, str] | None = None, **members: Any) -> None:
    """A response of the method and of its integration; `headers` are by their bare names."""
    given = {f"method.response.header.{name}": value for name, value in (headers or {}).items()}
    api.client.put_method_response(**at, statusCode=status, responseParameters=dict.fromkeys(given, False))
    api.client.put_integration_response(**at, statusCode=status, responseParameters=given, **members)


def test_a_mock_answers_preflights_as_people_write_them(api: Api) -> None:
    at = api.method("/pets", "OPTIONS")
    api.client.put_integration(**at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    respond(
        api,
        at,
        "200",
        {
            "Access-Control-Allow-Headers": "'Content-Type,Authorization'",
            "Access-Control-Allow-Methods": "'GET,OPTIONS'",
            "Access-Control-Allow-Origin": "'*'",
        },
        responseTemplates={"application/json": ""},
    )
    api.deploy()
    reply = api.ask("OPTIONS", "/prod/pets", headers={"Origin": "https://example.com"})
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-methods"] == "GET,OPTIONS"
    assert reply.headers["access-control-allow-headers"] == "Content-Type,Authorization"


def test_a_mock_selects_the_response_by_its_status(api: Api) -> None:
    at = api.method("/", "GET")
    template = '{"statusCode": $input.params("want")}'
    api.client.put_integration(**at, type="MOCK", requestTemplates={"application/json": template})
    respond(api, at, "200", responseTemplates={"application/json": '{"ok": true}'})
    respond(api, at, "404", selectionPattern="404", responseTemplates={"application/json": "gone"})
    api.deploy()
    assert api.ask("GET", "/prod/?want=200").body == b'{"ok": true}'
    reply = api.ask("GET", "/prod/?want=404")
    assert (reply.status, reply.body) == (404, b"gone")
    assert api.ask("GET", "/prod/?want=").status == 500


REQUEST = """#set($inputRoot = $input.path('$'))
{
  "id": "$input.params('id')",
  "q": "$util.escapeJavaScript($input.params('q')).replaceAll("\\\\'", "'")",
  "header": "$input.params().header.get('X-Given')",
  "names": [#foreach($pet in $inputRoot.pets)"$pet.name"#if($foreach.hasNext), #end#end],
  "first": $input.json('$.pets[0]'),
  "stage": "$context.stage",
  "table": "$stageVariables.table",
  "encoded": "$util.base64Encode($input.body)",
  "ip": "$context.identity.sourceIp"
}"""
RESPONSE = """#set($root = $input.path('$'))
{"count": $root.names.size(), "list": "#foreach($name in $root.names)$name;#end", "id": "$root.id"}"""


def test_templates_make_what_goes_in_and_what_comes_out(api: Api, plain: str) -> None:
    at = mapped(api, plain, requestTemplates={"application/json": REQUEST})
    api.deploy(variables={"table": "t-1"})
    body = b'{"pets": [{"name": "Rex"}, {"name": "Tom", "age": 3}]}'
    document = api.ask("POST", "/prod/map/a%20b?q=it%27s%20%22so%22", body, {"X-Given": "yes"}).document
    assert document == {
        "id": "a b",
        "q": 'it\'s "so"',
        "header": "yes",
        "names": ["Rex", "Tom"],
        "first": {"name": "Rex"},
        "stage": "prod",
        "table": "t-1",
        "encoded": "eyJwZXRzIjogW3sibmFtZSI6ICJSZXgifSwgeyJuYW1lIjogIlRvbSIsICJhZ2UiOiAzfV19",
        "ip": "127.0.0.1",
    }
    template = {"op": "add", "path": "/responseTemplates/application~1json", "value": RESPONSE}
    api.client.update_integration_response(**at, statusCode="200", patchOperations=[template])
    api.deploy()
    document = api.ask("POST", "/prod/map/7", body, {"X-Given": "yes"}).document
    assert document == {"count": 2, "list": "Rex;Tom;", "id": "7"}


def test_a_large_body_is_mapped_as_a_small_one(api: Api, plain: str) -> None:
    template = {"application/json": '{"size": $input.path("$.items").size(), "all": $input.json("$.items")}'}
    mapped(api, plain, requestTemplates=template)
    api.deploy()
    items = ["x" * 100] * 3000
    document = api.ask("POST", "/prod/map/7", json.dumps({"items": items}).encode()).document
    assert document == {"size": 3000, "all": items}


def test_what_a_failed_function_says_selects_the_response(api: Api, plain: str) -> None:
    at = mapped(api, plain)
    message = '#set($m = $input.path("$.errorMessage")){"message": "$m"}'
    respond(
        api,
        at,
        "404",
        {"X-Kind": "integration.response.body.errorType", "X-Id": "context.requestId"},
        selectionPattern=r"^\[NotFound\].*",
        responseTemplates={"application/json": message},
    )
    api.deploy()
    reply = api.ask("POST", "/prod/map/7", b'{"fail": "[NotFound] no such pet"}')
    assert (reply.status, reply.document) == (404, {"message": "[NotFound] no such pet"})
    assert reply.headers["x-kind"] == "Exception"
    assert reply.headers["x-id"] == reply.headers["x-amzn-requestid"]
    # What no pattern fits is the default's, as a success is.
    other = api.ask("POST", "/prod/map/7", b'{"fail": "something else"}')
    assert (other.status, other.document["errorMessage"]) == (200, "something else")


@pytest.mark.parametrize(
    ("behavior", "templates", "content_type", "status"),
    [
        ("WHEN_NO_MATCH", {"application/json": "{}"}, "text/plain", 200),
        ("WHEN_NO_TEMPLATES", {"application/json": "{}"}, "text/plain", 415),
        ("WHEN_NO_TEMPLATES", {}, "text/plain", 200),
        ("NEVER", {}, "application/json", 415),
        ("NEVER", {"application/json": "{}"}, "application/json; charset=utf-8", 200),
    ],
)
def test_what_no_template_fits_may_pass_or_not(
    api: Api, plain: str, behavior: str, templates: dict[str, str], content_type: str, status: int
) -> None:
    mapped(api, plain, requestTemplates=templates, passthroughBehavior=behavior)
    api.deploy()
    reply = api.ask("POST", "/prod/map/7", b'{"a": 1}', {"Content-Type": content_type})
    assert reply.status == status
    if status == 415:
        assert reply.body == b'{"message":"Unsupported Media Type"}'
    else:
        assert reply.document == ({} if "json" in content_type else {"a": 1})


def test_a_template_overrides_status_and_headers(api: Api, plain: str) -> None:
    template = (
        "#set($context.responseOverride.status = 418)"
        "#set($context.responseOverride.header.X-Tea = $input.path('$.tea')){}"
    )
    at = mapped(api, plain)
    operation = {"op": "add", "path": "/responseTemplates/application~1json", "value": template}
    api.client.update_integration_response(**at, statusCode="200", patchOperations=[operation])
    api.deploy()
    reply = api.ask("POST", "/prod/map/7", b'{"tea": "green"}')
    assert (reply.status, reply.headers["x-tea"], reply.body) == (418, "green", b"{}")


def test_a_response_of_another_type(api: Api, plain: str) -> None:
    at = mapped(api, plain)
    operation = {"op": "add", "path": "/responseTemplates/text~1html", "value": "<p>$input.path('$.name')</p>"}
    api.client.update_integration_response(**at, statusCode="200", patchOperations=[operation])
    api.deploy()
    reply = api.ask("POST", "/prod/map/7", b'{"name": "Rex"}')
    assert (reply.headers["content-type"], reply.body) == ("text/html", b"<p>Rex</p>")


def test_an_event_is_queued_and_answered_at_once(api: Api, plain: str) -> None:
    mapped(api, plain, requestParameters={"integration.request.header.X-Amz-Invocation-Type": "'Event'"})
    api.deploy()
    reply = api.ask("POST", "/prod/map/7", b'{"fail": "nobody hears this"}')
    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize("template", ["#if($x", "#set($a = ", "#macro(x)#end", "{not json"])
def test_a_template_that_cannot_be_merged_is_an_error(api: Api, plain: str, template: str) -> None:
    mapped(api, plain, requestTemplates={"application/json": template})
    api.deploy()
    reply = api.ask("POST", "/prod/map/7", b"{}")
    assert (reply.status, reply.document) == (500, {"message": "Internal server error"})


def test_gateway_responses_say_it_as_their_owner_likes(api: Api, echo: str) -> None:
    api.proxy("/", echo)
    api.client.put_gateway_response(
        restApiId=api.id,
        responseType="MISSING_AUTHENTICATION_TOKEN",
        statusCode="404",
        responseParameters={
            "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
            "gatewayresponse.header.X-Kind": "context.error.responseType",
        },
        responseTemplates={"application/json": '{"error": $context.error.messageString, "id": "$context.requestId"}'},
    )
    api.client.put_gateway_response(
        restApiId=api.id,
        responseType="DEFAULT_5XX",
        responseParameters={"gatewayresponse.header.X-Bad": "'yes'"},
    )
    api.deploy()
    reply = api.ask("GET", "/prod/nothing")
    assert (reply.status, reply.document["error"]) == (404, "Missing Authentication Token")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["x-kind"] == "MISSING_AUTHENTICATION_TOKEN"
    failed = api.ask("GET", "/prod/", headers={"x-answer": "error"})
    assert (failed.status, failed.headers["x-bad"]) == (502, "yes")
    assert json.loads(failed.body) == {"message": "Internal server error"}


class Handler(BaseHTTPRequestHandler):
    """Answers with what it was asked, and with the status that its path names."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        if "slow" in self.path:
            time.sleep(1)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = json.dumps(
            {
                "method": self.command,
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": body.decode(),
            }
        ).encode()
        self.send_response(404 if "missing" in self.path else 200)
        for name, value in (("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("X-A", "b")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # nobody waits for what is slow
            self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_request_is_passed_on_to_another_server_and_the_answer_back(api: Api, server: str) -> None:
    at = api.method("/all/{proxy+}", "ANY", requestParameters={"method.request.path.proxy": True})
    api.client.put_integration(
        **at,
        type="HTTP_PROXY",
        integrationHttpMethod="ANY",
        uri=f"{server}/b/{{proxy}}",
        requestParameters={
            "integration.request.path.proxy": "method.request.path.proxy",
            "integration.request.header.X-Stage": "context.stage",
            "integration.request.querystring.fixed": "'1'",
        },
    )
    api.deploy()
    reply = api.ask("POST", "/prod/all/c%20d/e?x=1", b"body", {"X-Own": "1", "Content-Type": "text/plain"})
    document = reply.document
    assert (document["method"], document["path"], document["body"]) == ("POST", "/b/c%20d/e?x=1&fixed=1", "body")
    assert (document["headers"]["x-own"], document["headers"]["x-stage"]) == ("1", "prod")
    assert document["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert (reply.status, reply.headers["x-a"], reply.headers["set-cookie"]) == (200, "b", "a=1")
    assert api.ask("GET", "/prod/all/missing").status == 404


def test_what_is_mapped_is_asked_of_another_server_and_its_status_selects_the_response(api: Api, server: str) -> None:
    at = api.method("/pets/{id}", "POST")
    api.client.put_integration(
        **at,
        type="HTTP",
        integrationHttpMethod="POST",
        uri=f"{server}/{{id}}",
        requestTemplates={"application/json": '{"n": $input.json("$.name")}'},
        requestParameters={
            "integration.request.path.id": "method.request.path.id",
            "integration.request.header.X-Name": "method.request.body.name",
        },
    )
    respond(api, at, "200", {"X-Other": "integration.response.header.X-A"})
    template = {"application/json": '{"asked": "$input.path("$.path")"}'}
    respond(api, at, "410", selectionPattern=r"4\d\d", responseTemplates=template)
    api.deploy()
    reply = api.ask("POST", "/prod/pets/7?x=1", b'{"name": "Rex"}', {"X-Own": "1"})
    document = reply.document
    assert (reply.status, reply.headers["x-other"]) == (200, "b")
    assert (document["path"], document["body"], document["headers"]["x-name"]) == ("/7", '{"n": "Rex"}', "Rex")
    assert "x-own" not in document["headers"]
    reply = api.ask("POST", "/prod/pets/missing", b'{"name": "Rex"}')
    assert (reply.status, reply.document) == (410, {"asked": "/missing"})


def test_a_server_that_is_late_or_away_is_told_of(api: Api, server: str) -> None:
    for path, uri in (("/late", f"{server}/slow"), ("/away", "http://127.0.0.1:9/")):
        at = api.method(path, "GET")
        api.client.put_integration(**at, type="HTTP_PROXY", integrationHttpMethod="GET", uri=uri, timeoutInMillis=200)
    api.deploy()
    reply = api.ask("GET", "/prod/late")
    assert (reply.status, reply.document) == (504, {"message": "Endpoint request timed out"})
    reply = api.ask("GET", "/prod/away")
    assert (reply.status, reply.document) == (504, {"message": "Network error communicating with endpoint"})
