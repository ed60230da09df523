"""Expected texts: reference, control plane, 5, where no other section is named."""

from typing import Any

import pytest

from tests.functions.conftest import StartNode
from tests.functions.node import ARN, OTHER_APP, Node

IPV, RNF = "InvalidParameterValueException", "ResourceNotFoundException"


async def with_two_versions(node: Node) -> None:
    await node.create(Publish=True)
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    await node.settle()
    await node.call("PublishVersion", FunctionName="f")


def weights(**shares: float) -> dict[str, Any]:
    return {"AdditionalVersionWeights": {number.removeprefix("v"): share for number, share in shares.items()}}


async def test_an_alias_is_answered_listed_and_kept(start_node: StartNode) -> None:
    node = await start_node()
    await with_two_versions(node)
    created = await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    assert created == {
        "AliasArn": f"{ARN}f:live",
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "",
        "RevisionId": created["RevisionId"],
    }
    node = await start_node()
    assert await node.call("GetAlias", FunctionName="f", Name="live") == created
    assert await node.call("ListAliases", FunctionName="f") == {"Aliases": [created]}


async def test_an_update_changes_what_it_names_and_the_revision(node: Node) -> None:
    await with_two_versions(node)
    created = await node.call(
        "CreateAlias",
        FunctionName="f",
        Name="live",
        FunctionVersion="1",
        Description="first",
        RoutingConfig=weights(v2=0.1),
    )
    assert created["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.1}}
    described = await node.call("UpdateAlias", FunctionName="f", Name="live", Description="second")
    assert described == created | {"Description": "second", "RevisionId": described["RevisionId"]}
    assert described["RevisionId"] != created["RevisionId"]
    moved = await node.call("UpdateAlias", FunctionName="f", Name="live", FunctionVersion="2", RoutingConfig={})
    assert moved == {
        "AliasArn": f"{ARN}f:live",
        "Name": "live",
        "FunctionVersion": "2",
        "Description": "second",
        "RevisionId": moved["RevisionId"],
    }


async def test_aliases_change_no_revision_of_the_function(node: Node) -> None:
    await with_two_versions(node)
    before = await node.call("ListVersionsByFunction", FunctionName="f")
    node.useless.clear()
    await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    await node.call("UpdateAlias", FunctionName="f", Name="live", FunctionVersion="2")
    assert await node.call("ListVersionsByFunction", FunctionName="f") == before
    assert node.useless == []


async def test_a_function_looked_up_by_alias_shows_the_alias_in_its_arn_and_the_number_as_its_version(
    node: Node,
) -> None:
    # control plane, 2
    await with_two_versions(node)
    await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=weights(v2=1.0))
    shown = await node.call("GetFunctionConfiguration", FunctionName="f:live")
    assert (shown["FunctionArn"], shown["Version"]) == (f"{ARN}f:live", "1")
    assert (await node.call("GetFunction", FunctionName="f", Qualifier="live"))["Configuration"] == shown


async def test_invocations_of_an_alias_follow_its_weights(start_node: StartNode) -> None:
    points = iter([0.0, 0.29, 0.3, 0.99])
    node = await start_node(chance=lambda: next(points))
    await with_two_versions(node)
    await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=weights(v2=0.3))
    target = node.target("f", "live")
    assert [node.registry.resolve(target).version for _ in range(4)] == ["2", "2", "1", "1"]


async def test_an_alias_of_latest_invokes_what_latest_is(node: Node) -> None:
    await node.create()
    await node.call("CreateAlias", FunctionName="f", Name="dev", FunctionVersion="$LATEST")
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    assert node.registry.resolve(node.target("f", "dev")) is node.registry.resolve(node.target("f"))
    await node.settle()
    assert node.registry.resolve(node.target("f", "dev")) is node.registry.resolve(node.target("f"))
    assert len(node.useless) == 1


async def test_a_deleted_alias_is_gone_with_all_that_was_set_for_it_and_deleting_is_idempotent(node: Node) -> None:
    await node.create(Publish=True)
    await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    permission = {"StatementId": "s", "Action": "lambda:*", "Principal": "*"}
    await node.call("AddPermission", FunctionName="f:live", **permission)
    await node.call("CreateFunctionUrlConfig", FunctionName="f:live", AuthType="NONE")
    await node.call("PutFunctionEventInvokeConfig", FunctionName="f:live", MaximumRetryAttempts=0)
    before = node.registry.function(node.target("f"))
    for _ in range(2):
        assert await node.call("DeleteAlias", FunctionName="f", Name="live") == {}
    assert await node.call("DeleteAlias", FunctionName="unknown", Name="live") == {}
    after = node.registry.function(node.target("f"))
    assert (len(before.policies), len(before.urls), len(before.event_invoke_configs)) == (1, 1, 1)
    assert (after.policies, after.urls, after.event_invoke_configs, after.aliases) == ({}, {}, {}, {})
    expected = (RNF, f"Function not found: {ARN}f:live")
    assert await node.refusal("GetFunction", FunctionName="f:live") == expected


