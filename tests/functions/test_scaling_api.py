import pytest

from tests.functions.node import ARN, Node


@pytest.mark.parametrize("operation", ["PutFunctionScalingConfig", "GetFunctionScalingConfig"])
async def test_functions_without_a_capacity_provider_have_no_scaling(operation: str, node: Node) -> None:
    await node.create(Publish=True)
    assert await node.refusal(operation, FunctionName="f", Qualifier="1") == (
        "InvalidParameterValueException",
        "FunctionScalingConfig isn't supported for Lambda Default functions.",
    )
    expected = ("ResourceNotFoundException", f"Function not found: {ARN}g")
    assert await node.refusal(operation, FunctionName="g", Qualifier="1") == expected
