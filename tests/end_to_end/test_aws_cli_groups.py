"""One walk through each group of operations with the AWS CLI, as people type it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Deploy, zip_of
from tests.handlers import folder

from .conftest import Aws

PROFILE = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/0123456789"


@pytest.fixture
def name(deploy: Deploy) -> str:
    return deploy(None, folder("echo_python"), handler="index.handler")


def of(name: str) -> tuple[str, str]:
    return ("--function-name", name)


def test_aliases_and_permissions(aws: Aws, name: str) -> None:
    """reference: control plane, 5 and 6"""
    aws("lambda", "publish-version", *of(name))
    alias = aws("lambda", "create-alias", *of(name), "--name", "live", "--function-version", "1")
    assert alias["AliasArn"].endswith(f":{name}:live")
    permission = ("--statement-id", "s3", "--action", "lambda:InvokeFunction", "--principal", "s3.amazonaws.com")
    added = aws("lambda", "add-permission", *of(name), "--qualifier", "live", *permission)
    assert json.loads(added["Statement"])["Resource"] == alias["AliasArn"]
    policy = aws("lambda", "get-policy", *of(f"{name}:live"))
    assert json.loads(policy["Policy"])["Statement"] == [json.loads(added["Statement"])]
    aws("lambda", "remove-permission", *of(name), "--qualifier", "live", "--statement-id", "s3")
    url = aws("lambda", "create-function-url-config", *of(name), "--qualifier", "live", "--auth-type", "NONE")
    listed = aws("lambda", "list-function-url-configs", *of(name))["FunctionUrlConfigs"]
    assert [config["FunctionUrl"] for config in listed] == [url["FunctionUrl"]]
    aws("lambda", "delete-alias", *of(name), "--name", "live")
    assert aws("lambda", "list-aliases", *of(name)) == {"Aliases": []}


def test_concurrency_and_asynchronous_invocations(aws: Aws, name: str) -> None:
    """reference: control plane, 9 and 10"""
    reserved = {"ReservedConcurrentExecutions": 5}
    assert aws("lambda", "put-function-concurrency", *of(name), "--reserved-concurrent-executions", "5") == reserved
    assert aws("lambda", "get-function-concurrency", *of(name)) == reserved
    aws("lambda", "publish-version", *of(name))
    provisioned = ("--qualifier", "1", "--provisioned-concurrent-executions", "1")
    assert aws("lambda", "put-provisioned-concurrency-config", *of(name), *provisioned)["Status"] == "IN_PROGRESS"
    listed = aws("lambda", "list-provisioned-concurrency-configs", *of(name))["ProvisionedConcurrencyConfigs"]
    assert [config["RequestedProvisionedConcurrentExecutions"] for config in listed] == [1]
    aws("lambda", "delete-provisioned-concurrency-config", *of(name), "--qualifier", "1")
    aws("lambda", "put-function-event-invoke-config", *of(name), "--maximum-retry-attempts", "0")
    configs = aws("lambda", "list-function-event-invoke-configs", *of(name))["FunctionEventInvokeConfigs"]
    assert [config["MaximumRetryAttempts"] for config in configs] == [0]


def test_layers_and_code_signing(aws: Aws, name: str, tmp_path: Path) -> None:
    """reference: control plane, 8 and 13"""
    (tmp_path / "layer.zip").write_bytes(zip_of({"python/shared.py": "ANSWER = 42\n"}))
    layer = f"layer-of-{name}"
    runtime = ("--compatible-runtimes", "python3.11")
    published = aws(
        "lambda", "publish-layer-version", "--layer-name", layer, "--zip-file", "fileb://layer.zip", *runtime
    )
    by_arn = aws("lambda", "get-layer-version-by-arn", "--arn", published["LayerVersionArn"])
    assert by_arn["Content"]["CodeSha256"] == published["Content"]["CodeSha256"]
    listed = aws("lambda", "list-layers", "--compatible-runtime", "python3.11")["Layers"]
    assert layer in {item["LayerName"] for item in listed}
    aws("lambda", "delete-layer-version", "--layer-name", layer, "--version-number", "1")

    publishers = ("--allowed-publishers", f"SigningProfileVersionArns={PROFILE}")
    config = aws("lambda", "create-code-signing-config", *publishers)["CodeSigningConfig"]
    arn = ("--code-signing-config-arn", config["CodeSigningConfigArn"])
    aws("lambda", "put-function-code-signing-config", *of(name), *arn)
    functions = aws("lambda", "list-functions-by-code-signing-config", *arn)["FunctionArns"]
    assert [function.rpartition(":")[2] for function in functions] == [name]
    aws("lambda", "delete-function-code-signing-config", *of(name))
    aws("lambda", "delete-code-signing-config", *arn)


def test_mappings_runtimes_and_recursion(aws: Aws, name: str) -> None:
    """reference: control plane, 12 and 13"""
    brokers = ("--self-managed-event-source", "Endpoints={KAFKA_BOOTSTRAP_SERVERS=[broker:9092]}", "--topics", name)
    secret = "Type=BASIC_AUTH,URI=arn:aws:secretsmanager:us-east-1:000000000000:secret:broker"
    reading = ("--starting-position", "LATEST", "--source-access-configurations", secret)
    source = (*brokers, *reading, "--no-enabled")
    mapping = aws("lambda", "create-event-source-mapping", *of(name), *source)
    mappings: list[dict[str, Any]] = aws("lambda", "list-event-source-mappings", *of(name))["EventSourceMappings"]
    assert [found["UUID"] for found in mappings] == [mapping["UUID"]]
    while aws("lambda", "get-event-source-mapping", "--uuid", mapping["UUID"])["State"] == "Creating":
        continue  # it gets there within a second
    assert aws("lambda", "delete-event-source-mapping", "--uuid", mapping["UUID"])["State"] == "Deleting"
    aws("lambda", "put-runtime-management-config", *of(name), "--update-runtime-on", "FunctionUpdate")
    assert aws("lambda", "get-runtime-management-config", *of(name))["UpdateRuntimeOn"] == "FunctionUpdate"
    aws("lambda", "put-function-recursion-config", *of(name), "--recursive-loop", "Allow")
    assert aws("lambda", "get-function-recursion-config", *of(name)) == {"RecursiveLoop": "Allow"}
