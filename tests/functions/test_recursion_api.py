"""Reference: control plane, 13."""

from tests.functions.conftest import StartNode
from tests.functions.node import ARN, Node


async def test_recursion_is_terminated_unless_allowed(start_node: StartNode) -> None:
    node = await start_node()
    await node.create()
    assert await node.call("GetFunctionRecursionConfig", FunctionName="f") == {"RecursiveLoop": "Terminate"}
    allowed = await node.call("PutFunctionRecursionConfig", FunctionName="f", RecursiveLoop="Allow")
    assert allowed == {"RecursiveLoop": "Allow"}
    node = await start_node()
    assert await node.call("GetFunctionRecursionConfig", FunctionName="f") == {"RecursiveLoop": "Allow"}


async def test_an_unknown_function_is_a_404(node: Node) -> None:
    expected = ("ResourceNotFoundException", f"Function not found: {ARN}f")
    assert await node.refusal("GetFunctionRecursionConfig", FunctionName="f") == expected
    assert await node.refusal("PutFunctionRecursionConfig", FunctionName="f", RecursiveLoop="Allow") == expected
