"""Expected texts: reference, control plane, 9. Nothing is ever allocated here: there are no environments."""

import asyncio
import re
from typing import Any

import pytest

from stoker.errors import InvalidParameterValueException
from stoker.lambda_model.service import load_lambda
from stoker.limits import Limits
from tests.functions.conftest import StartNode
from tests.functions.node import ARN, OTHER_APP, Node

IPV, RNF, CONFLICT = "InvalidParameterValueException", "ResourceNotFoundException", "ResourceConflictException"
NONE_CONFIGURED = (
    "ProvisionedConcurrencyConfigNotFoundException",
    "No Provisioned Concurrency Config found for this function",
)
TOO_LITTLE_LEFT = (
    "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
    "below its minimum value of [{}]."
)
MORE_THAN_UNRESERVED = (
    "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{}]."
)
UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
ALREADY = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"


async def put(node: Node, qualifier: str, number: int = 1, name: str = "f") -> dict[str, Any]:
    return await node.call("PutProvisionedConcurrencyConfig", **members(qualifier, number, name))


async def put_refusal(node: Node, qualifier: str, number: int = 1, name: str = "f") -> tuple[str, str | None]:
    return await node.refusal("PutProvisionedConcurrencyConfig", **members(qualifier, number, name))


def members(qualifier: str, number: int, name: str) -> dict[str, Any]:
    return {"FunctionName": name, "Qualifier": qualifier, "ProvisionedConcurrentExecutions": number}


async def get(node: Node, qualifier: str, name: str = "f") -> dict[str, Any]:
    return await node.call("GetProvisionedConcurrencyConfig", FunctionName=name, Qualifier=qualifier)


async def delete(node: Node, qualifier: str, name: str = "f") -> dict[str, Any]:
    return await node.call("DeleteProvisionedConcurrencyConfig", FunctionName=name, Qualifier=qualifier)


async def listed(node: Node, **more: Any) -> dict[str, Any]:
    return await node.call("ListProvisionedConcurrencyConfigs", FunctionName="f", **more)


async def arns(node: Node) -> list[str]:
    configs = (await listed(node))["ProvisionedConcurrencyConfigs"]
    return [config["FunctionArn"] for config in configs]


async def alias(node: Node, name: str, version: str = "1", **more: Any) -> None:
    await node.call("CreateAlias", FunctionName="f", Name=name, FunctionVersion=version, **more)


async def two_versions(node: Node) -> None:
    await node.create(Publish=True)
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    await node.settle()
    await node.call("PublishVersion", FunctionName="f")


async def unreserved(node: Node) -> int:
    limit: dict[str, int] = (await node.call("GetAccountSettings"))["AccountLimit"]
    return limit["UnreservedConcurrentExecutions"]


async def test_a_configuration_is_shown_listed_and_kept(start_node: StartNode) -> None:
    node = await start_node()
    await node.create(Publish=True)
    await alias(node, "live")
    config = await put(node, "live", 7)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", config["LastModified"])  # control plane, 1
    assert config == {
        "RequestedProvisionedConcurrentExecutions": 7,
        "AvailableProvisionedConcurrentExecutions": 0,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
        "LastModified": config["LastModified"],
    }
    node = await start_node()
    assert await get(node, "live") == config
    assert await listed(node) == {"ProvisionedConcurrencyConfigs": [{"FunctionArn": f"{ARN}f:live", **config}]}
    assert await node.call("GetProvisionedConcurrencyConfig", FunctionName="f:live") == config


async def test_a_new_request_replaces_the_former_one(start_node: StartNode) -> None:
    node = await start_node()
    await node.create(Publish=True)
    await put(node, "1", 7)
    await put(node, "1", 3)
    node = await start_node()
    assert (await get(node, "1"))["RequestedProvisionedConcurrentExecutions"] == 3
    assert await arns(node) == [f"{ARN}f:1"]
    assert await unreserved(node) == 997


