"""Expected texts: reference, control plane, 6, where no other section is named."""

import json
import re
from typing import Any

import pytest

from tests.functions.conftest import StartNode
from tests.functions.node import ARN, Node

IPV, RNF = "InvalidParameterValueException", "ResourceNotFoundException"
BASIC = {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
OLD_POLICY = (
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetPolicy API to retrieve the latest Revision Id",
)


async def statement(node: Node, **members: Any) -> str:
    added: str = (await node.call("AddPermission", **(BASIC | members)))["Statement"]
    return added


async def with_alias(node: Node) -> None:
    await node.create(Publish=True)
    await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")


async def test_a_statement_is_a_text_with_its_keys_in_order(node: Node) -> None:
    await node.create()
    assert await statement(node) == (
        '{"Sid":"s","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},'
        f'"Action":"lambda:InvokeFunction","Resource":"{ARN}f"}}'
    )


async def test_a_policy_is_all_statements_in_the_order_of_their_coming_and_is_kept(start_node: StartNode) -> None:
    node = await start_node()
    await node.create()
    for sid in ("b", "a"):
        await statement(node, StatementId=sid, Principal="*")
    shown = await node.call("GetPolicy", FunctionName="f")
    assert shown == {"Policy": shown["Policy"], "RevisionId": shown["RevisionId"]}
    statements = ",".join(
        f'{{"Sid":"{sid}","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"{ARN}f"}}'
        for sid in ("b", "a")
    )
    assert shown["Policy"] == f'{{"Version":"2012-10-17","Id":"default","Statement":[{statements}]}}'
    node = await start_node()
    assert await node.call("GetPolicy", FunctionName="f") == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("*", "*"),
        ("123456789012", {"AWS": "arn:aws:iam::123456789012:root"}),
        ("arn:aws:iam::123456789012:role/r", {"AWS": "arn:aws:iam::123456789012:role/r"}),
        ("events.amazonaws.com", {"Service": "events.amazonaws.com"}),
        ("alexa-appkit.amazon.com", {"Service": "alexa-appkit.amazon.com"}),
    ],
)
async def test_principals_become_what_a_policy_calls_them(given: str, shown: object, node: Node) -> None:
    await node.create()
    assert json.loads(await statement(node, Principal=given))["Principal"] == shown


@pytest.mark.parametrize("principal", ["someone", "12345678901", "arn:aws:s3:::bucket", "example.com"])
async def test_other_principals_are_refused(principal: str, node: Node) -> None:
    await node.create()
    assert await node.refusal("AddPermission", **(BASIC | {"Principal": principal})) == (
        IPV,
        "The provided principal was invalid. Please check the principal and try again.",
    )


@pytest.mark.parametrize(
    ("members", "condition"),
    [
        ({"SourceArn": "arn:aws:s3:::b"}, '{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}'),
        ({"EventSourceToken": "t"}, '{"StringEquals":{"lambda:EventSourceToken":"t"}}'),
        ({"InvokedViaFunctionUrl": True}, '{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}'),
        (
            {
                "Action": "lambda:InvokeFunctionUrl",
                "PrincipalOrgID": "o-1234567890",
                "FunctionUrlAuthType": "NONE",
                "SourceAccount": "1" * 12,
                "SourceArn": "arn:aws:s3:::b",
            },
            '{"StringEquals":{"AWS:SourceAccount":"111111111111","lambda:FunctionUrlAuthType":"NONE",'
            '"aws:PrincipalOrgID":"o-1234567890"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}',
        ),
    ],
)
async def test_conditions_are_in_the_recorded_order(members: dict[str, Any], condition: str, node: Node) -> None:
    await node.create()
    assert (await statement(node, **members)).endswith(f',"Resource":"{ARN}f","Condition":{condition}}}')


async def test_each_qualifier_has_a_policy_with_a_revision_of_its_own(node: Node) -> None:
    await with_alias(node)
    revisions = set()
    for name in ("f", "f:1", "f:live"):
        assert json.loads(await statement(node, FunctionName=name))["Resource"] == f"{ARN}{name}"
        revisions.add((await node.call("GetPolicy", FunctionName=name))["RevisionId"])
    revisions.add((await node.call("GetAlias", FunctionName="f", Name="live"))["RevisionId"])
    revisions.add((await node.call("GetFunctionConfiguration", FunctionName="f"))["RevisionId"])
    assert len(revisions) == 5


