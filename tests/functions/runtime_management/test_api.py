"""Reference: control plane, 13."""

from typing import Any

import pytest

from tests.conftest import PYTHON
from tests.functions.conftest import StartNode
from tests.functions.node import ARN, Node

IPV = "InvalidParameterValueException"


async def test_by_default_runtimes_are_updated_automatically(node: Node) -> None:
    await node.create(Publish=True)
    for qualifier in ({}, {"Qualifier": "1"}):
        assert await node.call("GetRuntimeManagementConfig", FunctionName="f", **qualifier) == {
            "UpdateRuntimeOn": "Auto",
            "FunctionArn": f"{ARN}f:{qualifier.get('Qualifier', '$LATEST')}",
        }


async def test_each_version_has_its_own_mode(start_node: StartNode) -> None:
    node = await start_node()
    await node.create(Publish=True)
    put = await node.call("PutRuntimeManagementConfig", FunctionName="f:1", UpdateRuntimeOn="FunctionUpdate")
    assert put == {"UpdateRuntimeOn": "FunctionUpdate", "FunctionArn": f"{ARN}f:1"}
    node = await start_node()
    assert await node.call("GetRuntimeManagementConfig", FunctionName="f:1") == put
    assert (await node.call("GetRuntimeManagementConfig", FunctionName="f"))["UpdateRuntimeOn"] == "Auto"


async def test_a_function_can_be_held_to_the_present_runtime_and_to_no_other(node: Node) -> None:
    await node.create(Runtime=PYTHON)
    shown = await node.call("GetFunctionConfiguration", FunctionName="f")
    arn = shown["RuntimeVersionConfig"]["RuntimeVersionArn"]
    manual = {"FunctionName": "f", "UpdateRuntimeOn": "Manual"}
    assert await node.call("PutRuntimeManagementConfig", **manual, RuntimeVersionArn=arn) == {
        "UpdateRuntimeOn": "Manual",
        "FunctionArn": f"{ARN}f:$LATEST",
        "RuntimeVersionArn": arn,
    }
    assert await node.refusal("PutRuntimeManagementConfig", **manual, RuntimeVersionArn=f"{arn[:-4]}0000") == (
        IPV,
        "Stoker does not support a RuntimeVersionArn other than that of the present runtime yet. "
        "See docs/compatibility.md.",
    )
    assert await node.call("GetFunctionConfiguration", FunctionName="f") == shown


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"FunctionName": "g"}, ("ResourceNotFoundException", f"Function not found: {ARN}g")),
        ({"FunctionName": "f:7"}, ("ResourceNotFoundException", f"Function not found: {ARN}f:7")),
        # as github.com/DataBiosphere/azul, issue 7730, quotes AWS
        ({"FunctionName": "f:a"}, (IPV, f"The provided function name {ARN}f:a is invalid. Aliases are not allowed.")),
        ({"UpdateRuntimeOn": "Manual"}, (IPV, "RuntimeVersionArn is required when UpdateRuntimeOn is Manual.")),
        (
            {"RuntimeVersionArn": "arn:aws:lambda:eu-west-1::runtime:0"},
            (IPV, "RuntimeVersionArn is supported only when UpdateRuntimeOn is Manual, not Auto."),
        ),
    ],
)
async def test_what_cannot_be_is_refused(members: dict[str, Any], error: tuple[str, str], node: Node) -> None:
    await node.create()
    put = {"FunctionName": "f", "UpdateRuntimeOn": "Auto"} | members
    assert await node.refusal("PutRuntimeManagementConfig", **put) == error
