"""HTTP APIs on a real node, and the plainest client there is to ask them."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Deploy, Node, deployer
from tests.function_urls.conftest import packaged
from tests.plain_http import Headers, Reply, begin, end

__all__ = ["packaged"]

ACCOUNT = "000000000000"
# Answers with its event, or with what a request's `x-answer` header says.
ECHO = {
    "handler.py": "import json\n"
    "def handler(event, context):\n"
    "    headers = {name.lower(): value for name, value in event['headers'].items()}\n"
    "    if headers.get('x-answer') == 'error':\n"
    "        raise ValueError('secret')\n"
    "    if headers.get('x-answer') == 'body':\n"
    "        return json.loads(event['body'])\n"
    "    return {'statusCode': 200, 'body': json.dumps(event)}\n"
}


class ApiClient:
    """Asks one API by its host."""

    def __init__(self, node: Node, api_id: str) -> None:
        self.id = api_id
        self.host = f"{api_id}.execute-api.us-east-1.localhost"
        self._address = urlsplit(node.endpoint).netloc

    def ask(
        self,
        method: str = "GET",
        path: str = "/",
        body: bytes | None = None,
        headers: Headers | None = None,
        host: str | None = None,
    ) -> Reply:
        return end(begin(self._address, host or self.host, method, path, body, headers))

    def event(self, method: str = "GET", path: str = "/", **arguments: Any) -> Any:
        """What the echo function was given."""
        reply = self.ask(method, path, **arguments)
        assert reply.status == 200, reply
        return reply.document


class Apis:
    """Makes APIs, and what they are made of."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.client = node.client("apigatewayv2")
        self._lambda = node.client("lambda")

    def new(self, stage: str | None = "$default", **members: Any) -> ApiClient:
        """With a stage that deploys by itself, unless `stage` is None."""
        members = {"Name": "tested", "ProtocolType": "HTTP", **members}
        api_id = self.client.create_api(**members)["ApiId"]
        if stage is not None and "Target" not in members:
            self.client.create_stage(ApiId=api_id, StageName=stage, AutoDeploy=True)
        return ApiClient(self.node, api_id)

    def integration(self, api: ApiClient, function: str, payload_format: str = "2.0", **members: Any) -> str:
        """Its target. The function's policy lets the API in."""
        self.let_in(api, function)
        made = self.client.create_integration(
            ApiId=api.id,
            IntegrationType="AWS_PROXY",
            IntegrationUri=arn_of(function),
            PayloadFormatVersion=payload_format,
            **members,
        )
        return f"integrations/{made['IntegrationId']}"

    def route(self, api: ApiClient, key: str, target: str, **members: Any) -> str:
        return str(self.client.create_route(ApiId=api.id, RouteKey=key, Target=target, **members)["RouteId"])

    def let_in(self, api: ApiClient, function: str, path: str = "*") -> None:
        self._lambda.add_permission(
            FunctionName=function,
            StatementId=f"api-{uuid.uuid4().hex[:12]}",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api.id}/{path}",
        )


def arn_of(function: str) -> str:
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}"


@pytest.fixture(scope="session")
def apis(platform: Node) -> Apis:
    return Apis(platform)


@pytest.fixture(scope="module")
def deploy_module(lambda_client: Any) -> Iterator[Deploy]:
    deploy, clean_up = deployer(lambda_client)
    yield deploy
    clean_up()


@pytest.fixture(scope="module")
def function(deploy_module: Deploy) -> str:
    """A function that answers with its event."""
    return deploy_module(None, ECHO)


@pytest.fixture(scope="module")
def echo(apis: Apis, function: str) -> ApiClient:
    """An API whose every request goes to that function."""
    api = apis.new(Target=arn_of(function))
    apis.let_in(api, function)
    return api