async def test_a_revision_must_be_the_policys_own(node: Node) -> None:
    await with_alias(node)
    # control plane, 4.3: that of the function or the alias will not do, even where no policy is yet
    alias = await node.call("GetAlias", FunctionName="f", Name="live")
    refused = BASIC | {"FunctionName": "f:live", "RevisionId": alias["RevisionId"]}
    assert await node.refusal("AddPermission", **refused) == OLD_POLICY
    await statement(node)
    revision_id = (await node.call("GetPolicy", FunctionName="f"))["RevisionId"]
    await node.call("PublishVersion", FunctionName="f")
    await statement(node, StatementId="second", RevisionId=revision_id)
    remove = {"FunctionName": "f", "StatementId": "second"}
    assert await node.refusal("RemovePermission", **remove, RevisionId=revision_id) == OLD_POLICY
    revision_id = (await node.call("GetPolicy", FunctionName="f"))["RevisionId"]
    assert await node.call("RemovePermission", **remove, RevisionId=revision_id) == {}


async def test_removing_the_last_statement_removes_the_policy(start_node: StartNode) -> None:
    node = await start_node()
    await node.create()
    await statement(node)
    await node.call("RemovePermission", FunctionName="f", StatementId="s")
    for _ in range(2):
        expected = (RNF, "The resource you requested does not exist.")
        assert await node.refusal("GetPolicy", FunctionName="f") == expected
        node = await start_node()


async def test_a_policy_has_20_kilobytes_at_most(node: Node) -> None:
    await node.create()
    arn = f"arn:aws:s3:::{'b' * 10_000}"
    await statement(node, SourceArn=arn)
    code, message = await node.refusal("AddPermission", **(BASIC | {"StatementId": "t", "SourceArn": arn}))
    assert code == "PolicyLengthExceededException"
    assert message is not None
    assert re.fullmatch(r"The final policy size \(2\d{4}\) is bigger than the limit \(20480\)\.", message)
    assert len(json.loads((await node.call("GetPolicy", FunctionName="f"))["Policy"])["Statement"]) == 1


@pytest.mark.parametrize(
    ("operation", "members", "error"),
    [
        (
            "AddPermission",
            BASIC,
            (
                "ResourceConflictException",
                "The statement id (s) provided already exists. "
                "Please provide a new statement id, or remove the existing statement.",
            ),
        ),
        (
            "AddPermission",
            BASIC | {"Qualifier": "$LATEST"},
            (IPV, "We currently do not support adding policies for $LATEST."),
        ),
        ("AddPermission", BASIC | {"FunctionName": "g"}, (RNF, f"Function not found: {ARN}g")),
        ("AddPermission", BASIC | {"Qualifier": "7"}, (RNF, f"Function not found: {ARN}f:7")),
        ("AddPermission", BASIC | {"Qualifier": "none"}, (RNF, f"Cannot find alias arn: {ARN}f:none")),
        (
            "AddPermission",
            BASIC | {"FunctionUrlAuthType": "NONE"},
            (IPV, "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"),
        ),
        ("GetPolicy", {"FunctionName": "g"}, (RNF, "The resource you requested does not exist.")),
        ("GetPolicy", {"FunctionName": "f:live"}, (RNF, "The resource you requested does not exist.")),
        (
            "RemovePermission",
            {"FunctionName": "f", "StatementId": "x"},
            (RNF, "Statement x is not found in resource policy."),
        ),
        (
            "RemovePermission",
            {"FunctionName": "f:live", "StatementId": "s"},
            (RNF, "No policy is associated with the given resource."),
        ),
        ("RemovePermission", {"FunctionName": "g", "StatementId": "s"}, (RNF, f"No policy found for: {ARN}g")),
        (
            "RemovePermission",
            {"FunctionName": "f:none", "StatementId": "s"},
            (RNF, f"Cannot find alias arn: {ARN}f:none"),
        ),
    ],
)
async def test_what_cannot_be_is_refused_in_the_words_of_aws(
    operation: str, members: dict[str, Any], error: tuple[str, str], node: Node
) -> None:
    await with_alias(node)
    await statement(node)
    assert await node.refusal(operation, **members) == error
