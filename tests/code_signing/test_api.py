"""Code signing configurations, whole answers. Section numbers are those of the reference on the control plane."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.code.archives import archive
from tests.functions.conftest import node, start_node
from tests.functions.node import ACCOUNT, ARN, REGION, Node
from tests.functions.test_create import BASIC

__all__ = ["node", "start_node"]

PUBLISHERS = {"SigningProfileVersionArns": [f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/v"]}
ENFORCE, WARN = ({"UntrustedArtifactOnDeployment": policy} for policy in ("Enforce", "Warn"))
UNSIGNED = archive({"bootstrap": "#!/bin/sh\nexit 2\n"})
SIGNED = archive({"bootstrap": "#!/bin/sh\nexit 3\n", "META-INF/aws_signer_signature_v1.0.SF": "x"})
NOWHERE = f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-0123456789abcdef0"
REFUSED = (
    "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not "
    "configured to accept. Check the provided signature for {}."
)


async def create(node: Node, **members: Any) -> dict[str, Any]:
    created = await node.call("CreateCodeSigningConfig", AllowedPublishers=PUBLISHERS, **members)
    config: dict[str, Any] = created["CodeSigningConfig"]
    return config


async def test_a_configuration_is_answered_as_it_is_read(node: Node) -> None:
    """Section 13."""
    config = await create(node)
    assert re.fullmatch(r"csc-[a-f0-9]{17}", config["CodeSigningConfigId"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", config["LastModified"])
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:{config['CodeSigningConfigId']}"
    assert config == {
        "CodeSigningConfigId": config["CodeSigningConfigId"],
        "CodeSigningConfigArn": arn,
        "Description": "",
        "AllowedPublishers": PUBLISHERS,
        "CodeSigningPolicies": WARN,
        "LastModified": config["LastModified"],
    }
    assert await node.call("GetCodeSigningConfig", CodeSigningConfigArn=arn) == {"CodeSigningConfig": config}


async def test_an_update_changes_what_it_names(node: Node) -> None:
    config = await create(node, Description="first")
    arn = config["CodeSigningConfigArn"]
    updated = await node.call("UpdateCodeSigningConfig", CodeSigningConfigArn=arn, CodeSigningPolicies=ENFORCE)
    changed = config | {
        "CodeSigningPolicies": ENFORCE,
        "LastModified": updated["CodeSigningConfig"]["LastModified"],
    }
    assert updated == {"CodeSigningConfig": changed}
    others = {"SigningProfileVersionArns": ["arn:aws:signer:eu-west-1:000000000000:/signing-profiles/q/v"]}
    await node.call("UpdateCodeSigningConfig", CodeSigningConfigArn=arn, AllowedPublishers=others, Description="")
    read = (await node.call("GetCodeSigningConfig", CodeSigningConfigArn=arn))["CodeSigningConfig"]
    assert read == changed | {"AllowedPublishers": others, "Description": "", "LastModified": read["LastModified"]}


@pytest.mark.parametrize(
    "operation",
    ["GetCodeSigningConfig", "UpdateCodeSigningConfig", "DeleteCodeSigningConfig", "ListFunctionsByCodeSigningConfig"],
)
async def test_an_unknown_configuration_is_named(operation: str, node: Node) -> None:
    """Section 13."""
    assert await node.refusal(operation, CodeSigningConfigArn=NOWHERE) == (
        "ResourceNotFoundException",
        f"The Lambda code signing configuration {NOWHERE} can not be found.",
    )


async def test_configurations_are_listed_in_pages_for_one_account_and_region(node: Node) -> None:
    configs = sorted([await create(node) for _ in range(3)], key=lambda config: str(config["CodeSigningConfigArn"]))
    first = await node.call("ListCodeSigningConfigs", MaxItems=2)
    assert first["CodeSigningConfigs"] == configs[:2]
    second = await node.call("ListCodeSigningConfigs", Marker=first["NextMarker"])
    assert second == {"CodeSigningConfigs": configs[2:]}
    home = node.caller
    for node.caller in (replace(home, region="us-east-1"), replace(home, account_id="1" * 12)):
        assert await node.call("ListCodeSigningConfigs") == {"CodeSigningConfigs": []}
        refusal = await node.refusal("GetCodeSigningConfig", CodeSigningConfigArn=configs[0]["CodeSigningConfigArn"])
        assert refusal[0] == "ResourceNotFoundException"


async def test_a_function_has_one_configuration_or_none(node: Node) -> None:
    """Section 13: without one, an empty answer, and deleting nothing is fine."""
    await node.create()
    arn = (await create(node))["CodeSigningConfigArn"]
    assert await node.call("GetFunctionCodeSigningConfig", FunctionName="f") == {}
    await node.call("DeleteFunctionCodeSigningConfig", FunctionName="f")
    has = {"CodeSigningConfigArn": arn, "FunctionName": "f"}
    assert await node.call("PutFunctionCodeSigningConfig", **has) == has
    assert await node.call("GetFunctionCodeSigningConfig", FunctionName=f"{ARN}f") == has
    assert await node.call("ListFunctionsByCodeSigningConfig", CodeSigningConfigArn=arn) == {
        "FunctionArns": [f"{ARN}f"]
    }
    code, _ = await node.refusal("DeleteCodeSigningConfig", CodeSigningConfigArn=arn)
    assert code == "ResourceConflictException"
    await node.call("DeleteFunctionCodeSigningConfig", FunctionName="f")
    assert await node.call("GetFunctionCodeSigningConfig", FunctionName="f") == {}
    await node.call("DeleteCodeSigningConfig", CodeSigningConfigArn=arn)


async def test_an_unknown_configuration_is_noticed_before_an_unknown_function(node: Node) -> None:
    """Section 13."""
    unknown = (
        "CodeSigningConfigNotFoundException",
        "The code signing configuration cannot be found. "
        f"Check that the provided configuration is not deleted: {NOWHERE}.",
    )
    has = {"CodeSigningConfigArn": NOWHERE, "FunctionName": "nobody"}
    assert await node.refusal("PutFunctionCodeSigningConfig", **has) == unknown
    assert await node.refusal("CreateFunction", **BASIC, CodeSigningConfigArn=NOWHERE) == unknown
    arn = (await create(node))["CodeSigningConfigArn"]
    nobody = ("ResourceNotFoundException", f"Function not found: {ARN}nobody")
    assert await node.refusal("PutFunctionCodeSigningConfig", **(has | {"CodeSigningConfigArn": arn})) == nobody
    assert await node.refusal("GetFunctionCodeSigningConfig", FunctionName="nobody") == nobody
    assert await node.refusal("DeleteFunctionCodeSigningConfig", FunctionName="nobody") == nobody


async def test_enforce_refuses_unsigned_code_and_warn_lets_it_pass(node: Node) -> None:
    """Section 13; the text is as users of AWS report it."""
    enforced, warned = [
        (await create(node, CodeSigningPolicies=policy))["CodeSigningConfigArn"] for policy in (ENFORCE, WARN)
    ]
    refusal = await node.refusal("CreateFunction", **BASIC, CodeSigningConfigArn=enforced)
    assert refusal == ("CodeVerificationFailedException", REFUSED.format("f"))
    created = await node.create(CodeSigningConfigArn=warned)
    assert (await node.call("GetFunctionCodeSigningConfig", FunctionName="f"))["CodeSigningConfigArn"] == warned
    await update(node, ZipFile=UNSIGNED)
    await node.call("PutFunctionCodeSigningConfig", FunctionName="f", CodeSigningConfigArn=enforced)
    before = await node.call("GetFunctionConfiguration", FunctionName="f")
    refusal = await node.refusal("UpdateFunctionCode", FunctionName="f", ZipFile=UNSIGNED)
    assert refusal == ("CodeVerificationFailedException", REFUSED.format(f"{ARN}f"))
    assert await node.call("GetFunctionConfiguration", FunctionName="f") == before
    # What is deployed stays, and what is no deployment is no matter of signatures.
    await node.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    await node.settle()
    assert created["CodeSha256"] != before["CodeSha256"]


async def test_enforce_covers_layers(node: Node) -> None:
    published = await node.call("PublishLayerVersion", LayerName="l", Content={"ZipFile": UNSIGNED})
    layers = {"Layers": [published["LayerVersionArn"]]}
    await node.create()
    arn = (await create(node, CodeSigningPolicies=ENFORCE))["CodeSigningConfigArn"]
    await node.call("PutFunctionCodeSigningConfig", FunctionName="f", CodeSigningConfigArn=arn)
    refusal = await node.refusal("UpdateFunctionConfiguration", FunctionName="f", **layers)
    assert refusal == ("CodeVerificationFailedException", REFUSED.format(f"{ARN}f"))
    await node.call("UpdateFunctionConfiguration", FunctionName="f", Layers=[])


async def test_a_signature_that_nobody_can_verify_does_not_pass_and_says_so(node: Node) -> None:
    """Decision record 15."""
    arn = (await create(node, CodeSigningPolicies=ENFORCE))["CodeSigningConfigArn"]
    signed = BASIC | {"Code": {"ZipFile": SIGNED}}
    code, message = await node.refusal("CreateFunction", **signed, CodeSigningConfigArn=arn)
    assert code == "CodeVerificationFailedException"
    assert str(message).startswith("Stoker cannot verify the signatures of AWS Signer")


async def test_configurations_and_who_has_them_survive_a_restart(start_node: Any) -> None:
    first = await start_node()
    config = await create(first, Tags={"team": "core"})
    arn = config["CodeSigningConfigArn"]
    await first.create(CodeSigningConfigArn=arn)
    again = await start_node()
    assert await again.call("GetCodeSigningConfig", CodeSigningConfigArn=arn) == {"CodeSigningConfig": config}
    assert (await again.call("ListTags", Resource=arn))["Tags"] == {"team": "core"}
    assert await again.call("ListFunctionsByCodeSigningConfig", CodeSigningConfigArn=arn) == {
        "FunctionArns": [f"{ARN}f"]
    }


async def test_configurations_have_tags(node: Node) -> None:
    """Section 7."""
    arn = (await create(node, Tags={"a": "1"}))["CodeSigningConfigArn"]
    await node.call("TagResource", Resource=arn, Tags={"b": "2"})
    await node.call("UntagResource", Resource=arn, TagKeys=["a", "never"])
    assert await node.call("ListTags", Resource=arn) == {"Tags": {"b": "2"}}
    too_many = ("InvalidParameterValueException", "Number of tags exceeds resource tag limit.")
    assert await node.refusal("TagResource", Resource=arn, Tags={str(n): "" for n in range(50)}) == too_many
    assert (await node.refusal("ListTags", Resource=NOWHERE))[0] == "ResourceNotFoundException"


async def update(node: Node, **members: Any) -> Mapping[str, Any]:
    answer = await node.call("UpdateFunctionCode", FunctionName="f", **members)
    await node.settle()
    return answer
