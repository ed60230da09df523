from typing import Any

import botocore.session
import pytest

from stoker.functions.unsupported import CODE_MEMBERS, SUPPORTED, UNSUPPORTED
from tests.functions.node import APP, ROLE, Node
from tests.functions.test_create import BASIC

ASKED = {
    "subnets for IPv6": (
        {"VpcConfig": {"Ipv6AllowedForDualStack": True}},
        "VpcConfig with Ipv6AllowedForDualStack",
    ),
    "durable": ({"DurableConfig": {"ExecutionTimeout": 1}}, "DurableConfig"),
    "tenancy": ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, "TenancyConfig"),
    "capacity": ({"CapacityProviderConfig": {"X": 1}}, "CapacityProviderConfig"),
    "S3 by reference": (
        {"Code": {"S3Bucket": "b", "S3Key": "k", "S3ObjectStorageMode": "REFERENCE"}},
        "S3ObjectStorageMode REFERENCE",
    ),
    "a member of tomorrow": ({"QuantumConfig": {"Qubits": 5}}, "QuantumConfig"),
}


@pytest.mark.parametrize(("asked", "feature"), ASKED.values(), ids=list(ASKED))
async def test_what_stoker_does_not_have_is_refused_by_name(asked: dict[str, Any], feature: str, node: Node) -> None:
    expected = ("InvalidParameterValueException", f"Stoker does not support {feature} yet. See docs/compatibility.md.")
    assert await node.refusal("CreateFunction", **(BASIC | asked)) == expected
    await node.create("g")
    if "Code" not in asked:
        assert await node.refusal("UpdateFunctionConfiguration", FunctionName="g", **asked) == expected
    elif "S3Bucket" in asked["Code"]:
        assert await node.refusal("UpdateFunctionCode", FunctionName="g", **asked["Code"]) == expected


async def test_an_image_for_a_zip_function_gets_awss_text(node: Node) -> None:
    await node.create()
    _, message = await node.refusal("UpdateFunctionCode", FunctionName="f", ImageUri="i")
    assert message == "Please don't provide ImageUri when updating a function with packageType Zip."


async def test_empty_and_default_forms_are_accepted(node: Node) -> None:
    created = await node.create(
        Layers=[],
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
        DeadLetterConfig={},
        KMSKeyArn="",
        FileSystemConfigs=[],
        SnapStart={"ApplyOn": "None"},
        PackageType="Zip",
        TracingConfig={"Mode": "PassThrough"},
        LoggingConfig={"LogFormat": "Text"},
        Publish=False,
    )
    assert created["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert not {"Layers", "DeadLetterConfig", "KMSKeyArn", "FileSystemConfigs"} & created.keys()


@pytest.mark.parametrize(
    "operation",
    ["CreateFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "ListFunctions"],
)
def test_every_member_of_awss_model_is_supported_or_in_the_table(operation: str) -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    listed = {unsupported.member.split(".")[0] for unsupported in UNSUPPORTED} | SUPPORTED | CODE_MEMBERS
    assert set(model.operation_model(operation).input_shape.members) <= listed
    code = {f"Code.{member}" for member in model.shape_for("FunctionCode").members}
    supported = {"Code.ZipFile", "Code.ImageUri", "Code.S3Bucket", "Code.S3Key", "Code.S3ObjectVersion"}
    assert code - supported <= {unsupported.member for unsupported in UNSUPPORTED}


def test_no_member_is_both_supported_and_refused_whatever_its_value() -> None:
    always_refused = {entry.member for entry in UNSUPPORTED if entry.is_asked_for is bool and "." not in entry.member}
    assert not always_refused & SUPPORTED


async def test_a_role_of_any_account_is_taken(node: Node) -> None:
    assert (await node.create(Role=ROLE, Code={"ZipFile": APP}))["Role"] == ROLE
