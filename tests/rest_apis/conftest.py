"""REST APIs on a real node, made as people make them, and the plainest client there is to ask them."""

import contextlib
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Deploy, Node, deployer
from tests.function_urls.conftest import UrlClient, packaged
from tests.plain_http import Reply

__all__ = ["packaged"]

# Answers with what it was given: what an event says in its body if a header asks for that, else the whole event.
ECHO = {
    "handler.py": "import json, time\n"
    "def handler(event, context):\n"
    "    headers = {name.lower(): value for name, value in (event.get('headers') or {}).items()}\n"
    "    match headers.get('x-answer'):\n"
    "        case 'error':\n"
    "            raise ValueError('secret')\n"
    "        case 'body':\n"
    "            return json.loads(event['body'])\n"
    "        case 'late':\n"
    "            time.sleep(3)\n"
    "    return {'statusCode': 200, 'body': json.dumps(event)}\n"
}
# Returns what it was given, or fails with the message that it was given.
PLAIN = {
    "handler.py": "def handler(event, context):\n"
    "    if isinstance(event, dict) and 'fail' in event:\n"
    "        raise Exception(event['fail'])\n"
    "    return event\n"
}


class Api:
    """A REST API while it is made, and its client."""

    def __init__(self, node: Node, **members: Any) -> None:
        self.node = node
        self.client = node.client("apigateway")
        made = self.client.create_rest_api(name=f"api-{uuid.uuid4().hex[:8]}", **members)
        self.id, self.root_id = made["id"], made["rootResourceId"]
        self._resources = {"/": self.root_id}

    def resource(self, path: str) -> str:
        """The id of the resource at a path, which is made if need be."""
        if path not in self._resources:
            parent, _, part = path.rpartition("/")
            parent_id = self.resource(parent or "/")
            made = self.client.create_resource(restApiId=self.id, parentId=parent_id, pathPart=part)
            self._resources[path] = made["id"]
        return self._resources[path]

    def method(self, path: str, verb: str = "GET", authorization: str = "NONE", **members: Any) -> dict[str, str]:
        """Puts one, and says how to name it."""
        at = {"restApiId": self.id, "resourceId": self.resource(path), "httpMethod": verb}
        self.client.put_method(**at, authorizationType=authorization, **members)
        return at

    def proxy(self, path: str, function: str, verb: str = "GET", timeout_ms: int | None = None, **members: Any) -> None:
        """A method that leads to a function, which lets the API in."""
        at = self.method(path, verb, **members)
        timeout = {} if timeout_ms is None else {"timeoutInMillis": timeout_ms}
        self.client.put_integration(
            **at, type="AWS_PROXY", integrationHttpMethod="POST", uri=self.uri(function), **timeout
        )
        self.let_in(function)

    def uri(self, function: str) -> str:
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
        return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"

    def let_in(self, function: str) -> None:
        client = self.node.client("lambda")
        with contextlib.suppress(client.exceptions.ResourceConflictException):
            client.add_permission(
                FunctionName=function,
                StatementId=f"api-{self.id}",
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
                SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{self.id}/*",
            )

    def deploy(self, stage: str = "prod", **members: Any) -> str:
        made: str = self.client.create_deployment(restApiId=self.id, stageName=stage, **members)["id"]
        return made

    @property
    def host(self) -> str:
        return f"{self.id}.execute-api.us-east-1.localhost"

    def ask(
        self,
        method: str = "GET",
        path: str = "/prod/",
        body: bytes | None = None,
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        host: str | None = None,
    ) -> Reply:
        client = UrlClient(self.node, f"http://{self.host}")
        return client.ask(method, path, body, headers, host or f"{self.host}:{urlsplit(self.node.endpoint).port}")


def event_of(reply: Reply) -> dict[str, Any]:
    assert reply.status == 200, reply
    document: dict[str, Any] = json.loads(reply.body)
    return document


@pytest.fixture(scope="module")
def deploy_module(lambda_client: Any) -> Iterator[Deploy]:
    deploy, clean_up = deployer(lambda_client)
    yield deploy
    clean_up()


@pytest.fixture(scope="module")
def echo(deploy_module: Deploy) -> str:
    return deploy_module(f"echo-{uuid.uuid4().hex[:8]}", ECHO)


@pytest.fixture(scope="module")
def plain(deploy_module: Deploy) -> str:
    return deploy_module(f"plain-{uuid.uuid4().hex[:8]}", PLAIN)
