"""Layers of functions: the rules and what changes with them. Section numbers are those of the control plane."""

from typing import Any

from stoker.limits import Limits
from tests.code.archives import archive
from tests.functions.conftest import StartNode, node, start_node
from tests.functions.node import APP, Node
from tests.functions.test_create import BASIC
from tests.layers.node import LAYER_ARN, ZIP, publish

__all__ = ["node", "start_node"]

ATTACHED = {"Arn": f"{LAYER_ARN}l:1", "CodeSize": len(ZIP)}


async def refused(node: Node, *arns: str) -> tuple[str, str | None]:
    return await node.refusal("CreateFunction", **(BASIC | {"Layers": list(arns)}))


async def test_layers_are_shown_in_every_answer(node: Node) -> None:
    """Section 4.1."""
    await publish(node)
    created = await node.create(Layers=[ATTACHED["Arn"]])
    assert created["Layers"] == [ATTACHED]
    assert (await node.call("GetFunction", FunctionName="f"))["Configuration"]["Layers"] == [ATTACHED]
    assert (await node.call("ListFunctions"))["Functions"][0]["Layers"] == [ATTACHED]


async def test_five_layers_and_no_more(node: Node) -> None:
    """Section 4.1."""
    arns = [(await publish(node, f"l{number}"))["LayerVersionArn"] for number in range(6)]
    assert await refused(node, *arns) == ("InvalidParameterValueException", "Cannot reference more than 5 layers.")
    created = await node.create(Layers=arns[:5])
    assert [layer["Arn"] for layer in created["Layers"]] == arns[:5]


async def test_an_unknown_layer_is_named(node: Node) -> None:
    """Section 4.1."""
    expected = ("InvalidParameterValueException", f"Layer version {LAYER_ARN}x:1 does not exist.")
    assert await refused(node, f"{LAYER_ARN}x:1") == expected


async def test_two_versions_of_one_layer_or_one_twice_are_refused(node: Node) -> None:
    """Section 4.1."""
    one, two = [(await publish(node))["LayerVersionArn"] for _ in range(2)]
    text = (
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        "{} and {} are versions of the same layer."
    )
    assert await refused(node, one, two) == ("InvalidParameterValueException", text.format(one, two))
    assert await refused(node, one, one) == ("InvalidParameterValueException", text.format(one, one))


async def test_layers_of_another_region_are_refused(node: Node) -> None:
    """Section 4.1."""
    assert await refused(node, f"{LAYER_ARN}l:1".replace("eu-west-1", "us-west-2")) == (
        "InvalidParameterValueException",
        "Layers are not in the same region as the function. Layers are expected to be in region eu-west-1.",
    )


async def test_an_update_changes_layers_only_when_it_names_them(node: Node) -> None:
    await publish(node)
    await node.create(Layers=[ATTACHED["Arn"]])
    build = node.registry.resolve(node.target("f")).build_id
    assert (await update(node, Description="d"))["Layers"] == [ATTACHED]
    assert node.registry.resolve(node.target("f")).build_id == build
    assert "Layers" not in await update(node, Layers=[])
    assert node.registry.resolve(node.target("f")).build_id != build
    assert (await update(node, Layers=[ATTACHED["Arn"]]))["Layers"] == [ATTACHED]


async def test_other_layers_make_another_version(node: Node) -> None:
    await publish(node)
    await node.create(Publish=True)
    await update(node, Layers=[ATTACHED["Arn"]])
    published = await node.call("PublishVersion", FunctionName="f")
    assert (published["Version"], published["Layers"]) == ("2", [ATTACHED])
    await update(node, Layers=[])
    first = await node.call("GetFunctionConfiguration", FunctionName="f", Qualifier="1")
    assert "Layers" not in first


async def test_a_deleted_layer_version_stays_with_functions_that_have_it(start_node: Any) -> None:
    """Section 8."""
    node = await start_node()
    await publish(node)
    await node.create(Layers=[ATTACHED["Arn"]])
    await node.call("DeleteLayerVersion", LayerName="l", VersionNumber=1)
    assert (await update(node, Timeout=9))["Layers"] == [ATTACHED]
    assert await refused(node, ATTACHED["Arn"]) == (
        "InvalidParameterValueException",
        f"Layer version {ATTACHED['Arn']} does not exist.",
    )
    node = await start_node()
    await node.settle()
    version = node.registry.resolve(node.target("f"))
    tree = await node.layer_trees.tree(version.layer_packages)
    assert tree is not None
    assert (tree / "python/library.py").read_text() == "WHO = 'layer'\n"
    assert version.layer_packages[0].sha256 in node.registry.packages_in_use()


async def test_code_and_layers_share_one_limit(start_node: StartNode) -> None:
    """Section 4.1; the texts are as AWS's users report them."""
    node = await start_node()
    large = archive({"large": b"\0" * 3000})
    arn = (await publish(node, content=large))["LayerVersionArn"]
    code_bytes = len("#!/bin/sh\n")
    node = await start_node(limits=Limits(unzipped_bytes_max=3000))
    assert await refused(node, arn) == (
        "InvalidParameterValueException",
        "Function code combined with layers exceeds the maximum allowed size of 3000 bytes. "
        f"The actual size is {3000 + code_bytes} bytes.",
    )
    await node.create("g")
    expected = "Function code combined with layers exceeds the maximum allowed size of 3000 bytes. "
    _, message = await node.refusal("UpdateFunctionConfiguration", FunctionName="g", Layers=[arn])
    assert str(message).startswith(expected)
    node = await start_node(limits=Limits(unzipped_bytes_max=2999))
    assert await refused(node, arn) == (
        "InvalidParameterValueException",
        "Layers consume more than the available size of 2999 bytes",
    )
    node = await start_node(limits=Limits(unzipped_bytes_max=3000 + code_bytes))
    await node.create("f", Layers=[arn], Code={"ZipFile": APP})
    larger = archive({"bootstrap": "#!/bin/sh\n\n"})
    _, message = await node.refusal("UpdateFunctionCode", FunctionName="f", ZipFile=larger)
    assert str(message).startswith("Function code combined with layers exceeds")


async def update(node: Node, **members: Any) -> dict[str, Any]:
    answer = await node.call("UpdateFunctionConfiguration", FunctionName="f", **members)
    await node.settle()
    return answer
