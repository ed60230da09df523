import asyncio
import time
from dataclasses import replace

import pytest

from stoker.errors import ResourceNotFoundException
from stoker.functions.records import Function, FunctionTarget
from tests.functions.conftest import StartNode
from tests.functions.node import APP, ARN, OTHER_APP, Node


@pytest.mark.parametrize(
    ("qualifier", "names_latest", "ending"),
    [(None, True, "f:$LATEST"), (None, False, "f"), ("7", True, "f:7"), ("live", False, "f:live")],
)
async def test_the_404_of_an_unknown_function_ends_as_the_operation_asks(
    qualifier: str | None, names_latest: bool, ending: str, node: Node
) -> None:
    with pytest.raises(ResourceNotFoundException) as raised:
        node.registry.resolve(node.target("f", qualifier), names_latest=names_latest)
    assert raised.value.message == f"Function not found: {ARN}{ending}"


async def test_resolving_costs_less_than_two_microseconds_among_a_thousand_functions(node: Node) -> None:
    await node.create(Publish=True)
    function = node.registry.function(node.target("f"))
    for number in range(1_000):
        node.registry._show((*function.key[:2], f"f{number}"), None, function)
    targets = [node.target("f"), FunctionTarget(*function.key, "1")]
    rounds = 20_000
    best_s = min(_time_s(node, targets, rounds) for _ in range(5))
    assert best_s / (rounds * len(targets)) < 2e-6


def _time_s(node: Node, targets: list[FunctionTarget], rounds: int) -> float:
    began = time.perf_counter()
    for _ in range(rounds):
        for target in targets:
            node.registry.resolve(target)
    return time.perf_counter() - began


async def test_the_latest_version_is_meant_with_and_without_its_qualifier(node: Node) -> None:
    await node.create()
    plain = node.registry.resolve(node.target("f"))
    assert plain is node.registry.resolve(node.target("f", "$LATEST"))
    assert plain.version_arn == f"{ARN}f:$LATEST"


async def test_changes_of_one_function_follow_each_other(node: Node) -> None:
    await node.create(Tags={"count": "0"})
    tag = [node.call("TagResource", Resource=f"{ARN}f", Tags={str(number): ""}) for number in range(40)]
    await asyncio.gather(*tag)
    assert len(node.registry.function(node.target("f")).tags) == 41


async def test_a_change_that_fails_in_the_database_is_not_shown(node: Node) -> None:
    await node.create()
    key = node.target("f").key
    before = node.registry.find(key)

    def spoil(function: Function | None) -> Function | None:
        assert function is not None
        return replace(function, tags={"not JSON": object()})  # type: ignore[dict-item]

    with pytest.raises(Exception, match="not JSON serializable"):
        await node.registry.change(key, spoil)
    assert node.registry.find(key) is before


async def test_packages_in_use_are_those_of_every_version(node: Node) -> None:
    await node.create(Publish=True)
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    await node.settle()
    assert len(node.registry.packages_in_use()) == 2
    await node.call("DeleteFunction", FunctionName="f", Qualifier="1")
    (left,) = node.registry.packages_in_use()
    assert node.code_store.zip_file(left).read_bytes() == OTHER_APP != APP


async def test_everything_is_the_same_after_a_restart(start_node: StartNode) -> None:
    node = await start_node()
    await node.create("plain", Publish=True, Tags={"a": "ü"}, Environment={"Variables": {"KEY": "✓"}})
    await node.create("second")
    await node.call("UpdateFunctionConfiguration", FunctionName="second", Timeout=9)
    await node.settle()
    before = sorted(node.registry.all_functions(), key=lambda function: function.name)
    node = await start_node()
    assert sorted(node.registry.all_functions(), key=lambda function: function.name) == before
