"""Expected texts: reference, control plane, 9."""

import asyncio

import pytest

from stoker.errors import InvalidParameterValueException
from tests.functions.conftest import StartNode
from tests.functions.node import ARN, Node

IPV, RNF = "InvalidParameterValueException", "ResourceNotFoundException"
TOO_MUCH = (
    IPV,
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
    "below its minimum value of [100].",
)


async def reserve(node: Node, name: str, number: int) -> dict[str, int]:
    return await node.call("PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=number)


async def unreserved(node: Node) -> int:
    limit: dict[str, int] = (await node.call("GetAccountSettings"))["AccountLimit"]
    assert limit["ConcurrentExecutions"] == 1000
    return limit["UnreservedConcurrentExecutions"]


async def test_a_reservation_is_shown_kept_and_taken_back(start_node: StartNode) -> None:
    node = await start_node()
    await node.create()
    assert await node.call("GetFunctionConcurrency", FunctionName="f") == {}
    assert "Concurrency" not in await node.call("GetFunction", FunctionName="f")
    assert await reserve(node, "f", 7) == {"ReservedConcurrentExecutions": 7}
    node = await start_node()
    assert await node.call("GetFunctionConcurrency", FunctionName="f") == {"ReservedConcurrentExecutions": 7}
    assert (await node.call("GetFunction", FunctionName="f"))["Concurrency"] == {"ReservedConcurrentExecutions": 7}
    assert await unreserved(node) == 993
    assert await node.call("DeleteFunctionConcurrency", FunctionName="f") == {}
    assert await node.call("GetFunctionConcurrency", FunctionName="f") == {}
    assert await unreserved(node) == 1000


async def test_nought_can_always_be_reserved(node: Node) -> None:
    await node.create()
    assert await reserve(node, "f", 0) == {"ReservedConcurrentExecutions": 0}
    assert (await node.call("GetFunction", FunctionName="f"))["Concurrency"] == {"ReservedConcurrentExecutions": 0}


async def test_a_hundred_must_be_left_unreserved(node: Node) -> None:
    for name in ("f", "g"):
        await node.create(name)
    await reserve(node, "f", 500)
    await reserve(node, "f", 600)  # its own former reservation does not count against it
    await reserve(node, "g", 300)
    refused = {"FunctionName": "g", "ReservedConcurrentExecutions": 301}
    assert await node.refusal("PutFunctionConcurrency", **refused) == TOO_MUCH
    assert await unreserved(node) == 100
    node.caller = type(node.caller)(node.caller.account_id, "us-east-1")
    assert await unreserved(node) == 1000


async def test_the_refusal_of_a_limit_has_no_type(node: Node) -> None:
    # control plane, 1
    await node.create()
    with pytest.raises(InvalidParameterValueException) as raised:
        await reserve(node, "f", 901)
    assert not raised.value.has_type


async def test_reservations_made_at_once_cannot_take_more_than_there_is(node: Node) -> None:
    names = [f"f{number}" for number in range(4)]
    for name in names:
        await node.create(name)
    outcomes = await asyncio.gather(*(reserve(node, name, 400) for name in names), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [IPV, IPV, "dict", "dict"]
    assert await unreserved(node) == 200


async def test_a_small_account_must_leave_all_of_it(start_node: StartNode) -> None:
    node = await start_node(concurrent_executions=10)
    await node.create()
    await reserve(node, "f", 0)
    refused = {"FunctionName": "f", "ReservedConcurrentExecutions": 1}
    code, message = await node.refusal("PutFunctionConcurrency", **refused)
    assert (code, message) == (IPV, TOO_MUCH[1].replace("[100]", "[10]"))


async def test_a_deleted_function_gives_its_reservation_back(node: Node) -> None:
    await node.create()
    await reserve(node, "f", 900)
    await node.call("DeleteFunction", FunctionName="f")
    assert await unreserved(node) == 1000


async def test_versions_aliases_and_unknown_functions_cannot_reserve(node: Node) -> None:
    await node.create(Publish=True)
    refused = {"ReservedConcurrentExecutions": 1}
    assert await node.refusal("PutFunctionConcurrency", FunctionName="f:1", **refused) == (
        IPV,
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
        "Please specify either a function name or an unqualified function ARN.",
    )
    expected = (RNF, f"Function not found: {ARN}g:$LATEST")  # control plane, 2
    assert await node.refusal("PutFunctionConcurrency", FunctionName="g", **refused) == expected
    for operation in ("GetFunctionConcurrency", "DeleteFunctionConcurrency"):
        assert await node.refusal(operation, FunctionName="g") == (RNF, f"Function not found: {ARN}g")
