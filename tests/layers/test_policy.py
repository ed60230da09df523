"""Resource policies of layer versions. Section numbers are those of the reference on the control plane."""

import json
from typing import Any

import pytest

from stoker.limits import Limits
from tests.functions.conftest import StartNode, node, start_node
from tests.functions.node import Node
from tests.layers.node import LAYER_ARN, publish

__all__ = ["node", "start_node"]

VERSION = {"LayerName": "l", "VersionNumber": 1}
NO_POLICY = ("ResourceNotFoundException", "No policy is associated with the given resource.")
OLD_REVISION = (
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetLayerPolicy API to retrieve the latest Revision Id",
)


async def add(node: Node, sid: str = "s", principal: str = "*", **members: Any) -> dict[str, Any]:
    permission = {"StatementId": sid, "Action": "lambda:GetLayerVersion", "Principal": principal}
    return await node.call("AddLayerVersionPermission", **(VERSION | permission | members))


@pytest.mark.parametrize(
    ("principal", "shown"),
    [
        ("*", '"*"'),
        ("111111111111", '{"AWS":"arn:aws:iam::111111111111:root"}'),
        ("arn:aws:iam::111111111111:root", '{"AWS":"arn:aws:iam::111111111111:root"}'),
    ],
)
async def test_a_statement_is_answered_as_awss_text(node: Node, principal: str, shown: str) -> None:
    """Section 8, and 6 for the form."""
    await publish(node)
    added = await add(node, principal=principal)
    assert added["Statement"] == (
        f'{{"Sid":"s","Effect":"Allow","Principal":{shown},"Action":"lambda:GetLayerVersion",'
        f'"Resource":"{LAYER_ARN}l:1"}}'
    )
    assert await node.call("GetLayerVersionPolicy", **VERSION) == {
        "Policy": f'{{"Version":"2012-10-17","Id":"default","Statement":[{added["Statement"]}]}}',
        "RevisionId": added["RevisionId"],
    }


async def test_an_organization_becomes_a_condition(node: Node) -> None:
    """Section 8."""
    await publish(node)
    added = await add(node, OrganizationId="o-0123456789")
    assert json.loads(added["Statement"])["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-0123456789"}}
    permission = {"StatementId": "t", "Action": "lambda:GetLayerVersion", "Principal": "111111111111"}
    refusal = await node.refusal("AddLayerVersionPermission", **VERSION, **permission, OrganizationId="o-0123456789")
    assert refusal[0] == "InvalidParameterValueException"


async def test_each_change_has_a_revision_and_asks_for_the_latest(node: Node) -> None:
    """Section 4.3."""
    await publish(node)
    first = (await add(node))["RevisionId"]
    second = (await add(node, "t", RevisionId=first))["RevisionId"]
    assert first != second
    permission = {"StatementId": "u", "Action": "lambda:GetLayerVersion", "Principal": "*", "RevisionId": first}
    assert await node.refusal("AddLayerVersionPermission", **VERSION, **permission) == OLD_REVISION
    removal = {"StatementId": "s", "RevisionId": first}
    assert await node.refusal("RemoveLayerVersionPermission", **VERSION, **removal) == OLD_REVISION
    await node.call("RemoveLayerVersionPermission", **VERSION, StatementId="s", RevisionId=second)
    policy = await node.call("GetLayerVersionPolicy", **VERSION)
    assert [statement["Sid"] for statement in json.loads(policy["Policy"])["Statement"]] == ["t"]
    assert policy["RevisionId"] not in (first, second)


async def test_the_last_statement_takes_the_policy_along(node: Node) -> None:
    await publish(node)
    await add(node)
    await node.call("RemoveLayerVersionPermission", **VERSION, StatementId="s")
    assert await node.refusal("GetLayerVersionPolicy", **VERSION) == NO_POLICY
    assert await node.refusal("RemoveLayerVersionPermission", **VERSION, StatementId="s") == NO_POLICY


async def test_statement_ids_are_unique_and_have_to_exist(node: Node) -> None:
    """Sections 6 and 8."""
    await publish(node)
    await add(node)
    permission = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    assert await node.refusal("AddLayerVersionPermission", **VERSION, **permission) == (
        "ResourceConflictException",
        "The statement id (s) provided already exists. "
        "Please provide a new statement id, or remove the existing statement.",
    )
    refusal = await node.refusal("RemoveLayerVersionPermission", **VERSION, StatementId="x")
    assert refusal == ("ResourceNotFoundException", "Statement x is not found in resource policy.")


async def test_an_unknown_version_is_named(node: Node) -> None:
    """Section 8."""
    await publish(node)
    expected = ("ResourceNotFoundException", f"Layer version {LAYER_ARN}l:2 does not exist.")
    version = {"LayerName": "l", "VersionNumber": 2}
    permission = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    assert await node.refusal("AddLayerVersionPermission", **version, **permission) == expected
    assert await node.refusal("GetLayerVersionPolicy", **version) == expected
    assert await node.refusal("RemoveLayerVersionPermission", **version, StatementId="s") == expected


async def test_a_policy_has_a_largest_size(start_node: StartNode) -> None:
    node = await start_node()
    await publish(node)
    await add(node)
    size = len((await node.call("GetLayerVersionPolicy", **VERSION))["Policy"])
    node = await start_node(limits=Limits(policy_bytes_max=size))
    permission = {"StatementId": "t", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    code, message = await node.refusal("AddLayerVersionPermission", **VERSION, **permission)
    assert code == "PolicyLengthExceededException"
    assert str(message).endswith(f"is bigger than the limit ({size}).")
