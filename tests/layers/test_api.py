"""The operations on layers, whole answers. Section numbers are those of the reference on the control plane."""

from dataclasses import replace
from typing import Any

import pytest

from stoker.limits import Limits
from tests.code.archives import archive
from tests.functions.conftest import StartNode, node, start_node
from tests.functions.node import ACCOUNT, ROLE, Node
from tests.layers.node import LAYER, LAYER_ARN, ZIP, publish, without_location

__all__ = ["node", "start_node"]

UNKNOWN = ("ResourceNotFoundException", "The resource you requested does not exist.")


async def test_a_published_version_is_answered_as_it_is_read(node: Node) -> None:
    published = await node.call("PublishLayerVersion", LayerName="l", Content={"ZipFile": ZIP})
    created_date = published["CreatedDate"]
    assert without_location(published) == {
        "Content": {"CodeSha256": LAYER.code_sha256, "CodeSize": len(ZIP)},
        "LayerArn": f"{LAYER_ARN}l",
        "LayerVersionArn": f"{LAYER_ARN}l:1",
        "Description": "",
        "CreatedDate": created_date,
        "Version": 1,
    }
    read = await node.call("GetLayerVersion", LayerName="l", VersionNumber=1)
    assert without_location(read) == without_location(published)
    by_arn = await node.call("GetLayerVersionByArn", Arn=f"{LAYER_ARN}l:1")
    assert without_location(by_arn) == without_location(published)


async def test_optional_members_are_shown_only_if_given(node: Node) -> None:
    given: dict[str, Any] = {
        "Description": "d",
        "LicenseInfo": "MIT",
        "CompatibleRuntimes": ["python3.12", "python3.13"],
        "CompatibleArchitectures": ["arm64"],
    }
    published = await publish(node, "l", **given)
    assert {name: published[name] for name in given} == given


async def test_the_same_content_makes_a_new_version_each_time_and_numbers_never_return(node: Node) -> None:
    """Section 8."""
    assert [(await publish(node))["Version"] for _ in range(3)] == [1, 2, 3]
    for number in (1, 2, 3):
        await node.call("DeleteLayerVersion", LayerName="l", VersionNumber=number)
    assert (await publish(node))["Version"] == 4


async def test_a_layer_may_be_named_by_its_arn(node: Node) -> None:
    await publish(node, f"{LAYER_ARN}l")
    assert (await publish(node, "l"))["Version"] == 2
    assert (await node.call("GetLayerVersion", LayerName=f"{LAYER_ARN}l", VersionNumber=2))["Version"] == 2


@pytest.mark.parametrize("content", [b"no zip", archive({})])
async def test_bad_content_is_refused_in_the_words_for_functions(node: Node, content: bytes) -> None:
    """Section 4.1, size errors."""
    expected = {
        b"no zip": "Could not unzip uploaded file. Please check your file, then try to upload again.",
        archive({}): "Uploaded file must be a non-empty zip",
    }[content]
    refusal = await node.refusal("PublishLayerVersion", LayerName="l", Content={"ZipFile": content})
    assert refusal == ("InvalidParameterValueException", expected)
    assert (await node.call("ListLayers"))["Layers"] == []


async def test_content_by_reference_is_refused_by_name(node: Node) -> None:
    content = {"S3Bucket": "b", "S3Key": "k", "S3ObjectStorageMode": "REFERENCE"}
    refusal = await node.refusal("PublishLayerVersion", LayerName="l", Content=content)
    assert refusal[1] == "Stoker does not support S3ObjectStorageMode REFERENCE yet. See docs/compatibility.md."


async def test_layers_count_in_the_accounts_code_storage(start_node: StartNode) -> None:
    """Section 13: usage counts every version and layer version."""
    node = await start_node()
    await publish(node)
    await publish(node)
    created = await node.create()
    usage = (await node.call("GetAccountSettings"))["AccountUsage"]
    assert usage == {"TotalCodeSize": 2 * len(ZIP) + created["CodeSize"], "FunctionCount": 1}
    node = await start_node(limits=Limits(code_storage_bytes_max=usage["TotalCodeSize"] + len(ZIP) - 1))
    refusal = await node.refusal("PublishLayerVersion", LayerName="l", Content={"ZipFile": ZIP})
    assert refusal == ("CodeStorageExceededException", "Code storage limit exceeded.")


async def test_numbers_below_one_are_refused(node: Node) -> None:
    """Section 8."""
    expected = ("InvalidParameterValueException", "Layer Version Cannot be less than 1")
    assert await node.refusal("GetLayerVersion", LayerName="l", VersionNumber=0) == expected
    assert await node.refusal("DeleteLayerVersion", LayerName="l", VersionNumber=-1) == expected


async def test_unknown_versions_are_not_found_and_their_deletion_is_no_mistake(node: Node) -> None:
    """Section 8."""
    assert await node.refusal("GetLayerVersion", LayerName="l", VersionNumber=1) == UNKNOWN
    await publish(node)
    assert await node.refusal("GetLayerVersion", LayerName="l", VersionNumber=2**40) == UNKNOWN
    assert await node.refusal("GetLayerVersionByArn", Arn=f"{LAYER_ARN}l:2") == UNKNOWN
    for _ in range(2):
        await node.call("DeleteLayerVersion", LayerName="l", VersionNumber=1)
    await node.call("DeleteLayerVersion", LayerName="never", VersionNumber=7)
    assert await node.refusal("GetLayerVersion", LayerName="l", VersionNumber=1) == UNKNOWN


