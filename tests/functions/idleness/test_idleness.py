"""Functions in a VPC, after weeks without a call (reference: control plane, 4.2)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from stoker.database.engine import Database
from stoker.functions.idleness.idleness import DAY_S, Idleness
from stoker.functions.idleness.store import UseStore
from stoker.functions.records import Function, FunctionVersion, State, VpcConfig
from stoker.supervision import Background
from tests.functions.node import Node


class Calendar:
    now = 1_000_000.0

    def now_s(self) -> float:
        return self.now


class Weeks:
    """A node whose time of day the test decides."""

    def __init__(self, node: Node, store: UseStore, background: Background) -> None:
        self.node = node
        self.calendar = Calendar()
        self.idleness = Idleness(node.registry, node.activation, store, background, self.calendar, 30.0, 14.0)

    async def after(self, days: float) -> None:
        self.calendar.now += days * DAY_S
        await self.idleness.check()

    def version(self, qualifier: str = "$LATEST") -> FunctionVersion:
        return self.node.registry.version(self.node.target("f", qualifier))


@pytest.fixture
async def weeks(node: Node, tmp_path: Path) -> AsyncIterator[Weeks]:
    async with Database(f"sqlite:///{tmp_path}/uses.db") as database, Background() as background:
        yield Weeks(node, UseStore(database), background)


async def create_in_vpc(node: Node) -> None:
    await node.create()

    def connect(function: Function | None) -> Function | None:
        assert function is not None
        return replace(function, latest=replace(function.latest, vpc=VpcConfig(("subnet-1",), ("sg-1",), "vpc-1")))

    await node.registry.change(node.target("f").key, connect)
    await node.call("PublishVersion", FunctionName="f")
    await node.settle()


async def test_a_function_in_a_vpc_becomes_inactive_after_a_month_without_a_call(weeks: Weeks) -> None:
    await create_in_vpc(weeks.node)
    await weeks.after(0)
    await weeks.after(29.9)
    assert weeks.version().state is State.ACTIVE
    await weeks.after(0.2)
    shown = await weeks.node.call("GetFunctionConfiguration", FunctionName="f")
    assert (shown["State"], shown["StateReasonCode"]) == ("Inactive", "Idle")


async def test_a_call_counts_for_its_own_version_only(weeks: Weeks) -> None:
    await create_in_vpc(weeks.node)
    await weeks.after(0)
    weeks.calendar.now += 20 * DAY_S
    weeks.idleness.note(weeks.version("1"))
    await weeks.after(0)
    await weeks.after(15)
    assert weeks.version().state is State.INACTIVE
    assert weeks.version("1").state is State.ACTIVE
    await weeks.after(20)
    assert weeks.version("1").state is State.INACTIVE


async def test_an_inactive_function_wakes_through_pending(weeks: Weeks) -> None:
    await create_in_vpc(weeks.node)
    await weeks.after(0)
    await weeks.after(31)
    asleep = weeks.version()
    weeks.idleness.wake(asleep)
    await weeks.node.settle()
    while weeks.version().state is not State.ACTIVE:
        await weeks.node.settle()
        await weeks.after(0)
    assert weeks.version().revision_id != asleep.revision_id
    assert weeks.version().state_reason is None


async def test_a_function_that_holds_nothing_stays_active(weeks: Weeks) -> None:
    await weeks.node.create()
    await weeks.after(0)
    await weeks.after(10_000)
    assert weeks.version().state is State.ACTIVE


async def test_when_versions_were_used_survives_a_restart_and_is_forgotten_with_them(tmp_path: Path) -> None:
    one, other = ("0" * 12, "eu-west-1", "f", "1"), ("0" * 12, "eu-west-1", "f", "2")
    async with Database(f"sqlite:///{tmp_path}/uses.db") as database:
        assert await UseStore(database).note({one}, {one, other}, 100.0) == {one: 100.0, other: 100.0}
    async with Database(f"sqlite:///{tmp_path}/uses.db") as database:
        store = UseStore(database)
        assert await store.note({other}, {one, other}, 200.0) == {one: 100.0, other: 200.0}
        assert await store.note(set(), {other}, 300.0) == {other: 200.0}
        assert await store.note(set(), {one}, 400.0) == {one: 400.0}


async def test_a_version_with_snap_start_becomes_inactive_after_two_weeks_and_wakes(weeks: Weeks) -> None:
    await weeks.node.create()

    def snap(function: Function | None) -> Function | None:
        assert function is not None
        return replace(function, latest=replace(function.latest, snap_start="PublishedVersions"))

    await weeks.node.registry.change(weeks.node.target("f").key, snap)
    await weeks.node.call("PublishVersion", FunctionName="f")
    await weeks.node.settle()
    await weeks.after(0)
    await weeks.after(13.9)
    assert weeks.version("1").state is State.ACTIVE
    await weeks.after(0.2)
    assert weeks.version("1").state is State.INACTIVE
    assert weeks.version().state is State.ACTIVE
    weeks.idleness.wake(weeks.version("1"))
    while weeks.version("1").state is not State.ACTIVE:
        await weeks.node.settle()
        await weeks.after(0)
