"""Two accounts in two regions on one node, with everything of the same name: completely apart."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.functions.node import APP, OTHER_APP, Node
from tests.functions.wire import Answer, WireNode

ACCOUNTS = ("111111111111", "222222222222")
REGIONS = ("eu-west-1", "us-east-1")
PLACES = [(account, region) for account in ACCOUNTS for region in REGIONS]


class Place:
    """One account in one region, and the one of everything that it has."""

    def __init__(self, node: Node, number: int, account: str, region: str) -> None:
        self.number, self.account, self.region = number, account, region
        self._wire = WireNode(node, account, region)
        self.signing_arn = ""
        self.mapping_uuid = ""

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:{kind}:{name}"

    async def answer(self, operation: str, **members: Any) -> Answer:
        return await self._wire.call(operation, **members)

    async def get(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer to a call that must succeed."""
        answer = await self.answer(operation, **members)
        assert answer.status < 400, answer.body
        return answer.document

    async def settle(self) -> None:
        while (await self.get("GetFunctionConfiguration", FunctionName="f")).get("LastUpdateStatus") != "Successful":
            await asyncio.sleep(0.005)

    async def populate(self) -> None:
        """One of everything; what has a value has the place's number for it."""
        role = f"arn:aws:iam::{self.account}:role/r"
        number = self.number
        layer = {"ZipFile": APP if number % 2 else OTHER_APP}
        layer_arn = (await self.get("PublishLayerVersion", LayerName="l", Content=layer, Description=f"{number}"))[
            "LayerVersionArn"
        ]
        publishers = {
            "SigningProfileVersionArns": [
                f"arn:aws:signer:{self.region}:{self.account}:/signing-profiles/p/012345678{number}"
            ]
        }
        signing = await self.get("CreateCodeSigningConfig", AllowedPublishers=publishers, Description=f"{number}")
        self.signing_arn = signing["CodeSigningConfig"]["CodeSigningConfigArn"]
        await self.get(
            "CreateFunction",
            FunctionName="f",
            Runtime="provided.al2023",
            Handler="h",
            Role=role,
            Code={"ZipFile": APP},
            Timeout=100 + number,
            Tags={"place": f"{number}"},
            Layers=[layer_arn],
        )
        await self.settle()
        for version in range(1, number + 1):
            await self.get("UpdateFunctionConfiguration", FunctionName="f", Description=f"{version}")
            await self.settle()
            await self.get("PublishVersion", FunctionName="f")
        await self.get("CreateAlias", FunctionName="f", Name="live", FunctionVersion=f"{number}")
        await self.get(
            "AddPermission",
            FunctionName="f",
            StatementId="s",
            Action="lambda:InvokeFunction",
            Principal=str(number) * 12,
        )
        await self.get("AddLayerVersionPermission", **self.layer, StatementId="s", **self.granted)
        await self.get("CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE", Cors={"MaxAge": number})
        await self.get("PutFunctionEventInvokeConfig", FunctionName="f", MaximumEventAgeInSeconds=100 + number)
        await self.get("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=100 * number)
        provisioned = {"Qualifier": "live", "ProvisionedConcurrentExecutions": number}
        await self.get("PutProvisionedConcurrencyConfig", FunctionName="f", **provisioned)
        await self.get(
            "PutFunctionRecursionConfig", FunctionName="f", RecursiveLoop="Allow" if number % 2 else "Terminate"
        )
        await self.get("PutFunctionCodeSigningConfig", FunctionName="f", CodeSigningConfigArn=self.signing_arn)
        queue = f"arn:aws:sqs:{self.region}:{self.account}:q"
        mapping = await self.get(
            "CreateEventSourceMapping", FunctionName="f", EventSourceArn=queue, BatchSize=number, Enabled=False
        )
        self.mapping_uuid = mapping["UUID"]

    layer: Mapping[str, Any] = {"LayerName": "l", "VersionNumber": 1}
    granted: Mapping[str, Any] = {"Action": "lambda:GetLayerVersion", "Principal": "*"}

    async def shown(self) -> dict[str, Any]:
        """All that this place is shown of what it has, down to the values that it alone has."""
        functions = (await self.get("ListFunctions"))["Functions"]
        versions = (await self.get("ListVersionsByFunction", FunctionName="f"))["Versions"]
        function = await self.get("GetFunction", FunctionName="f")
        settings = await self.get("GetAccountSettings")
        signing = (await self.get("ListCodeSigningConfigs"))["CodeSigningConfigs"]
        mappings = (await self.get("ListEventSourceMappings"))["EventSourceMappings"]
        layers = (await self.get("ListLayers"))["Layers"]
        aliases = (await self.get("ListAliases", FunctionName="f"))["Aliases"]
        urls = (await self.get("ListFunctionUrlConfigs", FunctionName="f"))["FunctionUrlConfigs"]
        events = (await self.get("ListFunctionEventInvokeConfigs", FunctionName="f"))["FunctionEventInvokeConfigs"]
        provisioned = await self.get("ListProvisionedConcurrencyConfigs", FunctionName="f")
        signed = await self.get("ListFunctionsByCodeSigningConfig", CodeSigningConfigArn=self.signing_arn)
        policy = (await self.get("GetPolicy", FunctionName="f"))["Policy"]
        layer_policy = await self.get("GetLayerVersionPolicy", **self.layer)
        return {
            "functions": [(item["FunctionArn"], item["Timeout"]) for item in functions],
            "tags": function["Tags"],
            "layers of the function": [layer["Arn"] for layer in function["Configuration"]["Layers"]],
            "reserved": function["Concurrency"]["ReservedConcurrentExecutions"],
            "versions": [item["FunctionArn"] for item in versions],
            "aliases": [(item["AliasArn"], item["FunctionVersion"]) for item in aliases],
            "policy": f"arn:aws:iam::{str(self.number) * 12}:root" in policy,
            "urls": [(item["FunctionArn"], item["Cors"]["MaxAge"]) for item in urls],
            "events": [(item["FunctionArn"], item["MaximumEventAgeInSeconds"]) for item in events],
            "provisioned": [
                (item["FunctionArn"], item["RequestedProvisionedConcurrentExecutions"])
                for item in provisioned["ProvisionedConcurrencyConfigs"]
            ],
            "recursion": (await self.get("GetFunctionRecursionConfig", FunctionName="f"))["RecursiveLoop"],
            "layers": [(item["LayerArn"], item["LatestMatchingVersion"]["Description"]) for item in layers],
            "layer policy": self.arn("layer", "l:1") in layer_policy["Policy"],
            "signing": [(item["CodeSigningConfigArn"], item["Description"]) for item in signing],
            "signed": signed["FunctionArns"],
            "mappings": [(item["UUID"], item["FunctionArn"], item["BatchSize"]) for item in mappings],
            "function count": settings["AccountUsage"]["FunctionCount"],
            "unreserved": settings["AccountLimit"]["UnreservedConcurrentExecutions"],
            "listed tags": (await self.get("ListTags", Resource=self.arn("function", "f")))["Tags"],
        }

    def expected(self) -> dict[str, Any]:
        number, arn = self.number, self.arn("function", "f")
        return {
            "functions": [(arn, 100 + number)],
            "tags": {"place": f"{number}"},
            "layers of the function": [self.arn("layer", "l:1")],
            "reserved": 100 * number,
            "versions": [f"{arn}:$LATEST", *(f"{arn}:{version}" for version in range(1, number + 1))],
            "aliases": [(f"{arn}:live", f"{number}")],
            "policy": True,
            "urls": [(arn, number)],
            "events": [(f"{arn}:$LATEST", 100 + number)],
            "provisioned": [(f"{arn}:live", number)],
            "recursion": "Allow" if number % 2 else "Terminate",
            "layers": [(self.arn("layer", "l"), f"{number}")],
            "layer policy": True,
            "signing": [(self.signing_arn, f"{number}")],
            "signed": [arn],
            "mappings": [(self.mapping_uuid, arn, number)],
            "function count": 1,
            "unreserved": 1000 - 100 * number,
            "listed tags": {"place": f"{number}"},
        }

    async def clear(self) -> None:
        for operation, members in (
            ("DeleteEventSourceMapping", {"UUID": self.mapping_uuid}),
            ("DeleteFunction", {"FunctionName": "f"}),
            ("DeleteCodeSigningConfig", {"CodeSigningConfigArn": self.signing_arn}),
            ("DeleteLayerVersion", self.layer),
        ):
            await self.get(operation, **members)


@pytest.fixture
async def places(node: Node) -> list[Place]:
    places = [Place(node, number, *place) for number, place in enumerate(PLACES, start=1)]
    for place in places:
        await place.populate()
    return places


async def test_each_place_is_shown_its_own_and_nothing_else(places: list[Place]) -> None:
    for place in places:
        assert await place.shown() == place.expected()


async def test_clearing_one_place_changes_no_other(places: list[Place]) -> None:
    first, *others = places
    await first.clear()

    assert (await first.get("ListFunctions"))["Functions"] == []
    assert (await first.get("ListLayers"))["Layers"] == []
    assert (await first.get("ListCodeSigningConfigs"))["CodeSigningConfigs"] == []
    assert (await first.get("GetAccountSettings"))["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000
    assert (await first.get("GetAccountSettings"))["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
    for place in others:
        assert await place.shown() == place.expected()


BY_NAME: tuple[tuple[str, dict[str, Any]], ...] = (
    ("GetFunction", {}),
    ("GetFunctionConfiguration", {}),
    ("UpdateFunctionConfiguration", {"Timeout": 1}),
    ("UpdateFunctionCode", {"ZipFile": APP}),
    ("DeleteFunction", {}),
    ("PublishVersion", {}),
    ("ListVersionsByFunction", {}),
    ("ListAliases", {}),
    ("GetPolicy", {}),
    ("PutFunctionConcurrency", {"ReservedConcurrentExecutions": 0}),
    ("DeleteFunctionUrlConfig", {}),
    ("TagResource", {"Tags": {"a": "b"}}),
    ("ListTags", {}),
)


async def test_what_belongs_to_another_place_is_out_of_reach(places: list[Place]) -> None:
    """reference: control plane, 2"""
    mine, other_region, other_account = places[0], places[1], places[2]
    for operation, extra in BY_NAME:
        name = "Resource" if "Tag" in operation else "FunctionName"
        answer = await mine.answer(operation, **{name: other_region.arn("function", "f")}, **extra)
        assert answer.error == (
            404,
            "ResourceNotFoundException",
            "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')",
        )
        answer = await mine.answer(operation, **{name: other_account.arn("function", "f")}, **extra)
        assert answer.error == (403, "AccessDeniedException", None)
    assert await other_region.shown() == other_region.expected()
    assert await other_account.shown() == other_account.expected()


async def test_ids_of_other_places_are_unknown(places: list[Place]) -> None:
    mine, *others = places
    for other in others:
        for operation in ("GetEventSourceMapping", "DeleteEventSourceMapping"):
            assert (await mine.answer(operation, UUID=other.mapping_uuid)).error == (
                404,
                "ResourceNotFoundException",
                "The resource you requested does not exist.",
            )
        for operation in ("GetCodeSigningConfig", "DeleteCodeSigningConfig", "ListFunctionsByCodeSigningConfig"):
            answer = await mine.answer(operation, CodeSigningConfigArn=other.signing_arn)
            assert answer.status in (403, 404), operation
        for kind, name in (
            ("code-signing-config", other.signing_arn.rpartition(":")[2]),
            ("event-source-mapping", other.mapping_uuid),
        ):
            answer = await mine.answer("TagResource", Resource=other.arn(kind, name), Tags={"a": "b"})
            assert answer.status in (403, 404), kind
        for operation in ("DeleteLayerVersion", "AddLayerVersionPermission", "GetLayerVersionPolicy"):
            extra = {"StatementId": "t", **Place.granted} if operation.startswith("Add") else {}
            members = {"LayerName": other.arn("layer", "l"), "VersionNumber": 1, **extra}
            assert (await mine.answer(operation, **members)).status in (403, 404), operation
        assert await other.shown() == other.expected()


async def test_a_layer_that_everybody_may_use_crosses_accounts_but_not_regions(places: list[Place]) -> None:
    """reference: control plane, 4.1 and 8"""
    mine, other_region, other_account = places[0], places[1], places[2]

    shared = await mine.get("GetLayerVersionByArn", Arn=other_account.arn("layer", "l:1"))
    assert (shared["LayerVersionArn"], shared["Description"]) == (other_account.arn("layer", "l:1"), "3")
    answer = await mine.answer("GetLayerVersionByArn", Arn=other_region.arn("layer", "l:1"))
    assert answer.status == 404
    answer = await mine.answer(
        "UpdateFunctionConfiguration", FunctionName="f", Layers=[other_region.arn("layer", "l:1")]
    )
    assert answer.error == (
        400,
        "InvalidParameterValueException",
        "Layers are not in the same region as the function. Layers are expected to be in region eu-west-1.",
    )
