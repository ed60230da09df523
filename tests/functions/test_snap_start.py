"""States of versions with SnapStart (reference: control plane, 4.1, 4.2 and 5); making snapshots is others' work."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from stoker.functions.records import Function, FunctionVersion, LastUpdateStatus, Reason, State
from stoker.functions.update import CREATING, settled, with_snapshot
from tests.functions.conftest import StartNode
from tests.functions.node import OTHER_APP, Node
from tests.functions.test_store import new_function

FAILURE = Reason("An error occurred during function initialization.", "FunctionError")
NOT_BOTH = (
    "InvalidParameterValueException",
    "Provisioned Concurrency is not supported for SnapStart enabled functions.",
)


async def with_snap_start(node: Node, name: str = "f") -> None:
    """A function of a runtime that every host has, made one with SnapStart behind the operations' back."""
    await node.create(name)

    def snap(function: Function | None) -> Function:
        assert function is not None
        return replace(function, latest=replace(function.latest, snap_start="PublishedVersions"))

    await node.registry.change(node.target(name).key, snap)


def published(state: State = State.PENDING) -> tuple[Function, FunctionVersion]:
    function = new_function("f")
    latest = replace(function.latest, snap_start="PublishedVersions", state=State.ACTIVE)
    latest = replace(latest, last_update_status=LastUpdateStatus.SUCCESSFUL)
    version = replace(latest, version="1", state=state, state_reason=CREATING, last_update_status=None, build_id="b1")
    return replace(function, latest=latest, published={"1": version}), version


async def test_a_version_is_pending_until_it_has_its_snapshot(start_node: StartNode) -> None:
    node = await start_node(0.1)
    await with_snap_start(node)
    version = await node.call("PublishVersion", FunctionName="f")
    assert (version["State"], version["StateReasonCode"]) == ("Pending", "Creating")
    assert version["StateReason"] == "The function is being created."
    assert version["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    assert not {"LastUpdateStatus", "LastUpdateStatusReason"} & version.keys()
    latest = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert latest["State"] == "Active"
    assert latest["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    await node.settle()
    shown = await node.call("GetFunctionConfiguration", FunctionName="f", Qualifier="1")
    assert (shown["State"], shown["LastUpdateStatus"]) == ("Active", "Successful")
    assert shown["RevisionId"] != version["RevisionId"]
    assert "StateReason" not in shown


async def test_a_snapshot_in_the_making_does_not_hold_up_the_function(start_node: StartNode) -> None:
    node = await start_node()
    node.elsewhere.may_make.clear()
    await with_snap_start(node)
    await node.call("PublishVersion", FunctionName="f")
    await node.elsewhere.is_making.wait()
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    while node.is_unsettled("f"):
        await asyncio.sleep(0.005)
    assert node.is_unsettled("f", "1")
    node.elsewhere.may_make.set()
    await node.settle()
    assert not node.is_unsettled("f", "1")


async def test_what_was_pending_when_a_node_ended_is_finished_by_the_next(start_node: StartNode) -> None:
    await with_snap_start(await start_node())
    slow = await start_node(30.0)
    await slow.call("PublishVersion", FunctionName="f")
    assert slow.is_unsettled("f", "1")
    after = await start_node()
    after.activation.resume()
    await after.settle()
    assert (await after.call("GetFunctionConfiguration", FunctionName="f", Qualifier="1"))["State"] == "Active"


def test_other_work_on_the_function_settles_no_snapshot() -> None:
    function, _ = published()
    assert settled(function, None) is function
    assert settled(function, FAILURE) is function


def test_a_failed_init_fails_the_version() -> None:
    function, version = published()
    failed = with_snapshot(function, version, FAILURE).published["1"]
    assert (failed.state, failed.state_reason) == (State.FAILED, FAILURE)
    assert (failed.last_update_status, failed.last_update_reason) == (LastUpdateStatus.FAILED, FAILURE)


@pytest.mark.parametrize(
    "change", [{"state": State.ACTIVE}, {"build_id": "another"}], ids=["settled already", "another build"]
)
def test_a_snapshot_of_something_else_changes_nothing(change: dict[str, Any]) -> None:
    function, version = published()
    other = replace(function, published={"1": replace(version, **change)})
    assert with_snapshot(other, version, FAILURE) is other
    assert with_snapshot(replace(function, published={}), version, None).published == {}


async def test_provisioned_concurrency_is_not_for_such_versions(node: Node) -> None:
    await node.create()
    await node.call("PublishVersion", FunctionName="f")
    await node.call("CreateAlias", FunctionName="f", Name="plain", FunctionVersion="1")
    await node.call(
        "PutProvisionedConcurrencyConfig", FunctionName="f", Qualifier="plain", ProvisionedConcurrentExecutions=1
    )

    def snap(function: Function | None) -> Function:
        assert function is not None
        changed = replace(function.latest, snap_start="PublishedVersions", configuration_sha256="another")
        return replace(function, latest=changed)

    await node.registry.change(node.target("f").key, snap)
    await node.call("PublishVersion", FunctionName="f")
    await node.settle()
    await node.call("CreateAlias", FunctionName="f", Name="snapped", FunctionVersion="2")
    for qualifier in ("2", "snapped"):
        members = {"FunctionName": "f", "Qualifier": qualifier, "ProvisionedConcurrentExecutions": 1}
        assert await node.refusal("PutProvisionedConcurrencyConfig", **members) == NOT_BOTH
    # The other way round: what is provisioned cannot come to stand for such a version.
    assert await node.refusal("UpdateAlias", FunctionName="f", Name="plain", FunctionVersion="2") == NOT_BOTH
    shared = {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.5}}}
    assert await node.refusal("UpdateAlias", FunctionName="f", Name="plain", **shared) == NOT_BOTH
