"""The operations as AWS's own tools use them, through the front door of a real node."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest


@pytest.fixture
def client(node: Any) -> Any:
    return boto3.client(
        "logs",
        endpoint_url=node.endpoint,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def group(client: Any) -> Iterator[str]:
    name = f"/tests/{uuid.uuid4().hex}"
    client.create_log_group(logGroupName=name)
    client.create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    client.delete_log_group(logGroupName=name)


def test_what_the_sdk_puts_the_sdk_reads(client: Any, group: str) -> None:
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms + number, "message": f"event {number}"} for number in range(25)]
    client.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 10})
    read = [(event["timestamp"], event["message"]) for page in pages for event in page["events"]]
    assert read == [(event["timestamp"], event["message"]) for event in events]
    with pytest.raises(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_group(logGroupName=group)
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="The specified log group does not exist"):
        client.filter_log_events(logGroupName="nowhere")


def test_the_aws_command_line_reads_logs(node: Any, client: Any, group: str) -> None:
    client.put_log_events(
        logGroupName=group, logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": "found"}]
    )

    def aws(*arguments: str) -> Any:
        variables = {
            "AWS_ENDPOINT_URL": node.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
        command = [sys.executable, "-m", "awscli", "logs", *arguments]
        done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    groups = aws("describe-log-groups", "--log-group-name-prefix", group)["logGroups"]
    assert [found["logGroupName"] for found in groups] == [group]
    found = aws("filter-log-events", "--log-group-name", group, "--filter-pattern", "found")
    assert [event["message"] for event in found["events"]] == ["found"]
    read = aws("get-log-events", "--log-group-name", group, "--log-stream-name", "s")
    assert [event["message"] for event in read["events"]] == ["found"]
