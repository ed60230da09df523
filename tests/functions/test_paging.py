"""Every list in pages: each item once, though items come and go between pages (reference: control plane, 13)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.functions.node import APP, Node

PROFILE = "arn:aws:signer:eu-west-1:000000000000:/signing-profiles/p/0123456789"
Make = Callable[[Node, int], Awaitable[str]]
Remove = Callable[[Node, str], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Listing:
    """One list operation: `make` adds the item of a number and answers with the key that the list shows it by."""

    operation: str
    members: dict[str, Any]
    shown_in: str
    key: Callable[[Any], str]
    make: Make
    remove: Remove


async def _version(node: Node, number: int) -> str:
    await node.call("UpdateFunctionConfiguration", FunctionName="f", Description=f"{number}")
    await node.settle()
    return str((await node.call("PublishVersion", FunctionName="f"))["Version"])


async def _alias(node: Node, number: int) -> str:
    await node.call("CreateAlias", FunctionName="f", Name=f"a{number}", FunctionVersion="$LATEST")
    return f"a{number}"


async def _url(node: Node, number: int) -> str:
    alias = await _alias(node, number)
    created = await node.call("CreateFunctionUrlConfig", FunctionName="f", Qualifier=alias, AuthType="NONE")
    return str(created["FunctionArn"])


async def _event_invoke_config(node: Node, number: int) -> str:
    alias = await _alias(node, number)
    made = await node.call(
        "PutFunctionEventInvokeConfig", FunctionName="f", Qualifier=alias, MaximumRetryAttempts=number % 3
    )
    return str(made["FunctionArn"])


async def _provisioned(node: Node, number: int) -> str:
    version = await _version(node, number)
    await node.call(
        "PutProvisionedConcurrencyConfig", FunctionName="f", Qualifier=version, ProvisionedConcurrentExecutions=1
    )
    return f"arn:aws:lambda:eu-west-1:000000000000:function:f:{version}"


async def _layer(node: Node, number: int) -> str:
    await node.call("PublishLayerVersion", LayerName=f"l{number}", Content={"ZipFile": APP})
    return f"l{number}"


async def _layer_version(node: Node, _: int) -> str:
    made = await node.call("PublishLayerVersion", LayerName="l", Content={"ZipFile": APP})
    return str(made["LayerVersionArn"])


async def _mapping(node: Node, number: int) -> str:
    queue = f"arn:aws:sqs:eu-west-1:000000000000:q{number}"
    made = await node.call("CreateEventSourceMapping", FunctionName="f", EventSourceArn=queue, Enabled=False)
    return str(made["UUID"])


async def _signing_config(node: Node, _: int) -> str:
    made = await node.call("CreateCodeSigningConfig", AllowedPublishers={"SigningProfileVersionArns": [PROFILE]})
    return str(made["CodeSigningConfig"]["CodeSigningConfigArn"])


async def _function(node: Node, number: int) -> str:
    return str((await node.create(f"n{number}"))["FunctionArn"])


async def _signed_function(node: Node, number: int) -> str:
    configs = (await node.call("ListCodeSigningConfigs"))["CodeSigningConfigs"]
    arn = configs[0]["CodeSigningConfigArn"] if configs else await _signing_config(node, 0)
    function = await _function(node, number)
    await node.call("PutFunctionCodeSigningConfig", FunctionName=function, CodeSigningConfigArn=arn)
    return function


F = {"FunctionName": "f"}
LISTINGS = [
    Listing(
        "ListFunctions",
        {},
        "Functions",
        lambda item: item["FunctionArn"],
        _function,
        lambda node, key: node.call("DeleteFunction", FunctionName=key),
    ),
    Listing(
        "ListVersionsByFunction",
        F,
        "Versions",
        lambda item: item["Version"],
        _version,
        lambda node, key: node.call("DeleteFunction", FunctionName="f", Qualifier=key),
    ),
    Listing(
        "ListAliases",
        F,
        "Aliases",
        lambda item: item["Name"],
        _alias,
        lambda node, key: node.call("DeleteAlias", FunctionName="f", Name=key),
    ),
    Listing(
        "ListFunctionUrlConfigs",
        F,
        "FunctionUrlConfigs",
        lambda item: item["FunctionArn"],
        _url,
        lambda node, key: node.call("DeleteFunctionUrlConfig", FunctionName=key),
    ),
    Listing(
        "ListFunctionEventInvokeConfigs",
        F,
        "FunctionEventInvokeConfigs",
        lambda item: item["FunctionArn"],
        _event_invoke_config,
        lambda node, key: node.call("DeleteFunctionEventInvokeConfig", FunctionName=key),
    ),
    Listing(
        "ListProvisionedConcurrencyConfigs",
        F,
        "ProvisionedConcurrencyConfigs",
        lambda item: item["FunctionArn"],
        _provisioned,
        lambda node, key: node.call("DeleteProvisionedConcurrencyConfig", FunctionName=key),
    ),
    Listing(
        "ListLayers",
        {},
        "Layers",
        lambda item: item["LayerName"],
        _layer,
        lambda node, key: node.call("DeleteLayerVersion", LayerName=key, VersionNumber=1),
    ),
    Listing(
        "ListLayerVersions",
        {"LayerName": "l"},
        "LayerVersions",
        lambda item: item["LayerVersionArn"],
        _layer_version,
        lambda node, key: node.call("DeleteLayerVersion", LayerName="l", VersionNumber=int(key.rpartition(":")[2])),
    ),
    Listing(
        "ListEventSourceMappings",
        {},
        "EventSourceMappings",
        lambda item: item["UUID"],
        _mapping,
        lambda node, key: node.call("DeleteEventSourceMapping", UUID=key),
    ),
    Listing(
        "ListCodeSigningConfigs",
        {},
        "CodeSigningConfigs",
        lambda item: item["CodeSigningConfigArn"],
        _signing_config,
        lambda node, key: node.call("DeleteCodeSigningConfig", CodeSigningConfigArn=key),
    ),
]


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.operation)
async def test_pages_show_each_item_once_though_items_come_and_go(listing: Listing, node: Node) -> None:
    await node.create("f")
    made = [await listing.make(node, number) for number in range(1, 7)]

    first = await node.call(listing.operation, **listing.members, MaxItems=2)
    seen = [listing.key(item) for item in first[listing.shown_in]]
    assert len(seen) == 2
    # The item that the marker stands for, and one that has not been shown yet.
    gone = [key for key in (seen[-1], next(key for key in made if key not in seen)) if key in made]
    for key in gone:
        await listing.remove(node, key)
    new = await listing.make(node, 9)

    marker = first["NextMarker"]
    while marker is not None:
        page = await node.call(listing.operation, **listing.members, MaxItems=2, Marker=marker)
        seen += [listing.key(item) for item in page[listing.shown_in]]
        marker = page.get("NextMarker")

    assert len(seen) == len(set(seen))
    assert set(made) - set(gone) <= set(seen) <= {*made, new, "$LATEST", *_of_f()}


def _of_f() -> set[str]:
    """What `f` has without being made."""
    return {"arn:aws:lambda:eu-west-1:000000000000:function:f"}


async def test_functions_with_a_code_signing_config_are_listed_in_pages(node: Node) -> None:
    made = [await _signed_function(node, number) for number in range(5)]
    (config,) = (await node.call("ListCodeSigningConfigs"))["CodeSigningConfigs"]
    arn, seen, marker = config["CodeSigningConfigArn"], [], None
    while marker is not None or not seen:
        more = {} if marker is None else {"Marker": marker}
        page = await node.call("ListFunctionsByCodeSigningConfig", CodeSigningConfigArn=arn, MaxItems=2, **more)
        seen += page["FunctionArns"]
        marker = page.get("NextMarker")
    assert seen == made


MARKERS = ("no marker", "!", "W10", "e30=", "bnVsbA==", "W3sifV0=", "W1tb" * 3000, "ü" * 10)


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.operation)
async def test_a_marker_that_was_never_given_out_is_refused(listing: Listing, node: Node) -> None:
    await node.create("f")
    await listing.make(node, 1)
    for marker in MARKERS:
        assert await node.refusal(listing.operation, **listing.members, Marker=marker) == (
            "InvalidParameterValueException",
            "The pagination marker is not valid.",
        )
