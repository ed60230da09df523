"""Every refusal that the reference quotes, over HTTP: status, code, text, and whether the body has a `Type`.

Each line names the section of the reference (control plane) that its text comes from.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.code.archives import archive
from tests.functions.node import APP, ARN, ROLE, Node, running_node
from tests.functions.wire import WireNode

IPV, RNF = (400, "InvalidParameterValueException"), (404, "ResourceNotFoundException")
CONFLICT, PRECONDITION = (409, "ResourceConflictException"), (412, "PreconditionFailedException")
NO_CSC = (404, "CodeSigningConfigNotFoundException")
NO_PROVISIONED = (404, "ProvisionedConcurrencyConfigNotFoundException")
NOT_THERE = "The resource you requested does not exist."
WHOLE_ONLY = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
    "Please specify either a function name or an unqualified function ARN."
)
REVISION = (
    "The Revision Id provided does not match the latest Revision Id. Call the {} API to retrieve the latest Revision Id"
)
LAYER = "arn:aws:lambda:eu-west-1:000000000000:layer:"
CSC = "arn:aws:lambda:eu-west-1:000000000000:code-signing-config:csc-0123456789abcdef0"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
MAPPING = f"arn:aws:lambda:eu-west-1:000000000000:event-source-mapping:{UUID}"
PROVIDER = "arn:aws:lambda:eu-west-1:000000000000:capacity-provider:p"
NEW = {"FunctionName": "new", "Runtime": "provided.al2023", "Handler": "h", "Role": ROLE, "Code": {"ZipFile": APP}}
F, G, NOPE, NEVER = {"FunctionName": "f"}, {"FunctionName": "g"}, {"FunctionName": "nope"}, {"UUID": UUID}
PERMISSION = {"StatementId": "sid", "Action": "lambda:InvokeFunction", "Principal": "*"}
GRANT = {"StatementId": "t", "Action": "lambda:GetLayerVersion", "Principal": "*"}
L = {"LayerName": "l", "VersionNumber": 1}
WEIGHTS = "RoutingConfig"
KAFKA = {"SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["b:9092"]}}, "Topics": ["topic"]}
STREAM = {"EventSourceArn": "arn:aws:kinesis:eu-west-1:000000000000:stream/s", "Enabled": False, **F}
TABLE = "arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/2025-01-01T00:00:00.000"
QUEUE = {"EventSourceArn": "arn:aws:sqs:eu-west-1:000000000000:q", "Enabled": False, **F}


def weights(**shares: float) -> dict[str, Any]:
    return {"AdditionalVersionWeights": {number.lstrip("v"): share for number, share in shares.items()}}


def destination(outcome: str, arn: str) -> dict[str, Any]:
    return {"DestinationConfig": {outcome: {"Destination": arn}}}


# Section, operation, members, status and code, text. A node has the function `f` with the versions 1 and 2, the
# alias `live` of 1, a statement `sid` and version 1 of the layer `l`; `g` is bare.
REFUSALS: list[tuple[str, str, dict[str, Any], tuple[int, str], str]] = [
    ("2", "GetFunction", {**F, "Qualifier": "9"}, RNF, f"Function not found: {ARN}f:9"),
    ("2", "GetFunction", NOPE, RNF, f"Function not found: {ARN}nope"),
    (
        "2",
        "GetFunction",
        {"FunctionName": f"{ARN}f:1", "Qualifier": "2"},
        IPV,
        "The derived qualifier from the function name does not match the specified qualifier.",
    ),
    (
        "2",
        "PutFunctionConcurrency",
        {**NOPE, "ReservedConcurrentExecutions": 1},
        RNF,
        f"Function not found: {ARN}nope:$LATEST",
    ),
    ("4.1", "CreateFunction", {**NEW, **F}, CONFLICT, "Function already exist: f"),
    (
        "4.1",
        "CreateFunction",
        {**NEW, "Handler": None},
        IPV,
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    ),
    (
        "4.1",
        "CreateFunction",
        {**NEW, "Runtime": "python3.7"},
        IPV,
        "The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions.",
    ),
    (
        "4.1",
        "UpdateFunctionConfiguration",
        {**F, "Runtime": "nodejs12.x"},
        IPV,
        "The runtime parameter of nodejs12.x is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions.",
    ),
    (
        "4.1",
        "CreateFunction",
        {**NEW, "Code": {"ZipFile": b"no zip"}},
        IPV,
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    ),
    ("4.1", "CreateFunction", {**NEW, "Code": {"ZipFile": archive({})}}, IPV, "Uploaded file must be a non-empty zip"),
    (
        "4.1",
        "CreateFunction",
        {**NEW, "Layers": [f"{LAYER}l:{n}" for n in range(1, 7)]},
        IPV,
        "Cannot reference more than 5 layers.",
    ),
    ("4.1", "CreateFunction", {**NEW, "Layers": [f"{LAYER}x:1"]}, IPV, f"Layer version {LAYER}x:1 does not exist."),
    (
        "4.1",
        "CreateFunction",
        {**NEW, "Layers": [f"{LAYER}l:1", f"{LAYER}l:1"]},
        IPV,
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        f"{LAYER}l:1 and {LAYER}l:1 are versions of the same layer.",
    ),
    (
        "4.1",
        "CreateFunction",
        {**NEW, "Layers": [f"{LAYER}l:1".replace("eu-west-1", "us-east-1")]},
        IPV,
        "Layers are not in the same region as the function. Layers are expected to be in region eu-west-1.",
    ),
    (
        "4.1",
        "CreateFunction",
        {**NEW, "SnapStart": {"ApplyOn": "PublishedVersions"}},
        IPV,
        "provided.al2023 is not supported for SnapStart enabled functions.",
    ),
    (
        "4.3",
        "UpdateFunctionCode",
        {**F, "ZipFile": APP, "RevisionId": "old"},
        PRECONDITION,
        REVISION.format("GetFunction/GetAlias"),
    ),
    (
        "4.3",
        "UpdateFunctionConfiguration",
        {**F, "RevisionId": "old"},
        PRECONDITION,
        REVISION.format("GetFunction/GetAlias"),
    ),
    ("4.3", "PublishVersion", {**F, "RevisionId": "old"}, PRECONDITION, REVISION.format("GetFunction/GetAlias")),
    (
        "4.3",
        "UpdateAlias",
        {**F, "Name": "live", "RevisionId": "old"},
        PRECONDITION,
        REVISION.format("GetFunction/GetAlias"),
    ),
    (
        "4.3",
        "AddPermission",
        {**F, **PERMISSION, "StatementId": "new", "RevisionId": "old"},
        PRECONDITION,
        REVISION.format("GetPolicy"),
    ),
    (
        "4.3",
        "RemovePermission",
        {**F, "StatementId": "sid", "RevisionId": "old"},
        PRECONDITION,
        REVISION.format("GetPolicy"),
    ),
    (
        "4.3",
        "AddLayerVersionPermission",
        {**L, **GRANT, "RevisionId": "old"},
        PRECONDITION,
        REVISION.format("GetLayerPolicy"),
    ),
    (
        "4.5",
        "UpdateFunctionCode",
        {**F, "ImageUri": "repository:tag"},
        IPV,
        "Please don't provide ImageUri when updating a function with packageType Zip.",
    ),
    (
        "4.6",
        "DeleteFunction",
        {**F, "Qualifier": "$LATEST"},
        IPV,
        "$LATEST version cannot be deleted without deleting the function.",
    ),
    ("4.6", "DeleteFunction", {**F, "Qualifier": "live"}, IPV, "Deletion of aliases is not currently supported."),
    ("4.6", "DeleteFunction", {**NOPE, "Qualifier": "7"}, RNF, f"Function not found: {ARN}nope"),
    ("5", "CreateAlias", {**F, "Name": "live", "FunctionVersion": "1"}, CONFLICT, f"Alias already exists: {ARN}f:live"),
    ("5", "CreateAlias", {**F, "Name": "a", "FunctionVersion": "10"}, RNF, f"Function not found: {ARN}f:10"),
    ("5", "CreateAlias", {**NOPE, "Name": "a", "FunctionVersion": "1"}, RNF, f"Function not found: {ARN}nope:1"),
    (
        "5",
        "CreateAlias",
        {**F, "Name": "a", "FunctionVersion": "1", WEIGHTS: weights(v2=0.1, v3=0.1)},
        IPV,
        "Number of items in AdditionalVersionWeights cannot be greater than 1",
    ),
    (
        "5",
        "CreateAlias",
        {**F, "Name": "a", "FunctionVersion": "1", WEIGHTS: weights(v1=0.1)},
        IPV,
        "Invalid function version 1. Function version 1 is already included in routing configuration.",
    ),
    (
        "5",
        "CreateAlias",
        {**F, "Name": "a", "FunctionVersion": "$LATEST", WEIGHTS: weights(v1=0.1)},
        IPV,
        "$LATEST is not supported for an alias pointing to more than 1 version",
    ),
    ("5", "GetAlias", {**F, "Name": "none"}, RNF, f"Cannot find alias arn: {ARN}f:none"),
    ("5", "UpdateAlias", {**F, "Name": "none"}, RNF, f"Alias not found: {ARN}f:none"),
    (
        "6",
        "AddPermission",
        {**F, **PERMISSION},
        CONFLICT,
        "The statement id (sid) provided already exists. "
        "Please provide a new statement id, or remove the existing statement.",
    ),
    (
        "6",
        "AddPermission",
        {**F, **PERMISSION, "Principal": "nobody"},
        IPV,
        "The provided principal was invalid. Please check the principal and try again.",
    ),
    (
        "6",
        "AddPermission",
        {**F, **PERMISSION, "Qualifier": "$LATEST"},
        IPV,
        "We currently do not support adding policies for $LATEST.",
    ),
    ("6", "RemovePermission", {**F, "StatementId": "x"}, RNF, "Statement x is not found in resource policy."),
    ("6", "RemovePermission", {**G, "StatementId": "x"}, RNF, "No policy is associated with the given resource."),
    ("6", "RemovePermission", {**NOPE, "StatementId": "x"}, RNF, f"No policy found for: {ARN}nope"),
    (
        "6",
        "RemovePermission",
        {**F, "StatementId": "x", "Qualifier": "none"},
        RNF,
        f"Cannot find alias arn: {ARN}f:none",
    ),
    ("6", "GetPolicy", G, RNF, NOT_THERE),
    ("6", "GetPolicy", NOPE, RNF, NOT_THERE),
    ("6", "GetPolicy", {**F, "Qualifier": "9"}, RNF, NOT_THERE),
    (
        "7",
        "TagResource",
        {"Resource": f"{ARN}f", "Tags": {}},
        IPV,
        "An error occurred and the request cannot be processed.",
    ),
    (
        "7",
        "TagResource",
        {"Resource": f"{ARN}f", "Tags": {f"{n}": "v" for n in range(51)}},
        IPV,
        "Number of tags exceeds resource tag limit.",
    ),
    *(
        (
            "7",
            operation,
            {"Resource": f"{ARN}f:{qualifier}", **extra},
            IPV,
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        )
        for operation, extra in (
            ("TagResource", {"Tags": {"a": "b"}}),
            ("UntagResource", {"TagKeys": ["a"]}),
            ("ListTags", {}),
        )
        for qualifier in ("1", "live", "$LATEST")
    ),
    ("7", "ListTags", {"Resource": f"{ARN}nope"}, RNF, f"Function not found: {ARN}nope"),
    ("7", "ListTags", {"Resource": MAPPING}, RNF, f"Event source mapping not found: {MAPPING}"),
    ("7", "ListTags", {"Resource": PROVIDER}, RNF, f"Capacity provider not found: {PROVIDER}"),
    (
        "8",
        "PublishLayerVersion",
        {"LayerName": "l", "Content": {"ZipFile": archive({})}},
        IPV,
        "Uploaded file must be a non-empty zip",
    ),
    ("8", "GetLayerVersion", {**L, "VersionNumber": 0}, IPV, "Layer Version Cannot be less than 1"),
    ("8", "DeleteLayerVersion", {**L, "VersionNumber": -1}, IPV, "Layer Version Cannot be less than 1"),
    ("8", "GetLayerVersion", {**L, "VersionNumber": 9}, RNF, NOT_THERE),
    ("8", "GetLayerVersion", {"LayerName": "none", "VersionNumber": 1}, RNF, NOT_THERE),
    ("8", "GetLayerVersionByArn", {"Arn": f"{LAYER}l:9"}, RNF, NOT_THERE),
    (
        "8",
        "AddLayerVersionPermission",
        {**L, **GRANT, "VersionNumber": 2},
        RNF,
        f"Layer version {LAYER}l:2 does not exist.",
    ),
    ("8", "GetLayerVersionPolicy", L, RNF, "No policy is associated with the given resource."),
    *(
        ("9", "PutFunctionConcurrency", {"FunctionName": name, "ReservedConcurrentExecutions": 1}, IPV, WHOLE_ONLY)
        for name in ("f:1", "f:live", "f:$LATEST", f"{ARN}f:1")
    ),
    (
        "9",
        "PutProvisionedConcurrencyConfig",
        {**F, "Qualifier": "$LATEST", "ProvisionedConcurrentExecutions": 1},
        IPV,
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
    ),
    *(
        (
            "9",
            operation,
            {**F, "Qualifier": "$LATEST"},
            IPV,
            "The function resource provided must be an alias or a published version.",
        )
        for operation in ("GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig")
    ),
    (
        "9",
        "GetProvisionedConcurrencyConfig",
        {**F, "Qualifier": "1"},
        NO_PROVISIONED,
        "No Provisioned Concurrency Config found for this function",
    ),
    ("9", "ListProvisionedConcurrencyConfigs", NOPE, RNF, f"Function not found: {ARN}nope"),
    (
        "10",
        "PutFunctionEventInvokeConfig",
        F,
        IPV,
        "You must specify at least one of error handling or destination setting.",
    ),
    *(
        ("10", operation, {**target, "MaximumRetryAttempts": 1}, RNF, "The function doesn't exist.")
        for operation in ("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig")
        for target in (NOPE, {**F, "Qualifier": "none"})
    ),
    ("10", "ListFunctionEventInvokeConfigs", NOPE, RNF, "The function doesn't exist."),
    *(
        (
            "10",
            f"{verb}FunctionEventInvokeConfig",
            {**F, **extra},
            RNF,
            f"The function {ARN}f:$LATEST doesn't have an EventInvokeConfig",
        )
        for verb, extra in (("Get", {}), ("Delete", {}), ("Update", {"MaximumRetryAttempts": 1}))
    ),
    (
        "10",
        "PutFunctionEventInvokeConfig",
        {**F, **destination("OnSuccess", f"{ARN}f")},
        IPV,
        "You can't specify the function as a destination for itself.",
    ),
    (
        "10",
        "PutFunctionEventInvokeConfig",
        {**F, **destination("OnFailure", f"{ARN}nope")},
        IPV,
        f"The destination ARN {ARN}nope is invalid.",
    ),
    (
        "10",
        "PutFunctionEventInvokeConfig",
        {**F, **destination("OnSuccess", ROLE.replace("::", ":eu-west-1:"))},
        IPV,
        "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination="
        f"{ROLE.replace('::', ':eu-west-1:')}), onFailure=null) is invalid.",
    ),
    *(
        ("11", f"{verb}FunctionUrlConfig{plural}", {**NOPE, **extra}, RNF, "Function does not exist")
        for verb, plural, extra in (("Create", "", {"AuthType": "NONE"}), ("Update", "", {}), ("List", "s", {}))
    ),
    *((("11", f"{verb}FunctionUrlConfig", NOPE, RNF, NOT_THERE)) for verb in ("Get", "Delete")),
    *((("11", f"{verb}FunctionUrlConfig", F, RNF, NOT_THERE)) for verb in ("Get", "Update", "Delete")),
    ("11", "CreateFunctionUrlConfig", {**F, "AuthType": "NONE", "Qualifier": "none"}, RNF, "Function does not exist"),
    *(("12", f"{verb}EventSourceMapping", NEVER, RNF, NOT_THERE) for verb in ("Get", "Update", "Delete")),
    ("12", "GetEventSourceMapping", {"UUID": "of-any-form"}, RNF, NOT_THERE),
    (
        "13",
        "PutFunctionCodeSigningConfig",
        {**NOPE, "CodeSigningConfigArn": CSC},
        NO_CSC,
        f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {CSC}.",
    ),
    ("event sources, 1.4", "CreateEventSourceMapping", F, IPV, "Unrecognized event source."),
    ("event sources, 1.4", "CreateEventSourceMapping", {**QUEUE, **NOPE}, IPV, "Function does not exist"),
    (
        "event sources, 1.4",
        "CreateEventSourceMapping",
        STREAM,
        IPV,
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
        "Member must not be null.",
    ),
    (
        "event sources, 1.4",
        "CreateEventSourceMapping",
        {**STREAM, "EventSourceArn": TABLE, "StartingPosition": "AT_TIMESTAMP"},
        IPV,
        f"Unsupported starting position for arn type: {TABLE}",
    ),
    (
        "event sources, 1.4",
        "CreateEventSourceMapping",
        {**QUEUE, "BatchSize": 11},
        IPV,
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
    ),
    *(
        (
            "event sources, 1.4",
            "CreateEventSourceMapping",
            {**members, **destination(outcome, QUEUE["EventSourceArn"])},
            IPV,
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        )
        for members, outcome in ((QUEUE, "OnFailure"), ({**STREAM, "StartingPosition": "LATEST"}, "OnSuccess"))
    ),
    (
        "event sources, 1.4",
        "CreateEventSourceMapping",
        {**QUEUE, "FilterCriteria": {"Filters": [{"Pattern": "no pattern"}]}},
        IPV,
        "Invalid filter pattern definition.",
    ),
    (
        "event sources, 1.4",
        "CreateEventSourceMapping",
        {**F, **KAFKA, "StartingPosition": "LATEST", "Enabled": False},
        IPV,
        "Required 'sourceAccessConfigurations' parameter is missing.",
    ),
]
# Sections 1 and 9: these have no `Type`.
WITHOUT_TYPE: list[tuple[str, str, dict[str, Any], tuple[int, str], str]] = [
    (
        "9",
        "PutFunctionConcurrency",
        {**F, "ReservedConcurrentExecutions": 901},
        IPV,
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
        "its minimum value of [100].",
    ),
    (
        "9",
        "PutProvisionedConcurrencyConfig",
        {**F, "Qualifier": "1", "ProvisionedConcurrentExecutions": 1001},
        IPV,
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].",
    ),
    (
        "9",
        "PutProvisionedConcurrencyConfig",
        {**F, "Qualifier": "1", "ProvisionedConcurrentExecutions": 901},
        IPV,
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
        "minimum value of [100].",
    ),
    *(
        (
            "13",
            operation,
            {"CodeSigningConfigArn": CSC},
            RNF,
            f"The Lambda code signing configuration {CSC} can not be found.",
        )
        for operation in (
            *("GetCodeSigningConfig", "UpdateCodeSigningConfig", "DeleteCodeSigningConfig"),
            "ListFunctionsByCodeSigningConfig",
        )
    ),
]


@asynccontextmanager
async def _prepared(data: Path) -> AsyncIterator[WireNode]:
    async with running_node(data) as node:
        await _prepare(node)
        yield WireNode(node)


async def _prepare(node: Node) -> None:
    await node.create("f", Publish=True)
    await node.create("g")
    await node.call("UpdateFunctionConfiguration", FunctionName="f", Description="d")
    await node.settle()
    await node.call("PublishVersion", FunctionName="f")
    await node.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    await node.call("AddPermission", FunctionName="f", **PERMISSION)
    await node.call("PublishLayerVersion", LayerName="l", Content={"ZipFile": APP})


Ask = Any


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Refusals change nothing, so that one node does for all of them."""
    with tempfile.TemporaryDirectory() as data, asyncio.Runner() as runner:
        prepared = _prepared(Path(data))
        wire = runner.run(prepared.__aenter__())
        yield lambda operation, members: runner.run(wire.call(operation, **members))
        runner.run(prepared.__aexit__(None, None, None))


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) < 40 else ""


