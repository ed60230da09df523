import asyncio
import hashlib
import re
from base64 import b64encode
from typing import Any

import pytest

from stoker.functions.architecture import host_architecture
from stoker.limits import Limits
from tests.code.archives import archive
from tests.functions.conftest import StartNode
from tests.functions.node import APP, ARN, ROLE, Node

BASIC = {"FunctionName": "f", "Runtime": "provided.al2023", "Handler": "h", "Role": ROLE, "Code": {"ZipFile": APP}}
IPV = "InvalidParameterValueException"


async def test_creation_answers_awss_members_in_awss_order_with_awss_defaults(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.2)
    created = await node.call("CreateFunction", **BASIC)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", created.pop("LastModified"))
    assert re.fullmatch(r"[0-9a-f-]{36}", created.pop("RevisionId"))
    runtime_arn = created.pop("RuntimeVersionConfig")["RuntimeVersionArn"]
    assert re.fullmatch(r"arn:aws:lambda:eu-west-1::runtime:[0-9a-f]{64}", runtime_arn)
    assert list(created.items()) == [
        ("FunctionName", "f"),
        ("FunctionArn", f"{ARN}f"),
        ("Runtime", "provided.al2023"),
        ("Role", ROLE),
        ("Handler", "h"),
        ("CodeSize", len(APP)),
        ("Description", ""),
        ("Timeout", 3),
        ("MemorySize", 128),
        ("CodeSha256", b64encode(hashlib.sha256(APP).digest()).decode()),
        ("Version", "$LATEST"),
        ("TracingConfig", {"Mode": "PassThrough"}),
        ("State", "Pending"),
        ("StateReason", "The function is being created."),
        ("StateReasonCode", "Creating"),
        ("PackageType", "Zip"),
        ("Architectures", [host_architecture()]),
        ("EphemeralStorage", {"Size": 512}),
        ("SnapStart", {"ApplyOn": "None", "OptimizationStatus": "Off"}),
        ("LoggingConfig", {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}),
    ]


async def test_a_new_function_is_pending_then_active_with_another_revision(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.1)
    created = await node.call("CreateFunction", **BASIC)
    pending = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert pending == created
    assert node.registry.resolve(node.target("f")).state == "Pending"
    await node.settle()
    active = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert (active["State"], active["LastUpdateStatus"]) == ("Active", "Successful")
    assert not {"StateReason", "StateReasonCode", "LastUpdateStatusReason"} & active.keys()
    assert active["RevisionId"] != created["RevisionId"]


async def test_pending_can_be_observed_for_the_configured_time(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.3)
    await node.call("CreateFunction", **BASIC)
    await asyncio.sleep(0.25)
    assert (await node.call("GetFunctionConfiguration", FunctionName="f"))["State"] == "Pending"


async def test_everything_asked_for_is_kept(node: Node) -> None:
    asked = {
        "Description": "what it does",
        "Timeout": 900,
        "MemorySize": 10_240,
        "EphemeralStorage": {"Size": 10_240},
        "Environment": {"Variables": {"KEY": "välue", "PATH": "/opt/bin"}},
        "LoggingConfig": {"LogGroup": "shared"},
        "Architectures": [host_architecture()],
    }
    await node.create(**asked)
    shown = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert {name: shown[name] for name in asked} == asked | {
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "shared"}
    }


async def test_an_empty_environment_is_echoed_and_a_missing_one_is_not(node: Node) -> None:
    assert (await node.create("empty", Environment={"Variables": {}}))["Environment"] == {"Variables": {}}
    assert "Environment" not in await node.create("missing")


async def test_publishing_at_creation_answers_version_1_by_the_unqualified_arn(node: Node) -> None:
    created = await node.create(Publish=True)
    assert (created["Version"], created["FunctionArn"], created["State"]) == ("1", f"{ARN}f", "Pending")
    published = await node.call("GetFunctionConfiguration", FunctionName="f", Qualifier="1")
    assert (published["FunctionArn"], published["State"]) == (f"{ARN}f:1", "Active")
    assert published["LastUpdateStatus"] == "Successful"


async def test_a_name_can_be_taken_once(node: Node) -> None:
    await node.create()
    assert await node.refusal("CreateFunction", **BASIC) == ("ResourceConflictException", "Function already exist: f")


async def test_of_many_creations_at_once_one_wins(node: Node) -> None:
    outcomes = await asyncio.gather(*(node.call("CreateFunction", **BASIC) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(outcome, dict) for outcome in outcomes) == 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"Handler": None}, "Runtime and Handler are mandatory parameters"),
        ({"Runtime": None}, "Runtime and Handler are mandatory parameters"),
        ({"Code": {}}, "Please provide a source for function code."),
        ({"Code": {"ZipFile": APP, "S3Bucket": "b"}}, "Please do not provide other FunctionCode parameters"),
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file. Please check your file, then try to upload"),
        ({"Code": {"ZipFile": archive({})}}, "Uploaded file must be a non-empty zip"),
        ({"Code": {"ZipFile": b""}}, "Uploaded file must be a non-empty zip"),
        (
            {"Runtime": "python3.7"},
            "The runtime parameter of python3.7 is no longer supported for creating or updating",
        ),
        (
            {"Runtime": "dotnet8"},
            "The runtime dotnet8 has not been fetched from public.ecr.aws/lambda/dotnet:8 yet. "
            "Type: stoker runtimes install dotnet8",
        ),
        ({"FunctionName": "f:1"}, "This operation is permitted on Lambda functions only."),
        ({"Tags": {"aws:mine": "x"}}, "aws: prefixed tag key names are not allowed"),
        ({"Tags": {f"k{number}": "" for number in range(51)}}, "Number of tags exceeds resource tag limit."),
        (
            {"LoggingConfig": {"ApplicationLogLevel": "DEBUG"}},
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change',
        ),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x", "FINE": "y", "_HANDLER": "z"}}},
            "Reserved keys used in this request: AWS_REGION, _HANDLER",
        ),
    ],
)
async def test_a_request_that_cannot_be_is_refused_and_leaves_nothing(
    change: dict[str, Any], text: str, node: Node
) -> None:
    code, message = await node.refusal("CreateFunction", **(BASIC | change))
    assert code == IPV
    assert text in str(message)
    assert (await node.call("ListFunctions"))["Functions"] == []


async def test_an_environment_of_4_kb_is_taken_and_one_byte_more_is_not(node: Node) -> None:
    fits = {"KEY": "x" * (4096 - len('{"KEY":""}'))}
    await node.create(Environment={"Variables": fits})
    too_large = {"KEY": fits["KEY"] + "x"}
    code, message = await node.refusal("CreateFunction", **BASIC, Environment={"Variables": too_large})
    assert code == IPV
    assert str(message).endswith(f'exceeded the 4KB limit. String measured: {{"KEY":"{too_large["KEY"]}"}}')


async def test_a_runtime_that_is_not_ready_is_refused_with_what_to_type(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PATH", "")
    node = await start_node(runtimes_dir=tmp_path / "no-runtimes")
    code, message = await node.refusal("CreateFunction", **(BASIC | {"Runtime": "nodejs24.x"}))
    assert code == IPV
    assert "nodejs24.x" in str(message)


async def test_the_account_s_code_storage_is_bounded(start_node: StartNode) -> None:
    node = await start_node(limits=Limits(code_storage_bytes_max=len(APP) * 2 - 1))
    await node.create("first")
    code, _ = await node.refusal("CreateFunction", **BASIC)
    assert code == "CodeStorageExceededException"
