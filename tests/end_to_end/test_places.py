"""Accounts and regions on one node, as far as running functions goes: logs and concurrency are each one's own.

What is configured is tested in `functions/test_places.py`.
"""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import PYTHON, ROLE, Node, zip_of

from .calls import invoke

NAME = "in-every-place"
GROUP = f"/aws/lambda/{NAME}"
PLACES = [(account, region) for account in ("444444444444", "555555555555") for region in ("us-east-1", "eu-west-1")]
HANDLER = "def handler(event, context):\n    print('said', context.invoked_function_arn)\n    return event\n"


def client_of(node: Node, service: str, account: str, region: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=node.endpoint,
        region_name=region,
        aws_access_key_id=account,
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


@pytest.fixture
def places(platform: Node) -> Iterator[dict[tuple[str, str], Any]]:
    clients = {place: client_of(platform, "lambda", *place) for place in PLACES}
    for client in clients.values():
        client.create_function(
            FunctionName=NAME,
            Runtime=PYTHON,
            Handler="index.handler",
            Role=ROLE,
            Code={"ZipFile": zip_of({"index.py": HANDLER})},
        )
    for client in clients.values():
        client.get_waiter("function_active_v2").wait(
            FunctionName=NAME, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400}
        )
    yield clients
    for place, client in clients.items():
        client.delete_function(FunctionName=NAME)
        client_of(platform, "logs", *place).delete_log_group(logGroupName=GROUP)


def test_logs_and_concurrency_are_apart(places: dict[tuple[str, str], Any], platform: Node) -> None:
    for client in places.values():
        assert invoke(client, NAME, {"a": 1}).value == {"a": 1}
    for account, region in PLACES:
        logs = client_of(platform, "logs", account, region)
        assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == [GROUP]
        said = [
            event["message"].strip()
            for event in logs.filter_log_events(logGroupName=GROUP, filterPattern="said")["events"]
        ]
        assert said == [f"said arn:aws:lambda:{region}:{account}:function:{NAME}"]

    first, *others = places.values()
    first.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        first.invoke(FunctionName=NAME)
    assert all(invoke(client, NAME).error is None for client in others)
    first.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=900)
    unreserved = [
        client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] for client in places.values()
    ]
    assert unreserved == [100, 1000, 1000, 1000]