async def test_a_version_that_an_alias_invokes_cannot_be_deleted(node: Node) -> None:
    await with_two_versions(node)
    for name in ("live", "also"):
        await node.call("CreateAlias", FunctionName="f", Name=name, FunctionVersion="1", RoutingConfig=weights(v2=0.1))
    for number in ("1", "2"):
        assert await node.refusal("DeleteFunction", FunctionName="f", Qualifier=number) == (
            "ResourceConflictException",
            "Unable to delete version because the following aliases reference it: [also, live]",
        )


async def test_deleting_a_function_deletes_its_aliases(start_node: StartNode) -> None:
    node = await start_node()
    await node.create(Publish=True)
    await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    await node.call("DeleteFunction", FunctionName="f")
    await node.create(Publish=True)
    node = await start_node()
    assert await node.call("ListAliases", FunctionName="f") == {"Aliases": []}


async def test_aliases_are_listed_by_name_in_pages_and_by_version(node: Node) -> None:
    await with_two_versions(node)
    for name, number in (("c", "1"), ("a", "1"), ("b", "2")):
        await node.call("CreateAlias", FunctionName="f", Name=name, FunctionVersion=number)
    first = await node.call("ListAliases", FunctionName="f", MaxItems=2)
    await node.call("DeleteAlias", FunctionName="f", Name="b")
    second = await node.call("ListAliases", FunctionName="f", Marker=first["NextMarker"])
    assert [alias["Name"] for alias in first["Aliases"] + second["Aliases"]] == ["a", "b", "c"]
    assert "NextMarker" not in second
    of_two = await node.call("ListAliases", FunctionName="f", FunctionVersion="2")
    assert of_two == {"Aliases": []}


@pytest.mark.parametrize(
    ("operation", "members", "error"),
    [
        (
            "CreateAlias",
            {"Name": "live", "FunctionVersion": "1"},
            ("ResourceConflictException", "Alias already exists: {f}:live"),
        ),
        ("CreateAlias", {"Name": "a", "FunctionVersion": "10"}, (RNF, "Function not found: {f}:10")),
        ("CreateAlias", {"FunctionName": "g", "Name": "a", "FunctionVersion": "1"}, (RNF, "Function not found: {g}:1")),
        (
            "CreateAlias",
            {"Name": "a", "FunctionVersion": "1", "RoutingConfig": weights(v2=0.1, v3=0.1)},
            (IPV, "Number of items in AdditionalVersionWeights cannot be greater than 1"),
        ),
        (
            "CreateAlias",
            {"Name": "a", "FunctionVersion": "1", "RoutingConfig": weights(v1=0.1)},
            (
                IPV,
                "Invalid function version 1. Function version 1 is already included in routing configuration.",
            ),
        ),
        (
            "CreateAlias",
            {"Name": "a", "FunctionVersion": "$LATEST", "RoutingConfig": weights(v1=0.1)},
            (IPV, "$LATEST is not supported for an alias pointing to more than 1 version"),
        ),
        (
            "CreateAlias",
            {"Name": "a", "FunctionVersion": "1", "RoutingConfig": weights(v10=0.1)},
            (RNF, "Function not found: {f}:10"),
        ),
        ("GetAlias", {"Name": "none"}, (RNF, "Cannot find alias arn: {f}:none")),
        ("GetAlias", {"FunctionName": "g", "Name": "none"}, (RNF, "Cannot find alias arn: {g}:none")),
        ("UpdateAlias", {"Name": "none"}, (RNF, "Alias not found: {f}:none")),
        ("UpdateAlias", {"FunctionName": "g", "Name": "live"}, (RNF, "Alias not found: {g}:live")),
        ("UpdateAlias", {"Name": "live", "FunctionVersion": "10"}, (RNF, "Function not found: {f}:10")),
        (
            "UpdateAlias",
            {"Name": "live", "RevisionId": "old"},
            # control plane, 4.3
            (
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. "
                "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
            ),
        ),
        ("ListAliases", {"FunctionName": "g"}, (RNF, "Function not found: {g}")),
        # control plane, 4.6
        ("DeleteFunction", {"Qualifier": "live"}, (IPV, "Deletion of aliases is not currently supported.")),
    ],
)
async def test_what_cannot_be_is_refused_in_the_words_of_aws(
    operation: str, members: dict[str, Any], error: tuple[str, str], node: Node
) -> None:
    await with_two_versions(node)
    await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    code, message = error
    expected = (code, message.replace("{f}", f"{ARN}f").replace("{g}", f"{ARN}g"))
    assert await node.refusal(operation, **({"FunctionName": "f"} | members)) == expected