async def test_versions_are_listed_newest_first_in_pages(node: Node) -> None:
    """Section 8."""
    published = [await publish(node, Description=str(number)) for number in range(5)]
    listed = [without_content(version) for version in reversed(published)]
    first = await node.call("ListLayerVersions", LayerName="l", MaxItems=2)
    assert first["LayerVersions"] == listed[:2]
    await publish(node)  # between the pages, and therefore in neither
    second = await node.call("ListLayerVersions", LayerName="l", MaxItems=3, Marker=first["NextMarker"])
    assert second == {"LayerVersions": listed[2:]}
    assert await node.call("ListLayerVersions", LayerName="unknown") == {"LayerVersions": []}


async def test_layers_are_listed_with_their_latest_matching_version(node: Node) -> None:
    """Section 8."""
    old = await publish(node, "b", CompatibleRuntimes=["python3.12"])
    new = await publish(node, "b", CompatibleRuntimes=["nodejs22.x"], CompatibleArchitectures=["arm64"])
    only = await publish(node, "a")
    assert (await node.call("ListLayers"))["Layers"] == [item("a", only), item("b", new)]
    assert (await node.call("ListLayers", CompatibleRuntime="python3.12"))["Layers"] == [item("b", old)]
    assert (await node.call("ListLayers", CompatibleArchitecture="arm64"))["Layers"] == [item("b", new)]
    both = {"CompatibleRuntime": "python3.12", "CompatibleArchitecture": "arm64"}
    assert (await node.call("ListLayers", **both))["Layers"] == []
    first = await node.call("ListLayers", MaxItems=1)
    assert first["Layers"] == [item("a", only)]
    assert await node.call("ListLayers", Marker=first["NextMarker"]) == {"Layers": [item("b", new)]}


async def test_accounts_and_regions_are_apart(node: Node) -> None:
    await publish(node)
    home = node.caller
    for caller in (replace(home, account_id="111111111111"), replace(home, region="us-west-2")):
        node.caller = caller
        assert (await node.call("ListLayers"))["Layers"] == []
        assert await node.refusal("GetLayerVersion", LayerName="l", VersionNumber=1) == UNKNOWN
    node.caller = replace(home, region="us-west-2")
    assert await node.refusal("GetLayerVersionByArn", Arn=f"{LAYER_ARN}l:1") == UNKNOWN


async def test_another_account_needs_the_policys_permission(node: Node) -> None:
    await publish(node)
    home, stranger = node.caller, replace(node.caller, account_id="111111111111")
    node.caller = stranger
    refusal = (
        "AccessDeniedException",
        "User: arn:aws:iam::111111111111:root is not authorized to perform: lambda:GetLayerVersion on resource: "
        f"{LAYER_ARN}l:1 because no resource-based policy allows the lambda:GetLayerVersion action",
    )
    assert await node.refusal("GetLayerVersionByArn", Arn=f"{LAYER_ARN}l:1") == refusal
    code = {"Runtime": "provided.al2023", "Handler": "h", "Role": ROLE, "Code": {"ZipFile": ZIP}}
    assert await node.refusal("CreateFunction", FunctionName="f", Layers=[f"{LAYER_ARN}l:1"], **code) == refusal
    assert (await node.refusal("PublishLayerVersion", LayerName=f"{LAYER_ARN}l", Content={"ZipFile": ZIP}))[
        0
    ] == "AccessDeniedException"
    node.caller = home
    permission = {"LayerName": "l", "VersionNumber": 1, "Action": "lambda:GetLayerVersion"}
    await node.call("AddLayerVersionPermission", **permission, StatementId="s", Principal="111111111111")
    node.caller = stranger
    assert (await node.call("GetLayerVersionByArn", Arn=f"{LAYER_ARN}l:1"))["Version"] == 1
    created = await node.create(Layers=[f"{LAYER_ARN}l:1"])
    assert created["Layers"] == [{"Arn": f"{LAYER_ARN}l:1", "CodeSize": len(ZIP)}]


async def test_layers_survive_a_restart(start_node: Any) -> None:
    first = await start_node()
    published = await publish(first, CompatibleRuntimes=["python3.12"])
    again = await start_node()
    read = await again.call("GetLayerVersion", LayerName="l", VersionNumber=1)
    assert without_location(read) == without_location(published)
    assert (await publish(again))["Version"] == 2
    assert ACCOUNT in read["LayerArn"]


def without_content(published: dict[str, Any]) -> dict[str, Any]:
    """A version as lists show it."""
    return {name: value for name, value in published.items() if name not in ("Content", "LayerArn")}


def item(name: str, published: dict[str, Any]) -> dict[str, Any]:
    """A layer as ListLayers shows it."""
    return {"LayerName": name, "LayerArn": f"{LAYER_ARN}{name}", "LatestMatchingVersion": without_content(published)}