async def test_a_deleted_configuration_is_gone_and_deleting_it_again_is_no_mistake(start_node: StartNode) -> None:
    node = await start_node()
    await node.create(Publish=True)
    await put(node, "1")
    for _ in range(2):
        assert await delete(node, "1") == {}
        query = {"FunctionName": "f", "Qualifier": "1"}
        assert await node.refusal("GetProvisionedConcurrencyConfig", **query) == NONE_CONFIGURED
    node = await start_node()
    assert await arns(node) == []


async def test_configurations_come_in_pages(node: Node) -> None:
    await node.create(Publish=True)
    for name in ("a", "b", "c"):
        await alias(node, name)
        await put(node, name)
    first = await listed(node, MaxItems=2)
    rest = await listed(node, Marker=first["NextMarker"])
    found = [config["FunctionArn"] for page in (first, rest) for config in page["ProvisionedConcurrencyConfigs"]]
    assert found == [f"{ARN}f:{name}" for name in ("a", "b", "c")]
    assert "NextMarker" not in rest


async def test_what_cannot_be_provisioned_is_refused_whether_the_function_exists_or_not(node: Node) -> None:
    await node.create(Publish=True)
    await alias(node, "newest", "$LATEST")
    expected = (IPV, UNPUBLISHED)
    for name in ("f", "unknown"):
        assert await put_refusal(node, "$LATEST", name=name) == expected
        for operation in ("GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"):
            assert await node.refusal(operation, FunctionName=name, Qualifier="$LATEST") == (
                IPV,
                "The function resource provided must be an alias or a published version.",
            )
    assert await put_refusal(node, "newest") == expected


async def test_unknown_functions_versions_and_aliases_are_named(node: Node) -> None:
    # control plane, 2
    await node.create(Publish=True)
    for name in ("f", "unknown"):
        for qualifier, text in (("9", "Function not found:"), ("none", "Cannot find alias arn:")):
            expected = (RNF, f"{text} {ARN}{name}:{qualifier}")
            assert await put_refusal(node, qualifier, name=name) == expected
            for operation in ("GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"):
                assert await node.refusal(operation, FunctionName=name, Qualifier=qualifier) == expected
    refused = await node.refusal("ListProvisionedConcurrencyConfigs", FunctionName="unknown")
    assert refused == (RNF, f"Function not found: {ARN}unknown")


async def test_a_version_has_one_configuration_its_own_or_that_of_an_alias(node: Node) -> None:
    await two_versions(node)
    await alias(node, "live")
    await put(node, "live")
    assert await put_refusal(node, "1") == (CONFLICT, "Version is pointed by a Provisioned Concurrency alias")
    await put(node, "2")
    await alias(node, "next", "2")
    assert await put_refusal(node, "next") == (CONFLICT, ALREADY)
    await delete(node, "live")
    await put(node, "1")
    assert await put_refusal(node, "live") == (CONFLICT, ALREADY)


