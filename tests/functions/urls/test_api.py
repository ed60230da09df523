"""Expected texts: reference, control plane, 11."""

import re
from typing import Any

import pytest

from tests.functions.conftest import StartNode
from tests.functions.node import ARN, REGION, Node

RNF = "ResourceNotFoundException"
NO_FUNCTION = (RNF, "Function does not exist")
NO_URL = (RNF, "The resource you requested does not exist.")
CORS = {
    "AllowCredentials": False,
    "AllowHeaders": ["x-a"],
    "AllowMethods": ["GET", "*"],
    "AllowOrigins": ["https://a.example"],
    "ExposeHeaders": [],
    "MaxAge": 0,
}


async def with_alias(node: Node) -> None:
    await node.create(Publish=True)
    await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")


async def test_the_answer_says_the_mode_only_if_asked(node: Node) -> None:
    await with_alias(node)
    created = await node.call("CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE")
    assert created == {
        "FunctionUrl": created["FunctionUrl"],
        "FunctionArn": f"{ARN}f",
        "AuthType": "NONE",
        "CreationTime": created["CreationTime"],
    }
    assert re.fullmatch(rf"http://.*\b[a-z0-9]{{32}}(\.lambda-url\.{REGION}\.localhost:4566)?/", created["FunctionUrl"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", created["CreationTime"])
    other = await node.call(
        "CreateFunctionUrlConfig",
        FunctionName="f",
        Qualifier="live",
        AuthType="AWS_IAM",
        InvokeMode="RESPONSE_STREAM",
        Cors=CORS,
    )
    assert other == {
        "FunctionUrl": other["FunctionUrl"],
        "FunctionArn": f"{ARN}f:live",
        "AuthType": "AWS_IAM",
        "Cors": CORS,
        "CreationTime": other["CreationTime"],
        "InvokeMode": "RESPONSE_STREAM",
    }
    assert other["FunctionUrl"] != created["FunctionUrl"]


async def test_a_url_stays_the_same_through_updates_and_restarts(start_node: StartNode) -> None:
    node = await start_node()
    await with_alias(node)
    created = await node.call("CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE", Cors=CORS)
    shown = await node.call("GetFunctionUrlConfig", FunctionName="f")
    assert shown == created | {"InvokeMode": "BUFFERED", "LastModifiedTime": created["CreationTime"]}
    updated = await node.call(
        "UpdateFunctionUrlConfig", FunctionName="f", AuthType="AWS_IAM", Cors={"AllowOrigins": ["*"]}
    )
    changes = {"AuthType": "AWS_IAM", "Cors": {"AllowOrigins": ["*"]}, "LastModifiedTime": updated["LastModifiedTime"]}
    assert updated == created | changes
    assert updated["LastModifiedTime"] > created["CreationTime"]
    node = await start_node()
    assert await node.call("GetFunctionUrlConfig", FunctionName="f") == updated | {"InvokeMode": "BUFFERED"}


async def test_deleting_the_url_of_the_whole_function_keeps_those_of_its_aliases(node: Node) -> None:
    await with_alias(node)
    for name in ("f", "f:live"):
        await node.call("CreateFunctionUrlConfig", FunctionName=name, AuthType="NONE")
    listed = (await node.call("ListFunctionUrlConfigs", FunctionName="f"))["FunctionUrlConfigs"]
    assert [url["FunctionArn"] for url in listed] == [f"{ARN}f", f"{ARN}f:live"]
    assert listed[0] == await node.call("GetFunctionUrlConfig", FunctionName="f")
    first = await node.call("ListFunctionUrlConfigs", FunctionName="f", MaxItems=1)
    assert first["FunctionUrlConfigs"] == listed[:1]
    assert await node.call("ListFunctionUrlConfigs", FunctionName="f", Marker=first["NextMarker"]) == {
        "FunctionUrlConfigs": listed[1:]
    }
    assert await node.call("DeleteFunctionUrlConfig", FunctionName="f") == {}
    assert await node.call("ListFunctionUrlConfigs", FunctionName="f") == {"FunctionUrlConfigs": listed[1:]}


@pytest.mark.parametrize(
    ("operation", "members", "error"),
    [
        (
            "CreateFunctionUrlConfig",
            {"AuthType": "NONE"},
            (
                "ResourceConflictException",
                f"Failed to create function url config for [functionArn = {ARN}f]. "
                "Error message:  FunctionUrlConfig exists for this Lambda function",
            ),
        ),
        ("CreateFunctionUrlConfig", {"FunctionName": "g", "AuthType": "NONE"}, NO_FUNCTION),
        ("CreateFunctionUrlConfig", {"Qualifier": "none", "AuthType": "NONE"}, NO_FUNCTION),
        *(
            (
                "CreateFunctionUrlConfig",
                {"FunctionName": f"f:{qualifier}", "AuthType": "NONE"},
                (
                    "ValidationException",
                    f"1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy constraint: "
                    r"Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)",
                ),
            )
            for qualifier in ("1", "$LATEST")
        ),
        ("UpdateFunctionUrlConfig", {"FunctionName": "g"}, NO_FUNCTION),
        ("UpdateFunctionUrlConfig", {"Qualifier": "none"}, NO_FUNCTION),
        ("UpdateFunctionUrlConfig", {"Qualifier": "live"}, NO_URL),
        ("GetFunctionUrlConfig", {"FunctionName": "g"}, NO_URL),
        ("GetFunctionUrlConfig", {"Qualifier": "live"}, NO_URL),
        ("DeleteFunctionUrlConfig", {"FunctionName": "g"}, NO_URL),
        ("DeleteFunctionUrlConfig", {"Qualifier": "live"}, NO_URL),
        ("ListFunctionUrlConfigs", {"FunctionName": "g"}, NO_FUNCTION),
    ],
)
async def test_what_cannot_be_is_refused_in_the_words_of_aws(
    operation: str, members: dict[str, Any], error: tuple[str, str], node: Node
) -> None:
    await with_alias(node)
    await node.call("CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE")
    assert await node.refusal(operation, **({"FunctionName": "f"} | members)) == error
