from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from stoker import limits
from stoker.lambda_model.call import Caller
from tests.functions.conftest import StartNode
from tests.functions.node import ACCOUNT, APP, ARN, OTHER_APP, Node


def not_found(name: str) -> tuple[str, str]:
    return ("ResourceNotFoundException", f"Function not found: {ARN}{name}")


async def names(node: Node, **members: object) -> list[str]:
    return [function["FunctionName"] for function in (await node.call("ListFunctions", **members))["Functions"]]


async def test_get_function_shows_configuration_code_and_tags(node: Node, tmp_path: object) -> None:
    await node.create(Tags={"team": "core"})
    shown = await node.call("GetFunction", FunctionName="f")
    assert shown["Configuration"] == await node.call("GetFunctionConfiguration", FunctionName="f")
    assert shown["Code"]["RepositoryType"] == "S3"
    assert shown["Tags"] == {"team": "core"}
    parts = urlsplit(shown["Code"]["Location"])
    download = node.download
    assert (await download.find(parts.path, dict(parse_qsl(parts.query)))).read_bytes() == APP


async def test_a_function_without_tags_has_no_tags_member(node: Node) -> None:
    await node.create()
    assert "Tags" not in await node.call("GetFunction", FunctionName="f")


@pytest.mark.parametrize(
    ("asked", "shown_as"),
    [
        ({"FunctionName": "f"}, "f"),
        ({"FunctionName": f"{ARN}f"}, "f"),
        ({"FunctionName": f"{ACCOUNT}:function:f"}, "f"),
        ({"FunctionName": "f", "Qualifier": "$LATEST"}, "f:$LATEST"),
        ({"FunctionName": "f:$LATEST"}, "f:$LATEST"),
        ({"FunctionName": f"{ARN}f:1"}, "f:1"),
    ],
)
async def test_a_function_is_shown_by_the_arn_it_was_asked_for(
    asked: dict[str, str], shown_as: str, node: Node
) -> None:
    await node.create(Publish=True)
    assert (await node.call("GetFunctionConfiguration", **asked))["FunctionArn"] == f"{ARN}{shown_as}"


@pytest.mark.parametrize("operation", ["GetFunction", "GetFunctionConfiguration"])
async def test_what_does_not_exist_is_a_404_with_the_arn_that_was_asked_for(operation: str, node: Node) -> None:
    assert await node.refusal(operation, FunctionName="f") == not_found("f")
    await node.create()
    assert await node.refusal(operation, FunctionName="f", Qualifier="7") == not_found("f:7")
    assert await node.refusal(operation, FunctionName="f:live") == not_found("f:live")


