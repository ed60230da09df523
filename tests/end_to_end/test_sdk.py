"""Every operation of a function's life through boto3, as an application's deployment would use them."""

import base64
import hashlib
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import PYTHON, ROLE, Deploy, Node, zip_of
from tests.handlers import folder

from .calls import invoke

WAITER = {"Delay": 0.1, "MaxAttempts": 300}
VERSION_HANDLER = {
    "index.py": "def handler(event, context):\n    return [context.function_version, context.invoked_function_arn]\n"
}


def refusal(raised: "pytest.ExceptionInfo[ClientError]") -> tuple[int, str, str]:
    """Status, code and message."""
    response = raised.value.response
    error = response["Error"]
    return response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


def test_a_function_goes_through_its_whole_life(lambda_client: Any) -> None:
    client = lambda_client
    name = f"life-{uuid.uuid4().hex[:8]}"
    package = zip_of(folder("echo_python"))
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"

    created = client.create_function(
        FunctionName=name,
        Runtime=PYTHON,
        Handler="index.handler",
        Role=ROLE,
        Code={"ZipFile": package},
        Tags={"team": "blue"},
    )
    assert (created["FunctionArn"], created["State"], created["StateReasonCode"]) == (arn, "Pending", "Creating")
    assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(package).digest()).decode()
    assert created["CodeSize"] == len(package)
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAITER)

    got = client.get_function(FunctionName=name)
    assert got["Configuration"]["State"] == "Active"
    assert got["Tags"] == {"team": "blue"}
    assert urllib.request.urlopen(got["Code"]["Location"], timeout=10).read() == package
    assert invoke(client, name, {"is": "echoed"}).value == {"is": "echoed"}
    assert name in _names(client)

    updated = client.update_function_configuration(FunctionName=name, Timeout=9, MemorySize=256, Description="now")
    assert updated["LastUpdateStatus"] == "InProgress"
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAITER)
    configuration = client.get_function_configuration(FunctionName=name)
    assert [configuration[member] for member in ("Timeout", "MemorySize", "Description", "LastUpdateStatus")] == [
        9,
        256,
        "now",
        "Successful",
    ]

    second = zip_of(VERSION_HANDLER)
    client.update_function_code(FunctionName=name, ZipFile=second)
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAITER)
    location = client.get_function(FunctionName=name)["Code"]["Location"]
    assert urllib.request.urlopen(location, timeout=10).read() == second
    assert invoke(client, name).value == ["$LATEST", arn]

    published = client.publish_version(FunctionName=name, Description="the first")
    assert (published["Version"], published["FunctionArn"]) == ("1", f"{arn}:1")
    client.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="1", WaiterConfig=WAITER)
    assert [version["Version"] for version in client.list_versions_by_function(FunctionName=name)["Versions"]] == [
        "$LATEST",
        "1",
    ]

    client.delete_function(FunctionName=name)
    with pytest.raises(ClientError) as raised:
        client.get_function(FunctionName=name)
    assert refusal(raised) == (404, "ResourceNotFoundException", f"Function not found: {arn}")
    with pytest.raises(urllib.error.HTTPError, match=r"40[34]"):
        urllib.request.urlopen(location + "x", timeout=10)
    assert name not in _names(client)


def _names(client: Any) -> set[str]:
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 3})
    return {function["FunctionName"] for page in pages for function in page["Functions"]}


def test_the_qualifier_chooses_the_version_that_runs(lambda_client: Any, deploy: Deploy) -> None:
    """Reference: invocation, 1: the ARN keeps the caller's qualifier, the version is what ran."""
    name = deploy(None, VERSION_HANDLER, handler="index.handler")
    lambda_client.publish_version(FunctionName=name)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    for parameters, version, used in (
        ({}, "$LATEST", arn),
        ({"Qualifier": "$LATEST"}, "$LATEST", f"{arn}:$LATEST"),
        ({"Qualifier": "1"}, "1", f"{arn}:1"),
    ):
        answer = invoke(lambda_client, name, **parameters)
        assert answer.value == [version, used]
        assert answer.version == version
        assert f"START RequestId: {answer.request_id} Version: {version}\n" in answer.log
    assert invoke(lambda_client, f"{arn}:1").value == ["1", f"{arn}:1"]
    for qualifier, missing in (("2", f"{arn}:2"), (None, f"{arn}-no:$LATEST")):
        with pytest.raises(ClientError) as raised:
            lambda_client.invoke(
                FunctionName=name if qualifier else f"{name}-no", **({"Qualifier": qualifier} if qualifier else {})
            )
        assert refusal(raised) == (404, "ResourceNotFoundException", f"Function not found: {missing}")


def test_a_dry_run_answers_204_and_runs_nothing(lambda_client: Any, deploy: Deploy) -> None:
    """Reference: invocation, 1."""
    name = deploy(None, folder("counter"), handler="index.handler")
    response = lambda_client.invoke(FunctionName=name, InvocationType="DryRun")
    assert (response["StatusCode"], response["Payload"].read()) == (204, b"")
    assert "ExecutedVersion" not in response
    assert invoke(lambda_client, name).value["in_tmp"] == 1


def test_the_answers_headers_are_aws_own(lambda_client: Any, deploy: Deploy) -> None:
    """Reference: invocation, 1."""
    name = deploy(None, folder("echo_python"), handler="index.handler")
    response = lambda_client.invoke(FunctionName=name, Payload=b"[1]")
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    assert (response["StatusCode"], headers["content-type"]) == (200, "application/json")
    assert headers["x-amz-executed-version"] == "$LATEST"
    assert headers["x-amzn-trace-id"].startswith("root=1-")
    assert headers["x-amzn-trace-id"].endswith(";sampled=0")
    assert uuid.UUID(headers["x-amzn-requestid"]).version == 4
    assert not {"x-amz-function-error", "x-amz-log-result"} & headers.keys()


