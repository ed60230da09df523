"""WebSocket APIs on a real node, made with boto3 as anybody would, and clients that are not ours."""

import json
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from websockets.sync.client import ClientConnection, connect

from tests.conftest import Deploy, Node, deployer

# Keeps what it was given in its log, one line each, and answers as the message asks.
RECORDER = {
    "handler.py": "import json, os, time\n"
    "def handler(event, context):\n"
    "    print('EVENT ' + json.dumps(event))\n"
    "    context_ = event['requestContext']\n"
    "    if context_['eventType'] == 'CONNECT':\n"
    "        wanted = (event.get('queryStringParameters') or {}).get('status', '200')\n"
    "        if wanted == 'error':\n"
    "            raise ValueError('secret')\n"
    "        answer = {'statusCode': int(wanted), 'body': 'ignored'}\n"
    "        if 'Sec-WebSocket-Protocol' in event['headers']:\n"
    "            answer['headers'] = {'Sec-WebSocket-Protocol': 'second'}\n"
    "        return answer\n"
    "    if context_['eventType'] == 'MESSAGE':\n"
    "        try:\n"
    "            asked = json.loads(event['body'])\n"
    "        except ValueError:\n"
    "            asked = {}\n"
    "        asked = asked if isinstance(asked, dict) else {}\n"
    "        if asked.get('do') == 'error':\n"
    "            raise ValueError('secret')\n"
    "        if asked.get('do') == 'sleep':\n"
    "            time.sleep(asked['s'])\n"
    "        if asked.get('do') == 'post':\n"
    "            import boto3\n"
    "            place = f\"{os.environ['AWS_ENDPOINT_URL']}/_stoker/api/{context_['apiId']}/{context_['stage']}\"\n"
    "            for url in (None, place):\n"
    "                client = boto3.client('apigatewaymanagementapi', endpoint_url=url, region_name='us-east-1')\n"
    "                client.post_to_connection(ConnectionId=context_['connectionId'], Data=b'posted')\n"
    "        if asked.get('do') == 'raw':\n"
    "            return asked['result']\n"
    "        return {'statusCode': 200, 'body': json.dumps(event)}\n"
    "    return {'statusCode': 200}\n"
}


@dataclass(frozen=True, slots=True)
class SocketApi:
    """An API with one function behind `$connect`, `$disconnect`, `$default`, and two-way behind `echo`."""

    node: Node
    gateway: Any
    api_id: str
    function: str
    stage: str = "prod"

    @property
    def host(self) -> str:
        return f"{self.api_id}.execute-api.us-east-1.localhost"

    def connect(self, query: str = "", **options: Any) -> ClientConnection:
        """By the API's host, which need not resolve."""
        address = urlsplit(self.node.endpoint)
        link = socket.create_connection((address.hostname, address.port), timeout=30)
        return connect(f"ws://{self.host}/{self.stage}{query}", sock=link, open_timeout=60, **options)

    def management(self) -> Any:
        """A client of the management API, by the API's path."""
        return management_at(f"{self.node.endpoint}/_stoker/api/{self.api_id}/{self.stage}")

    def events(self, connection_id: str, count: int) -> list[dict[str, Any]]:
        """The events of a connection as the function printed them, once there are so many."""
        return wait_events(self.node, self.function, connection_id, count)

    def route(self, key: str, **members: Any) -> str:
        """A route to the function; without a stage's deployment it changes nothing: the stage deploys by itself."""
        target = self.gateway.get_routes(ApiId=self.api_id)["Items"][0]["Target"]
        made = self.gateway.create_route(ApiId=self.api_id, RouteKey=key, Target=target, **members)
        route_id: str = made["RouteId"]
        return route_id


def management_at(url: str, account_id: str = "000000000000") -> Any:
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=account_id,
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


def wait_events(node: Node, function: str, connection_id: str, count: int) -> list[dict[str, Any]]:
    logs = node.client("logs")
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}", filterPattern='"EVENT"')["events"]
        events = [json.loads(line["message"].partition("EVENT ")[2]) for line in found]
        mine = [event for event in events if event["requestContext"]["connectionId"] == connection_id]
        if len(mine) >= count:
            return mine
        time.sleep(0.1)
    raise AssertionError(f"{len(mine)} events instead of {count}")


def permit(node: Node, function: str, source_arn: str) -> None:
    node.client("lambda").add_permission(
        FunctionName=function,
        StatementId=uuid.uuid4().hex,
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=source_arn,
    )


def make_api(node: Node, function: str, **members: Any) -> SocketApi:
    gateway = node.client("apigatewayv2")
    api = gateway.create_api(
        Name=f"sockets-{uuid.uuid4().hex[:8]}",
        ProtocolType="WEBSOCKET",
        **{"RouteSelectionExpression": "$request.body.action", **members},
    )
    api_id = api["ApiId"]
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    integration = gateway.create_integration(ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=uri)
    target = f"integrations/{integration['IntegrationId']}"
    for key in ("$connect", "$disconnect", "$default"):
        gateway.create_route(ApiId=api_id, RouteKey=key, Target=target)
    echo = gateway.create_route(
        ApiId=api_id, RouteKey="echo", Target=target, RouteResponseSelectionExpression="$default"
    )
    gateway.create_route_response(ApiId=api_id, RouteId=echo["RouteId"], RouteResponseKey="$default")
    gateway.create_stage(ApiId=api_id, StageName="prod", AutoDeploy=True, StageVariables={"colour": "blue"})
    permit(node, function, f"arn:aws:execute-api:us-east-1:000000000000:{api_id}/*")
    return SocketApi(node, gateway, api_id, function)


@pytest.fixture(scope="module")
def deploy_module(lambda_client: Any) -> Iterator[Deploy]:
    deploy, clean_up = deployer(lambda_client)
    yield deploy
    clean_up()


@pytest.fixture(scope="module")
def recorder(deploy_module: Deploy) -> str:
    return deploy_module(None, RECORDER, Timeout=20, MemorySize=256)


@pytest.fixture(scope="module")
def api(platform: Node, recorder: str) -> SocketApi:
    return make_api(platform, recorder)