async def test_a_provisioned_alias_moves_with_its_configuration_but_not_where_it_could_not_be(node: Node) -> None:
    await two_versions(node)
    await alias(node, "live")
    config = await put(node, "live")
    move = {"FunctionName": "f", "Name": "live"}
    await node.call("UpdateAlias", **move, FunctionVersion="2")
    assert await get(node, "live") == config
    assert await node.refusal("UpdateAlias", **move, FunctionVersion="$LATEST") == (IPV, UNPUBLISHED)
    await put(node, "1")
    assert await node.refusal("UpdateAlias", **move, FunctionVersion="1") == (CONFLICT, ALREADY)
    weights = {"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}}
    assert await node.refusal("UpdateAlias", **move, **weights) == (CONFLICT, ALREADY)
    await delete(node, "1")
    await node.call("UpdateAlias", **move, **weights)
    assert await get(node, "live") == config


async def test_an_alias_with_weights_cannot_be_provisioned_anew(node: Node) -> None:
    await two_versions(node)
    await alias(node, "live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    expected = (IPV, "Alias with weights can not be used with Provisioned Concurrency")
    assert await put_refusal(node, "live") == expected


async def test_a_configuration_goes_with_its_alias_its_version_or_its_function(start_node: StartNode) -> None:
    node = await start_node()
    await two_versions(node)
    await alias(node, "live")
    for qualifier in ("live", "2"):
        await put(node, qualifier, 5)
    await node.call("DeleteAlias", FunctionName="f", Name="live")
    assert await arns(node) == [f"{ARN}f:2"]
    assert await unreserved(node) == 995
    await node.call("DeleteFunction", FunctionName="f", Qualifier="2")
    assert await arns(node) == []
    await put(node, "1", 5)
    await node.call("DeleteFunction", FunctionName="f")
    assert await unreserved(node) == 1000
    node = await start_node()
    await node.create(Publish=True)
    assert await arns(node) == []


async def test_a_hundred_must_be_left_unreserved(node: Node) -> None:
    for name in ("f", "g"):
        await node.create(name, Publish=True)
    await put(node, "1", 100, name="g")
    assert await put_refusal(node, "1", 901) == (IPV, MORE_THAN_UNRESERVED.format(900))
    for number in (801, 900):
        assert await put_refusal(node, "1", number) == (IPV, TOO_LITTLE_LEFT.format(100))
    await put(node, "1", 700)
    await put(node, "1", 800)  # its own former request does not count against it
    assert await unreserved(node) == 100
    refused = {"FunctionName": "g", "ReservedConcurrentExecutions": 101}
    reserved_text = TOO_LITTLE_LEFT.replace("Specified Conc", "Specified ReservedConc").format(100)
    assert await node.refusal("PutFunctionConcurrency", **refused) == (IPV, reserved_text)


async def test_a_small_account_must_leave_all_of_it(start_node: StartNode) -> None:
    node = await start_node(concurrent_executions=10)
    await node.create(Publish=True)
    assert await put_refusal(node, "1", 1) == (IPV, TOO_LITTLE_LEFT.format(10))
    assert await put_refusal(node, "1", 11) == (IPV, MORE_THAN_UNRESERVED.format(10))


async def test_the_refusals_of_the_accounts_limit_have_no_type(node: Node) -> None:
    # control plane, 1
    await node.create(Publish=True)
    for number in (901, 1001):
        with pytest.raises(InvalidParameterValueException) as raised:
            await put(node, "1", number)
        assert not raised.value.has_type


async def test_requests_made_at_once_cannot_take_more_than_there_is(node: Node) -> None:
    names = [f"f{number}" for number in range(4)]
    for name in names:
        await node.create(name, Publish=True)
    outcomes = await asyncio.gather(*(put(node, "1", 400, name) for name in names), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [IPV, IPV, "dict", "dict"]
    assert await unreserved(node) == 200


async def test_what_is_provisioned_is_taken_from_the_reservation(node: Node) -> None:
    await two_versions(node)
    await node.call("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=900)
    await put(node, "1", 500)
    assert await put_refusal(node, "2", 401) == (
        IPV,
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
    )
    await put(node, "2", 400)
    assert await unreserved(node) == 100
    refused = {"FunctionName": "f", "ReservedConcurrentExecutions": 899}
    assert await node.refusal("PutFunctionConcurrency", **refused) == (
        IPV,
        " ReservedConcurrentExecutions  899 should not be lower than function's total provisioned concurrency [900].",
    )
    await node.call("DeleteFunctionConcurrency", FunctionName="f")
    assert await unreserved(node) == 100


async def test_nought_breaks_the_model() -> None:
    # control plane, 1.1
    operation = load_lambda(Limits()).operations["PutProvisionedConcurrencyConfig"]
    with pytest.raises(Exception, match=r"Value '0' at 'provisionedConcurrentExecutions' failed to satisfy") as raised:
        operation.validate(members("1", 0, "f"))
    assert type(raised.value).__name__ == "ValidationException"
    assert str(raised.value).endswith("Member must have value greater than or equal to 1")
