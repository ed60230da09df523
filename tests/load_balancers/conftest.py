"""Load balancers on a real node, made with boto3 as anybody would."""

import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Deploy, Node, deployer
from tests.function_urls.conftest import packaged
from tests.plain_http import Reply, begin, end

__all__ = ["packaged"]

# Answers with what it was given: what an event's body says, or the event itself as text.
ECHO = {
    "handler.py": "import json, time\n"
    "def handler(event, context):\n"
    "    wanted = event.get('multiValueHeaders') or {n: [v] for n, v in event['headers'].items()}\n"
    "    asked = wanted.get('x-answer', [''])[0]\n"
    "    if asked == 'error':\n"
    "        raise ValueError('secret')\n"
    "    if asked == 'sleep':\n"
    "        time.sleep(3)\n"
    "    if asked == 'body':\n"
    "        return json.loads(event['body'])\n"
    "    return {'statusCode': 200, 'statusDescription': '200 OK', 'isBase64Encoded': False,\n"
    "            'headers': {'Content-Type': 'application/json'},\n"
    "            'multiValueHeaders': {'Content-Type': ['application/json']}, 'body': json.dumps(event)}\n"
}


def free_port() -> int:
    """Of this moment; what a test does with it is soon after."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(
    port: int,
    method: str = "GET",
    path: str = "/",
    body: bytes | None = None,
    headers: list[tuple[str, str]] | None = None,
) -> Reply:
    """One request, with no headers but these and Host."""
    address = f"127.0.0.1:{port}"
    has_host = any(name.lower() == "host" for name, _ in headers or [])
    return end(begin(address, None if has_host else address, method, path, body, headers))


@dataclass(frozen=True, slots=True)
class Balancer:
    """A load balancer with one listener, which forwards to one group with one function."""

    elb: Any
    arn: str
    listener_arn: str
    group_arn: str
    function: str
    port: int

    def forward(self) -> list[dict[str, Any]]:
        return [{"Type": "forward", "TargetGroupArn": self.group_arn}]


def new_name() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


def allow(client: Any, function: str, group_arn: str) -> None:
    """The permission that AWS's guide gives a target group."""
    client.add_permission(
        FunctionName=function,
        StatementId=new_name(),
        Action="lambda:InvokeFunction",
        Principal="elasticloadbalancing.amazonaws.com",
        SourceArn=group_arn,
    )


def new_group(node: Node, function: str, **members: Any) -> str:
    """A target group with that function in it."""
    elb, client = node.client("elbv2"), node.client("lambda")
    group = elb.create_target_group(Name=new_name(), TargetType="lambda", **members)["TargetGroups"][0]
    arn: str = group["TargetGroupArn"]
    allow(client, function, arn)
    function_arn = client.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": function_arn}])
    return arn


def make_balancer(node: Node, function: str, **members: Any) -> Balancer:
    elb = node.client("elbv2")
    group_arn = new_group(node, function, **members)
    arn = elb.create_load_balancer(Name=new_name())["LoadBalancers"][0]["LoadBalancerArn"]
    port = free_port()
    listener = elb.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group_arn}],
    )["Listeners"][0]
    return Balancer(elb, arn, listener["ListenerArn"], group_arn, function, port)


@pytest.fixture(scope="module")
def echo_function(lambda_client: Any) -> Iterator[str]:
    deploy: Deploy
    deploy, clean_up = deployer(lambda_client)
    yield deploy(None, ECHO, Timeout=10)
    clean_up()


@pytest.fixture
def balancer(platform: Node, echo_function: str) -> Iterator[Balancer]:
    made = make_balancer(platform, echo_function)
    yield made
    made.elb.delete_load_balancer(LoadBalancerArn=made.arn)
