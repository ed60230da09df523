"""Expected texts: reference, control plane, 10."""

from typing import Any

import pytest

from tests.functions.conftest import StartNode
from tests.functions.node import ACCOUNT, ARN, REGION, Node

IPV, RNF = "InvalidParameterValueException", "ResourceNotFoundException"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:t"
NO_FUNCTION = (RNF, "The function doesn't exist.")


def to(**destinations: str) -> dict[str, dict[str, str]]:
    return {outcome: {"Destination": arn} for outcome, arn in destinations.items()}


async def put(node: Node, **members: Any) -> dict[str, Any]:
    return await node.call("PutFunctionEventInvokeConfig", **({"FunctionName": "f"} | members))


async def test_a_configuration_is_answered_with_a_qualified_arn_and_both_outcomes(start_node: StartNode) -> None:
    node = await start_node()
    await node.create(Publish=True)
    set_ = await put(node, MaximumRetryAttempts=0)
    assert set_ == {
        "LastModified": set_["LastModified"],
        "FunctionArn": f"{ARN}f:$LATEST",
        "MaximumRetryAttempts": 0,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }
    of_version = await put(
        node, FunctionName="f:1", MaximumEventAgeInSeconds=60, DestinationConfig=to(OnSuccess=QUEUE, OnFailure=TOPIC)
    )
    assert of_version == {
        "LastModified": of_version["LastModified"],
        "FunctionArn": f"{ARN}f:1",
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": to(OnSuccess=QUEUE, OnFailure=TOPIC),
    }
    node = await start_node()
    assert await node.call("GetFunctionEventInvokeConfig", FunctionName="f") == set_
    assert await node.call("GetFunctionEventInvokeConfig", FunctionName="f", Qualifier="1") == of_version
    listed = await node.call("ListFunctionEventInvokeConfigs", FunctionName="f")
    assert listed == {"FunctionEventInvokeConfigs": [set_, of_version]}
    first = await node.call("ListFunctionEventInvokeConfigs", FunctionName="f", MaxItems=1)
    rest = await node.call("ListFunctionEventInvokeConfigs", FunctionName="f", Marker=first["NextMarker"])
    assert first["FunctionEventInvokeConfigs"] + rest["FunctionEventInvokeConfigs"] == [set_, of_version]


async def test_put_replaces_and_update_adds(node: Node) -> None:
    await node.create()
    await put(node, MaximumRetryAttempts=1, DestinationConfig=to(OnSuccess=QUEUE, OnFailure=TOPIC))
    updated = await node.call("UpdateFunctionEventInvokeConfig", FunctionName="f", MaximumEventAgeInSeconds=90)
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (1, 90)
    updated = await node.call("UpdateFunctionEventInvokeConfig", FunctionName="f", DestinationConfig=to(OnFailure=""))
    assert updated["DestinationConfig"] == {"OnSuccess": {"Destination": QUEUE}, "OnFailure": {}}
    replaced = await put(node, MaximumEventAgeInSeconds=60)
    assert replaced == {
        "LastModified": replaced["LastModified"],
        "FunctionArn": f"{ARN}f:$LATEST",
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }


async def test_a_deleted_configuration_is_gone(node: Node) -> None:
    await node.create()
    await put(node, MaximumRetryAttempts=1)
    assert await node.call("DeleteFunctionEventInvokeConfig", FunctionName="f") == {}
    expected = (RNF, f"The function {ARN}f:$LATEST doesn't have an EventInvokeConfig")
    for operation in ("GetFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"):
        assert await node.refusal(operation, FunctionName="f") == expected
    update = {"FunctionName": "f", "MaximumRetryAttempts": 1}
    assert await node.refusal("UpdateFunctionEventInvokeConfig", **update) == expected


async def test_outcomes_may_go_to_other_functions_and_failures_to_buckets(node: Node) -> None:
    await node.create("f")
    await node.create("g", Publish=True)
    set_ = await put(node, DestinationConfig=to(OnSuccess=f"{ARN}g:1", OnFailure="arn:aws:s3:::bucket"))
    assert set_["DestinationConfig"] == to(OnSuccess=f"{ARN}g:1", OnFailure="arn:aws:s3:::bucket")


@pytest.mark.parametrize(
    ("destinations", "message"),
    [
        (to(OnSuccess=f"{ARN}f"), "You can't specify the function as a destination for itself."),
        (to(OnFailure=f"{ARN}f:$LATEST"), "You can't specify the function as a destination for itself."),
        (to(OnSuccess=f"{ARN}none"), f"The destination ARN {ARN}none is invalid."),
        (
            to(OnSuccess="arn:aws:s3:::b"),
            "The provided destination config "
            "DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:s3:::b), onFailure=null) is invalid.",
        ),
        (
            to(OnSuccess=QUEUE, OnFailure="arn:aws:iam:::x"),
            f"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={QUEUE}), "
            "onFailure=OnFailure(destination=arn:aws:iam:::x)) is invalid.",
        ),
        (
            to(OnFailure=f"{QUEUE}.fifo"),
            "The provided destination config "
            f"DestinationConfig(onSuccess=null, onFailure=OnFailure(destination={QUEUE}.fifo)) is invalid.",
        ),
    ],
)
async def test_impossible_destinations_are_refused(
    destinations: dict[str, dict[str, str]], message: str, node: Node
) -> None:
    await node.create()
    refused = {"FunctionName": "f", "DestinationConfig": destinations}
    assert await node.refusal("PutFunctionEventInvokeConfig", **refused) == (IPV, message)


@pytest.mark.parametrize(
    ("operation", "members", "error"),
    [
        *(
            (
                operation,
                {"FunctionName": "f"},
                (IPV, "You must specify at least one of error handling or destination setting."),
            )
            for operation in ("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig")
        ),
        *(
            (operation, {"FunctionName": name, "MaximumRetryAttempts": 1}, NO_FUNCTION)
            for operation in ("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig")
            for name in ("g", "f:none", "f:7")
        ),
        ("ListFunctionEventInvokeConfigs", {"FunctionName": "g"}, NO_FUNCTION),
        (
            "GetFunctionEventInvokeConfig",
            {"FunctionName": "g"},
            (RNF, f"The function {ARN}g:$LATEST doesn't have an EventInvokeConfig"),
        ),
        (
            "DeleteFunctionEventInvokeConfig",
            {"FunctionName": "f:none"},
            (RNF, f"The function {ARN}f:none doesn't have an EventInvokeConfig"),
        ),
    ],
)
async def test_what_cannot_be_is_refused_in_the_words_of_aws(
    operation: str, members: dict[str, Any], error: tuple[str, str], node: Node
) -> None:
    await node.create()
    assert await node.refusal(operation, **members) == error