def test_the_tail_is_the_last_4_kb_of_the_log(lambda_client: Any, deploy: Deploy) -> None:
    """Reference: runtime side, 5.1."""
    name = deploy(None, folder("printing"), handler="index.handler")
    answer = invoke(lambda_client, name, {"lines": 3, "width": 10})
    lines = answer.log.splitlines()
    assert lines[0] == f"START RequestId: {answer.request_id} Version: $LATEST"
    assert lines[1:5] == ["x" * 9] * 3 + [f"END RequestId: {answer.request_id}"]
    assert lines[5] == answer.report
    long = invoke(lambda_client, name, {"lines": 1000, "width": 100})
    assert len(long.log) == 4096
    assert long.log.endswith(f"END RequestId: {long.request_id}\n{long.report}\n")


def test_the_client_context_reaches_the_handler(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, folder("context_python"), handler="index.handler")
    context = {"custom": {"colour": "grün", "n": 1}, "env": {"make": "x"}, "client": {"app_title": "t"}}
    encoded = base64.b64encode(json.dumps(context).encode()).decode()
    answer = invoke(lambda_client, name, ClientContext=encoded)
    assert answer.value["client_context"] == {"custom": context["custom"], "env": context["env"]}
    assert invoke(lambda_client, name).value["client_context"] is None
    for wrong in ("not base64!", base64.b64encode(b"no json").decode(), base64.b64encode(b"x" * 4000).decode()):
        with pytest.raises(ClientError) as raised:
            lambda_client.invoke(FunctionName=name, ClientContext=wrong)
        assert refusal(raised)[:2] == (400, "InvalidRequestContentException")


def test_tags_are_set_listed_and_removed(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, folder("echo_python"), handler="index.handler", Tags={"a": "1"})
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    lambda_client.tag_resource(Resource=arn, Tags={"b": "2", "c": "ü"})
    lambda_client.untag_resource(Resource=arn, TagKeys=["a", "never there"])
    assert lambda_client.list_tags(Resource=arn)["Tags"] == {"b": "2", "c": "ü"}
    assert lambda_client.get_function(FunctionName=name)["Tags"] == {"b": "2", "c": "ü"}


def test_account_settings_count_functions_and_code(lambda_client: Any, deploy: Deploy) -> None:
    before = lambda_client.get_account_settings()
    assert before["AccountLimit"]["ConcurrentExecutions"] == 1000
    name = deploy(None, folder("echo_python"), handler="index.handler")
    size = lambda_client.get_function_configuration(FunctionName=name)["CodeSize"]
    after = lambda_client.get_account_settings()["AccountUsage"]
    assert after["FunctionCount"] == before["AccountUsage"]["FunctionCount"] + 1
    assert after["TotalCodeSize"] == before["AccountUsage"]["TotalCodeSize"] + size


@pytest.fixture
def other_places(platform: Node) -> Iterator[dict[tuple[str, str], Any]]:
    """Clients by account (the access key) and region (the signature's scope)."""
    places = [("111111111111", "us-east-1"), ("111111111111", "eu-west-1"), ("222222222222", "us-east-1")]
    clients = {
        (account, region): boto3.client(
            "lambda",
            endpoint_url=platform.endpoint,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )
        for account, region in places
    }
    yield clients
    for client in clients.values():
        for function in client.list_functions()["Functions"]:
            client.delete_function(FunctionName=function["FunctionName"])


def test_accounts_and_regions_are_apart(other_places: dict[tuple[str, str], Any], lambda_client: Any) -> None:
    code = {
        "index.py": "import os\n"
        "def handler(event, context):\n"
        "    return [context.invoked_function_arn, dict(os.environ)]\n"
    }
    for number, ((account, region), client) in enumerate(other_places.items()):
        client.create_function(
            FunctionName="same-name",
            Runtime=PYTHON,
            Handler="index.handler",
            Role=ROLE,
            Code={"ZipFile": zip_of(code)},
            Environment={"Variables": {"NUMBER": str(number)}},
        )
        client.get_waiter("function_active_v2").wait(FunctionName="same-name", WaiterConfig=WAITER)
        assert [function["FunctionName"] for function in client.list_functions()["Functions"]] == ["same-name"]
        arn, variables = invoke(client, "same-name").value
        assert arn == f"arn:aws:lambda:{region}:{account}:function:same-name"
        assert (variables["AWS_REGION"], variables["NUMBER"]) == (region, str(number))
    assert "same-name" not in _names(lambda_client)
    first, second, third = other_places.values()
    first.delete_function(FunctionName="same-name")
    assert all(invoke(client, "same-name").error is None for client in (second, third))
    with pytest.raises(ClientError) as raised:
        second.invoke(FunctionName="arn:aws:lambda:us-east-1:111111111111:function:same-name")
    # Reference: control plane, 2.
    assert refusal(raised) == (
        404,
        "ResourceNotFoundException",
        "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')",
    )


def test_an_operation_that_is_not_implemented_is_refused_by_its_name(lambda_client: Any) -> None:
    with pytest.raises(ClientError) as raised:
        lambda_client.list_capacity_providers()
    status, _, message = refusal(raised)
    assert status == 400
    assert "ListCapacityProviders" in message
