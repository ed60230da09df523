import pytest

from tests.functions.conftest import StartNode
from tests.functions.node import ARN, Node

IPV = "InvalidParameterValueException"


async def tags(node: Node) -> dict[str, str]:
    listed: dict[str, str] = (await node.call("ListTags", Resource=f"{ARN}f"))["Tags"]
    return listed


async def test_tags_are_added_overwritten_and_removed(start_node: StartNode) -> None:
    node = await start_node()
    await node.create(Tags={"a": "1"})
    await node.call("TagResource", Resource=f"{ARN}f", Tags={"a": "2", "b": "3"})
    assert await tags(node) == {"a": "2", "b": "3"}
    await node.call("UntagResource", Resource=f"{ARN}f", TagKeys=["a", "never there"])
    node = await start_node()
    assert await tags(node) == {"b": "3"}


async def test_a_change_of_tags_renews_the_revision_and_keeps_environments(node: Node) -> None:
    await node.create()
    before = node.registry.version(node.target("f"))
    await node.call("TagResource", Resource=f"{ARN}f", Tags={"a": "1"})
    after = node.registry.version(node.target("f"))
    assert after.revision_id != before.revision_id
    assert after.build_id == before.build_id
    assert node.useless == []


async def test_a_function_has_50_tags_at_most(node: Node) -> None:
    await node.create(Tags={f"k{number}": "" for number in range(49)})
    await node.call("TagResource", Resource=f"{ARN}f", Tags={"k0": "again", "the 50th": ""})
    assert await node.refusal("TagResource", Resource=f"{ARN}f", Tags={"the 51st": ""}) == (
        IPV,
        "Number of tags exceeds resource tag limit.",
    )


@pytest.mark.parametrize(
    ("resource", "asked", "error"),
    [
        (f"{ARN}f", {}, (IPV, "An error occurred and the request cannot be processed.")),
        (f"{ARN}f", {"aws:x": ""}, (IPV, "aws: prefixed tag key names are not allowed for external use.")),
        *(
            (
                f"{ARN}f:{qualifier}",
                {"a": "1"},
                (IPV, "Tags on function aliases and versions are not supported. Please specify a function ARN."),
            )
            for qualifier in ("1", "live", "$LATEST")
        ),
        (f"{ARN}g", {"a": "1"}, ("ResourceNotFoundException", f"Function not found: {ARN}g")),
        (
            f"{ARN.replace(':function:', ':event-source-mapping:')}0-0",
            {"a": "1"},
            (
                "ResourceNotFoundException",
                f"Event source mapping not found: {ARN.replace(':function:', ':event-source-mapping:')}0-0",
            ),
        ),
    ],
)
async def test_what_cannot_be_tagged_is_refused(
    resource: str, asked: dict[str, str], error: tuple[str, str], node: Node
) -> None:
    await node.create()
    assert await node.refusal("TagResource", Resource=resource, Tags=asked) == error