@pytest.mark.parametrize(("section", "operation", "members", "kind", "text"), REFUSALS, ids=_id)
def test_it_is_refused_as_aws_refuses_it(
    section: str, operation: str, members: dict[str, Any], kind: tuple[int, str], text: str, ask: Ask
) -> None:
    answer = ask(operation, {name: value for name, value in members.items() if value is not None})
    assert answer.error == (*kind, text)
    message = "Message" if kind[1].endswith("NotFoundException") and kind != NO_PROVISIONED else "message"
    assert answer.document == {"Type": "User", message: text}


@pytest.mark.parametrize(("section", "operation", "members", "kind", "text"), WITHOUT_TYPE, ids=_id)
def test_some_refusals_have_no_type(
    section: str, operation: str, members: dict[str, Any], kind: tuple[int, str], text: str, ask: Ask
) -> None:
    answer = ask(operation, members)
    assert answer.error == (*kind, text)
    assert answer.document == {"Message" if kind == RNF else "message": text}


@pytest.mark.parametrize(
    ("section", "operation", "members"),
    [
        ("4.6", "DeleteFunction", {**F, "Qualifier": "7"}),
        ("5", "DeleteAlias", {**F, "Name": "none"}),
        ("5", "DeleteAlias", {**NOPE, "Name": "none"}),
        ("7", "UntagResource", {"Resource": f"{ARN}f", "TagKeys": ["none"]}),
        ("8", "DeleteLayerVersion", {"LayerName": "none", "VersionNumber": 1}),
        ("8", "DeleteLayerVersion", {"LayerName": "l", "VersionNumber": 9}),
        ("13", "DeleteFunctionCodeSigningConfig", F),
    ],
)
def test_what_is_gone_already_is_deleted_with_204(
    section: str, operation: str, members: dict[str, Any], ask: Ask
) -> None:
    answer = ask(operation, members)
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize(
    ("section", "operation", "members", "document"),
    [
        ("8", "ListLayerVersions", {"LayerName": "none"}, {"LayerVersions": []}),
        ("9", "GetFunctionConcurrency", G, {}),
        ("13", "GetFunctionCodeSigningConfig", F, {}),
        ("13", "GetRuntimeManagementConfig", F, {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}f:$LATEST"}),
        ("13", "GetFunctionRecursionConfig", F, {"RecursiveLoop": "Terminate"}),
        (
            "13",
            "GetAccountSettings",
            {},
            {
                "AccountLimit": {
                    "TotalCodeSize": 80530636800,
                    "CodeSizeUnzipped": 262144000,
                    "CodeSizeZipped": 52428800,
                    "ConcurrentExecutions": 1000,
                    "UnreservedConcurrentExecutions": 1000,
                },
                # `f` with two versions, `g`, and a layer.
                "AccountUsage": {"TotalCodeSize": 5 * len(APP), "FunctionCount": 2},
            },
        ),
    ],
)
def test_what_was_never_set_is_answered_like_this(
    section: str, operation: str, members: dict[str, Any], document: dict[str, Any], ask: Ask
) -> None:
    answer = ask(operation, members)
    assert (answer.status, answer.document) == (200, document)
