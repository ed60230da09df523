"""Amazon API Gateway Developer Guide, "Create HTTP proxy integrations for HTTP APIs"."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import Deploy
from tests.http_apis.conftest import ApiClient, Apis


class Handler(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        if self.path.startswith("/slow"):
            time.sleep(1)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body.decode()}
        content = json.dumps({name.lower(): value for name, value in asked.items()}).encode()
        self.send_response(202)
        for name, value in (("Content-Type", "x/y"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-A", "b")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
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


def passing_on(apis: Apis, key: str, uri: str, **members: object) -> ApiClient:
    api = apis.new()
    made = apis.client.create_integration(
        ApiId=api.id, IntegrationType="HTTP_PROXY", IntegrationUri=uri, IntegrationMethod="ANY", **members
    )
    apis.route(api, key, f"integrations/{made['IntegrationId']}")
    return api


def test_a_request_is_passed_on_and_the_answer_back(apis: Apis, server: str) -> None:
    api = passing_on(apis, "ANY /a/{proxy+}", f"{server}/b/{{proxy}}?fixed=1")
    reply = api.ask("POST", "/a/c%20d/e?x=1", b"body", {"X-Own": "1", "Content-Type": "text/plain"})
    assert (reply.status, reply.headers["content-type"], reply.headers["x-a"]) == (202, "x/y", "b")
    assert [value for name, value in reply.pairs if name == "set-cookie"] == ["a=1", "b=2"]
    asked = reply.document
    assert (asked["method"], asked["path"], asked["body"]) == ("POST", "/b/c%20d/e?fixed=1&x=1", "body")
    headers = {name.lower(): value for name, value in asked["headers"].items()}
    assert (headers["x-own"], headers["x-forwarded-for"]) == ("1", "127.0.0.1")
    assert headers["host"] == server.removeprefix("http://")
    assert api.host in headers["forwarded"]


def test_a_server_that_is_slow_or_not_there_is_unavailable(apis: Apis, server: str) -> None:
    api = passing_on(apis, "$default", f"{server}/slow", TimeoutInMillis=50)
    reply = api.ask()
    assert (reply.status, reply.document) == (503, {"message": "Service Unavailable"})
    assert passing_on(apis, "$default", "http://127.0.0.1:9/").ask().status == 503


def test_another_path_can_be_mapped(apis: Apis, server: str) -> None:
    api = passing_on(
        apis, "GET /a/{id}", f"{server}/fixed", RequestParameters={"overwrite:path": "/mapped/$request.path.id"}
    )
    assert api.ask(path="/a/7").document["path"] == "/mapped/7"


def test_a_function_without_a_way_out_does_not_get_one_by_an_api(apis: Apis, server: str, deploy: Deploy) -> None:
    api = passing_on(apis, "$default", server)
    function = deploy(
        None,
        {
            "handler.py": "import os, urllib.request, urllib.error\n"
            "def handler(event, context):\n"
            "    url = os.environ['AWS_ENDPOINT_URL'] + '/_stoker/api/' + event\n"
            "    try:\n"
            "        return urllib.request.urlopen(url).status\n"
            "    except urllib.error.HTTPError as error:\n"
            "        return error.code\n"
        },
    )
    result = apis.node.client("lambda").invoke(FunctionName=function, Payload=json.dumps(api.id))
    assert json.loads(result["Payload"].read()) == 403
    assert api.ask().status == 202
