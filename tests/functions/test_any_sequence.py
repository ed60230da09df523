"""Whatever is asked in whatever order: a modelled answer or a modelled refusal, and the same after a restart."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stoker.errors import LambdaError
from stoker.lambda_model.call import ApiAnswer
from stoker.lambda_model.service import load_lambda
from stoker.limits import Limits
from tests.functions.node import Node, running_node

MODEL = load_lambda(Limits())
QUALIFIERS = ("1", "2", "$LATEST", "live", "new", "none")
# Few values each, so that what one call makes another one meets.
VALUES: dict[str, tuple[Any, ...]] = {
    "FunctionName": ("f", "f", "f", "g", "f:1", "f:live", "unknown"),
    "Qualifier": QUALIFIERS,
    "Name": ("live", "new"),
    "FunctionVersion": ("1", "2", "$LATEST", "9"),
    "Description": ("", "d"),
    "RoutingConfig": ({}, {"AdditionalVersionWeights": {"2": 0.5}}, {"AdditionalVersionWeights": {"1": 1.0}}),
    "RevisionId": ("stale",),
    "StatementId": ("s", "t"),
    "Action": ("lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "*"),
    "Principal": ("*", "000000000000", "sns.amazonaws.com", "nobody"),
    "SourceArn": ("arn:aws:s3:::b",),
    "FunctionUrlAuthType": ("NONE", "AWS_IAM"),
    "AuthType": ("NONE", "AWS_IAM"),
    "InvokeMode": ("BUFFERED", "RESPONSE_STREAM"),
    "Cors": ({}, {"AllowOrigins": ["*"], "MaxAge": 1}),
    "MaximumRetryAttempts": (0, 2),
    "MaximumEventAgeInSeconds": (60, 21600),
    "DestinationConfig": ({}, {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:000000000000:q"}}),
    "UpdateRuntimeOn": ("Auto", "FunctionUpdate", "Manual"),
    "RecursiveLoop": ("Allow", "Terminate"),
    "ReservedConcurrentExecutions": (0, 1, 600, 1000),
    "ProvisionedConcurrentExecutions": (1, 2, 500, 950, 2000),
    "MaxItems": (1, 50),
}
OPERATIONS = (
    *("CreateAlias", "GetAlias", "UpdateAlias", "DeleteAlias", "ListAliases"),
    *("AddPermission", "GetPolicy", "RemovePermission"),
    *("CreateFunctionUrlConfig", "GetFunctionUrlConfig", "UpdateFunctionUrlConfig", "DeleteFunctionUrlConfig"),
    *("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig"),
    *("DeleteFunctionEventInvokeConfig", "ListFunctionEventInvokeConfigs", "ListFunctionUrlConfigs"),
    *("PutRuntimeManagementConfig", "GetRuntimeManagementConfig"),
    *("PutFunctionRecursionConfig", "GetFunctionRecursionConfig", "PutFunctionScalingConfig"),
    *("PutFunctionConcurrency", "GetFunctionConcurrency", "DeleteFunctionConcurrency"),
    *("PutProvisionedConcurrencyConfig", "GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"),
    "ListProvisionedConcurrencyConfigs",
    *("GetFunction", "GetFunctionConfiguration", "DeleteFunction", "PublishVersion"),
)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An operation with its required members and some others."""
    operation = draw(st.sampled_from(OPERATIONS))
    shape = MODEL.operations[operation].input
    assert shape is not None
    members = {
        name: draw(st.sampled_from(VALUES[name]))
        for name, member in shape.members.items()
        if name in VALUES and (member.is_required or draw(st.integers(0, 2)) == 0)
    }
    return operation, members


async def outcome(node: Node, operation: str, members: dict[str, Any]) -> dict[str, Any] | LambdaError:
    try:
        MODEL.operations[operation].validate(members)
        return await node.call(operation, **members)
    except LambdaError as refusal:
        return refusal


async def check(node: Node, operation: str, members: dict[str, Any]) -> None:
    answer = await outcome(node, operation, members)
    if isinstance(answer, LambdaError):
        assert answer.status < 500
        assert answer.message
    else:
        MODEL.operations[operation].encode(ApiAnswer(answer))


async def run(data: Path, sequence: list[tuple[str, dict[str, Any]]]) -> None:
    async with running_node(data) as node:
        await node.create("f", Publish=True)
        await node.create("g")
        for operation, members in sequence:
            await check(node, operation, members)
        before = sorted(node.registry.all_functions(), key=lambda function: function.name)
    async with running_node(data) as node:
        assert sorted(node.registry.all_functions(), key=lambda function: function.name) == before


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(calls(), min_size=5, max_size=40))
def test_any_sequence_of_calls_is_answered_and_survives_a_restart(sequence: list[tuple[str, dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as data:
        asyncio.run(run(Path(data), sequence))
