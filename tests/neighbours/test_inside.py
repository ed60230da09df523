"""What a function finds at AWS_ENDPOINT_URL, in its sandbox."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

from tests.conftest import Deploy, Node, deployer

CALLER = """
import os, socket, urllib.error, urllib.request
import boto3

def handler(event, context):
    return globals()[event["do"]](event)

def use_s3(event):
    s3 = boto3.client("s3")
    s3.put_object(Bucket=event["bucket"], Key="k", Body=b"x" * event["bytes"])
    return len(s3.get_object(Bucket=event["bucket"], Key="k")["Body"].read())

def invoke_another(event):
    return boto3.client("lambda").invoke(FunctionName=event["other"], Payload=b"[1]")["Payload"].read().decode()

def whoami(event):
    keys = {"aws_access_key_id": event["key"], "aws_secret_access_key": "x"} if "key" in event else {}
    return boto3.client("sts", **keys).get_caller_identity()["Account"]

def status(event):
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + event["path"], headers=event["headers"])
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code

def connect(event):
    try:
        socket.create_connection(("169.254.100.1", 4566), 5).close()
    except ConnectionRefusedError:
        return "refused"

def variable(event):
    return os.environ.get("AWS_ENDPOINT_URL")
"""
ECHO = {"handler.py": "def handler(event, context):\n    return event\n"}


def ask(client: Any, name: str, do: str, **event: Any) -> Any:
    answer = client.invoke(FunctionName=name, Payload=json.dumps({"do": do, **event}))
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload


def deploy_caller(deploy: Deploy, **configuration: Any) -> str:
    return deploy(None, {"handler.py": CALLER}, Timeout=30, MemorySize=512, **configuration)


def test_boto3_needs_no_argument(platform: Node, lambda_client: Any, deploy: Deploy) -> None:
    name = deploy_caller(deploy)
    bucket = f"bucket-{uuid4().hex[:8]}"
    platform.client("s3").create_bucket(Bucket=bucket)
    assert ask(lambda_client, name, "use_s3", bucket=bucket, bytes=10_000_000) == 10_000_000
    assert ask(lambda_client, name, "invoke_another", other=deploy(None, ECHO)) == "[1]"
    assert ask(lambda_client, name, "whoami") == "000000000000"
    assert ask(lambda_client, name, "whoami", key="123456789012") == "123456789012"
    assert ask(lambda_client, name, "variable") == "http://169.254.100.1:4566"


def test_the_customers_own_variable_wins(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy_caller(deploy, Environment={"Variables": {"AWS_ENDPOINT_URL": "http://elsewhere"}})
    assert ask(lambda_client, name, "variable") == "http://elsewhere"


def test_a_function_is_its_account_on_a_node_with_credentials(start_node: Callable[..., Any]) -> None:
    """Whatever it signs with, and whatever it puts into headers."""
    _, node = start_node(STOKER_ACCESS_KEY_ID="AKIDOFTHETEST", STOKER_SECRET_ACCESS_KEY="secret")
    client = boto3.client(
        "lambda",
        endpoint_url=node.endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIDOFTHETEST",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}),
    )
    deploy, _clean_up = deployer(client)
    name = deploy_caller(deploy)
    assert ask(client, name, "whoami") == "000000000000"
    assert ask(client, name, "whoami", key="123456789012") == "000000000000"
    assert ask(client, name, "invoke_another", other=deploy(None, ECHO)) == "[1]"
    forged = {"Stoker.Sandbox_caller": "123456789012", "X-Moto-Account-Id": "123456789012"}
    assert ask(client, name, "status", path="/2015-03-31/functions", headers=forged) == 200
    page = {"Origin": "http://example.com"}
    assert ask(client, name, "status", path="/_stoker/none", headers=page) == 404


def test_without_aws_in_functions_there_is_neither_variable_nor_socket(start_node: Callable[..., Any]) -> None:
    _, node = start_node(STOKER_AWS_IN_FUNCTIONS="false")
    client = node.client("lambda")
    deploy, _clean_up = deployer(client)
    name = deploy_caller(deploy)
    assert ask(client, name, "variable") is None
    assert ask(client, name, "connect") == "refused"


def test_with_plain_isolation_a_function_calls_the_node_itself(start_node: Callable[..., Any]) -> None:
    _, node = start_node("--isolation", "plain")
    client = node.client("lambda")
    deploy, _clean_up = deployer(client)
    name = deploy_caller(deploy)
    assert ask(client, name, "variable") == node.endpoint
    assert ask(client, name, "whoami") == "000000000000"
