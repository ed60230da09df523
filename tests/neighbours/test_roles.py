"""A function is a session of its execution role, inside its sandbox and wherever its credentials go."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import Node, NodeProcess, deployer

StartNode = Callable[..., tuple[NodeProcess, Node]]
KEYS = {"STOKER_ACCESS_KEY_ID": "AKIDOFTHETEST", "STOKER_SECRET_ACCESS_KEY": "secret"}
FUNCTION = """
import os
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    return globals()[event["do"]](event)

def whoami(event):
    identity = boto3.client("sts").get_caller_identity()
    return [identity["Arn"], identity["UserId"], identity["Account"]]

def keys(event):
    return [os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]

def use_s3(event):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=event["bucket"])
    s3.put_object(Bucket=event["bucket"], Key="k", Body=b"hello")
    return s3.get_object(Bucket=event["bucket"], Key="k")["Body"].read().decode()

def forged(event):
    token = os.environ["AWS_SESSION_TOKEN"]
    keys = {"aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": "x"}
    client = boto3.client(event["service"], aws_session_token=token[:-8] + "AAAAAAA=", **keys)
    try:
        getattr(client, event["call"])()
    except ClientError as error:
        return error.response["Error"]["Code"]

def assume(event):
    keys = boto3.client("sts").assume_role(RoleArn=event["role"], RoleSessionName="other")["Credentials"]
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    client = boto3.client("sts", **dict(zip(
        ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"), map(keys.get, names))))
    return client.get_caller_identity()["Arn"]
"""


@dataclass
class Roles:
    """A node, a client of it with its credentials, and a function on it."""

    node: Node
    client: Any
    name: str
    arn: str

    def ask(self, do: str, **event: Any) -> Any:
        answer = self.client.invoke(FunctionName=self.name, Payload=json.dumps({"do": do, **event}))
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    def outside(self, service: str, keys: list[str], **config: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.node.endpoint,
            region_name="us-east-1",
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            aws_session_token=keys[2],
            config=Config(retries={"max_attempts": 0}, **config),
        )


def on(node: Node, key_id: str, secret: str) -> Roles:
    client = boto3.client(
        "lambda",
        endpoint_url=node.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}),
    )
    deploy, _ = deployer(client)
    name = deploy(
        None, {"handler.py": FUNCTION}, Timeout=60, MemorySize=512, Role="arn:aws:iam::000000000000:role/path/worker"
    )
    return Roles(node, client, name, f"arn:aws:sts::000000000000:assumed-role/worker/{name}")


@pytest.fixture(scope="module")
def start_nodes(tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]) -> Iterator[StartNode]:
    """As `start_node`, for nodes that the tests share."""
    started: list[NodeProcess] = []

    def start(*arguments: str, data: Path | None = None, **environment: str) -> tuple[NodeProcess, Node]:
        directory = data or tmp_path_factory.mktemp("roles") / "data"
        process = NodeProcess(directory, *arguments, **(isolation | environment))
        started.append(process)
        return process, process.wait_ready()

    yield start
    for process in started:
        process.stop()


@pytest.fixture(scope="module", params=["with credentials", "without", "plain"])
def roles(request: pytest.FixtureRequest, start_nodes: StartNode) -> Iterator[Roles]:
    if request.param == "with credentials":
        _, node = start_nodes(**KEYS)
        yield on(node, "AKIDOFTHETEST", "secret")
    else:
        _, node = start_nodes(*(("--isolation", "plain") if request.param == "plain" else ()))
        yield on(node, "000000000000", "test")


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    code: str = refused.value.response["Error"]["Code"]
    return code


def test_a_function_is_its_role(roles: Roles) -> None:
    arn, user_id, account = roles.ask("whoami")
    assert (arn, account) == (roles.arn, "000000000000")
    assert user_id.startswith("AROA")
    assert user_id.endswith(f":{roles.name}")
    assert roles.ask("use_s3", bucket=f"bucket-{roles.name.lower()[-20:]}") == "hello"


def test_its_credentials_work_outside(roles: Roles) -> None:
    keys = roles.ask("keys")
    assert keys[0].startswith("ASIA")
    assert roles.outside("sts", keys).get_caller_identity()["Arn"] == roles.arn
    names = [function["FunctionName"] for function in roles.outside("lambda", keys).list_functions()["Functions"]]
    assert roles.name in names
    roles.outside("s3", keys).list_buckets()
    assert roles.outside("sqs", keys).create_queue(QueueName="q")["QueueUrl"].endswith("/000000000000/q")


def test_who_assumes_a_role_is_that_role(roles: Roles) -> None:
    role = "arn:aws:iam::000000000000:role/another"
    expected = "arn:aws:sts::000000000000:assumed-role/another/other"
    assert roles.ask("assume", role=role) == expected


def test_another_environment_has_others(roles: Roles) -> None:
    before = roles.ask("keys")
    assert roles.ask("keys") == before
    variables = {"Variables": {"ANOTHER": before[0]}}
    roles.client.update_function_configuration(FunctionName=roles.name, Environment=variables)
    roles.client.get_waiter("function_updated_v2").wait(FunctionName=roles.name)
    assert not set(roles.ask("keys")) & set(before)
    assert roles.outside("sts", before).get_caller_identity()["Arn"] == roles.arn


@pytest.fixture(scope="module")
def guarded(start_nodes: StartNode) -> Roles:
    _, node = start_nodes(**KEYS)
    return on(node, "AKIDOFTHETEST", "secret")


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("sqs", "list_queues", "UnrecognizedClientException"),
        ("lambda", "list_functions", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
    ],
)
def test_a_forged_token_is_refused_in_the_words_of_the_service(
    guarded: Roles, service: str, call: str, code: str
) -> None:
    key_id, secret, token = guarded.ask("keys")
    altered = [key_id, secret, token[:-8] + "AAAAAAA="]
    assert code_of(getattr(guarded.outside(service, altered), call)) == code
    assert guarded.ask("forged", service=service, call=call) == code
    assert code_of(getattr(guarded.outside(service, [key_id, secret, ""]), call)) == code


def test_a_wrong_secret_is_refused_and_a_link_is_as_good_as_its_keys(guarded: Roles) -> None:
    key_id, _, token = keys = guarded.ask("keys")
    wrong = guarded.outside("lambda", [key_id, "x" * 40, token])
    assert code_of(wrong.list_functions) == "InvalidSignatureException"
    url = guarded.outside("s3", keys, signature_version="s3v4").generate_presigned_url("list_buckets")
    assert b"ListAllMyBucketsResult" in urllib.request.urlopen(url).read()


def test_credentials_outlive_a_restart(start_nodes: StartNode) -> None:
    process, node = start_nodes(**KEYS)
    roles = on(node, "AKIDOFTHETEST", "secret")
    keys = roles.ask("keys")
    process.stop()
    _, roles.node = start_nodes(data=node.data, **KEYS)
    assert roles.outside("sts", keys).get_caller_identity()["Arn"] == roles.arn
    assert (node.data / "role-sessions.key").stat().st_mode & 0o777 == 0o600