async def test_accounts_and_regions_do_not_see_each_other(node: Node) -> None:
    await node.create()
    for caller in (Caller("111111111111", "eu-west-1"), Caller(ACCOUNT, "us-east-1")):
        other = replace(node, caller=caller)
        assert (await other.call("ListFunctions"))["Functions"] == []
        assert (await other.refusal("GetFunction", FunctionName="f"))[0] == "ResourceNotFoundException"
        assert (await other.call("GetAccountSettings"))["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
        await other.create()
        await other.call("DeleteFunction", FunctionName="f")
    assert await names(node) == ["f"]


async def test_functions_are_listed_by_name_without_states_and_by_unqualified_arns(node: Node) -> None:
    for name in ("zebra", "ant", "Bee"):
        await node.create(name, Publish=True)
    listed = (await node.call("ListFunctions"))["Functions"]
    assert [function["FunctionArn"] for function in listed] == [f"{ARN}Bee", f"{ARN}ant", f"{ARN}zebra"]
    assert not any(name.startswith(("State", "LastUpdate", "RuntimeVersion")) for name in listed[0])


async def test_all_versions_are_listed_with_latest_first(node: Node) -> None:
    await node.create("a", Publish=True)
    await node.create("b")
    listed = (await node.call("ListFunctions", FunctionVersion="ALL"))["Functions"]
    assert [function["FunctionArn"] for function in listed] == [f"{ARN}a:$LATEST", f"{ARN}a:1", f"{ARN}b:$LATEST"]


async def test_pages_cover_everything_once_though_functions_come_and_go_between_them(node: Node) -> None:
    for name in ("a", "c", "e", "g", "i"):
        await node.create(name)
    first = await node.call("ListFunctions", MaxItems=2)
    assert [function["FunctionName"] for function in first["Functions"]] == ["a", "c"]
    await node.create("b")
    await node.call("DeleteFunction", FunctionName="c")
    await node.create("f")
    second = await node.call("ListFunctions", MaxItems=3, Marker=first["NextMarker"])
    assert [function["FunctionName"] for function in second["Functions"]] == ["e", "f", "g"]
    last = await node.call("ListFunctions", MaxItems=3, Marker=second["NextMarker"])
    assert [function["FunctionName"] for function in last["Functions"]] == ["i"]
    assert "NextMarker" not in last


async def test_a_page_has_50_functions_at_most(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PAGE_ITEMS_MAX", 2)
    for name in ("a", "b", "c"):
        await node.create(name)
    page = await node.call("ListFunctions", MaxItems=10_000)
    assert len(page["Functions"]) == 2
    assert page["NextMarker"]


@pytest.mark.parametrize("marker", ["nonsense", "W10=", "WzFd", "bnVsbA==", "é"])
async def test_a_marker_that_was_never_given_out_is_refused_or_harmless(marker: str, node: Node) -> None:
    await node.create()
    try:
        await node.call("ListFunctions", Marker=marker)
    except Exception as error:
        assert type(error).__name__ == "InvalidParameterValueException"  # noqa: PT017


async def test_deleting_a_function_deletes_its_versions(node: Node) -> None:
    await node.create(Publish=True)
    latest, published = (node.registry.resolve(node.target("f", qualifier)) for qualifier in ("$LATEST", "1"))
    assert await node.call("DeleteFunction", FunctionName="f") == {}
    assert await node.refusal("GetFunction", FunctionName="f") == not_found("f")
    assert await node.refusal("GetFunction", FunctionName="f:1") == not_found("f:1")
    assert node.useless == [latest, published]


async def test_deleting_a_version_leaves_the_function(node: Node) -> None:
    await node.create(Publish=True)
    published = node.registry.resolve(node.target("f", "1"))
    await node.call("DeleteFunction", FunctionName="f", Qualifier="1")
    assert await node.refusal("GetFunction", FunctionName="f", Qualifier="1") == not_found("f:1")
    await node.call("GetFunction", FunctionName="f")
    assert node.useless == [published]


async def test_deleting_an_unknown_version_says_nothing(node: Node) -> None:
    await node.create()
    assert await node.call("DeleteFunction", FunctionName="f:99") == {}


@pytest.mark.parametrize(
    ("qualifier", "message"),
    [
        ("$LATEST", "$LATEST version cannot be deleted without deleting the function."),
        ("live", "Deletion of aliases is not currently supported."),
    ],
)
async def test_latest_and_aliases_cannot_be_deleted_like_versions(qualifier: str, message: str, node: Node) -> None:
    await node.create()
    refusal = await node.refusal("DeleteFunction", FunctionName="f", Qualifier=qualifier)
    assert refusal == ("InvalidParameterValueException", message)


async def test_deleting_an_unknown_function_is_a_404_by_the_unqualified_arn(node: Node) -> None:
    assert await node.refusal("DeleteFunction", FunctionName="f:1") == not_found("f")


async def test_account_usage_counts_every_version(start_node: StartNode) -> None:
    node = await start_node(concurrent_executions=17)
    await node.create("a", Publish=True)
    await node.create("b")
    await node.call("UpdateFunctionCode", FunctionName="b", ZipFile=OTHER_APP)
    settings = await node.call("GetAccountSettings")
    assert settings == {
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": 17,
            "UnreservedConcurrentExecutions": 17,
        },
        "AccountUsage": {"TotalCodeSize": 2 * len(APP) + len(OTHER_APP), "FunctionCount": 2},
    }
