import asyncio
import hashlib
from base64 import b64encode

from stoker.functions.architecture import host_architecture
from tests.functions.conftest import StartNode
from tests.functions.node import APP, ARN, OTHER_APP, Node

IN_PROGRESS = (
    "ResourceConflictException",
    f"The operation cannot be performed at this time. An update is in progress for resource: {ARN}f",
)
WRONG_REVISION = (
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
)


async def test_an_update_is_in_progress_then_successful_with_two_new_revisions(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.1)
    await node.create()
    before = await node.call("GetFunctionConfiguration", FunctionName="f")
    updated = await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    assert updated["CodeSha256"] == b64encode(hashlib.sha256(OTHER_APP).digest()).decode()
    assert (updated["FunctionArn"], updated["State"]) == (f"{ARN}f", "Active")
    assert updated["LastUpdateStatus"] == "InProgress"
    assert updated["LastUpdateStatusReason"] == "The function is being created."
    assert updated["LastUpdateStatusReasonCode"] == "Creating"
    await node.settle()
    after = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert after["LastUpdateStatus"] == "Successful"
    assert "LastUpdateStatusReason" not in after
    assert len({before["RevisionId"], updated["RevisionId"], after["RevisionId"]}) == 3
    assert after["LastModified"] == updated["LastModified"] > before["LastModified"]


async def test_a_change_of_nothing_is_an_update_too_but_keeps_environments(node: Node) -> None:
    await node.create()
    build_id = node.registry.resolve(node.target("f")).build_id
    updated = await node.call("UpdateFunctionConfiguration", FunctionName="f")
    assert updated["LastUpdateStatus"] == "InProgress"
    await node.settle()
    assert node.registry.resolve(node.target("f")).build_id == build_id
    assert node.useless == []


async def test_nothing_else_is_accepted_while_an_update_is_in_progress(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.2)
    await node.create()
    await node.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=5)
    assert await node.refusal("UpdateFunctionConfiguration", FunctionName="f", Timeout=6) == IN_PROGRESS
    assert await node.refusal("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP) == IN_PROGRESS
    assert await node.refusal("PublishVersion", FunctionName="f") == IN_PROGRESS


async def test_a_pending_function_cannot_be_updated(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.2)
    creation = asyncio.create_task(node.create())
    while node.registry.find(node.target("f").key) is None:
        await asyncio.sleep(0.005)
    code, message = await node.refusal("UpdateFunctionConfiguration", FunctionName="f", Timeout=6)
    assert code == "ResourceConflictException"
    assert str(message).endswith("The function is currently in the following state: Pending")
    await creation


async def test_of_many_updates_at_once_one_wins(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.2)
    await node.create()
    updates = [node.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=number) for number in range(1, 11)]
    outcomes = await asyncio.gather(*updates, return_exceptions=True)
    assert sum(isinstance(outcome, dict) for outcome in outcomes) == 1


async def test_invocations_run_the_old_version_until_the_update_has_succeeded(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.1)
    await node.create()
    old = node.registry.resolve(node.target("f"))
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    assert node.registry.resolve(node.target("f")) is old
    assert node.useless == []
    await node.settle()
    new = node.registry.resolve(node.target("f"))
    assert new.code != old.code
    assert new.build_id != old.build_id
    assert node.useless == [old]


async def test_a_new_description_is_shown_and_keeps_environments(node: Node) -> None:
    await node.create()
    old = node.registry.resolve(node.target("f"))
    await node.call("UpdateFunctionConfiguration", FunctionName="f", Description="better")
    await node.settle()
    assert node.registry.resolve(node.target("f")).description == "better"
    assert node.registry.resolve(node.target("f")).build_id == old.build_id
    assert node.useless == []


async def test_only_what_is_said_changes(node: Node) -> None:
    await node.create(Environment={"Variables": {"KEY": "v"}}, Timeout=7, LoggingConfig={"LogGroup": "own"})
    before = await node.call("GetFunctionConfiguration", FunctionName="f")
    await node.call(
        "UpdateFunctionConfiguration", FunctionName="f", MemorySize=256, LoggingConfig={"LogFormat": "Text"}
    )
    await node.settle()
    after = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert {name for name in after if after[name] != before[name]} == {"MemorySize", "RevisionId", "LastModified"}


async def test_variables_are_replaced_as_a_whole(node: Node) -> None:
    await node.create(Environment={"Variables": {"KEY": "v"}})
    updated = await node.call("UpdateFunctionConfiguration", FunctionName="f", Environment={"Variables": {"NEW": "n"}})
    assert updated["Environment"] == {"Variables": {"NEW": "n"}}


async def test_a_stale_revision_is_refused_and_the_present_one_accepted(node: Node) -> None:
    stale = (await node.create())["RevisionId"]
    assert await node.refusal("UpdateFunctionCode", FunctionName="f", ZipFile=APP, RevisionId=stale) == WRONG_REVISION
    assert await node.refusal("UpdateFunctionConfiguration", FunctionName="f", RevisionId=stale) == WRONG_REVISION
    assert await node.refusal("PublishVersion", FunctionName="f", RevisionId=stale) == WRONG_REVISION
    present = (await node.call("GetFunctionConfiguration", FunctionName="f"))["RevisionId"]
    await node.call("UpdateFunctionConfiguration", FunctionName="f", RevisionId=present)


async def test_a_dry_run_shows_the_outcome_and_changes_nothing(node: Node) -> None:
    await node.create()
    before = await node.call("GetFunctionConfiguration", FunctionName="f")
    shown = await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP, DryRun=True, Publish=True)
    assert shown["CodeSize"] == len(OTHER_APP)
    assert shown["Version"] == "$LATEST"
    assert await node.call("GetFunctionConfiguration", FunctionName="f") == before


async def test_an_update_with_publish_answers_the_pending_version(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.1)
    await node.create()
    published = await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP, Publish=True)
    assert (published["Version"], published["FunctionArn"], published["State"]) == ("1", f"{ARN}f:1", "Pending")
    assert "LastUpdateStatus" not in published
    latest = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert (latest["State"], latest["LastUpdateStatus"]) == ("Active", "InProgress")
    await node.settle()
    assert (await node.call("GetFunctionConfiguration", FunctionName="f:1"))["State"] == "Active"


async def test_updating_an_unknown_function_is_a_404(node: Node) -> None:
    expected = ("ResourceNotFoundException", f"Function not found: {ARN}f")
    assert await node.refusal("UpdateFunctionCode", FunctionName="f", ZipFile=APP) == expected
    assert await node.refusal("UpdateFunctionConfiguration", FunctionName="f") == expected
    assert await node.refusal("PublishVersion", FunctionName="f") == expected


async def test_the_architecture_can_be_said_again_with_new_code(node: Node) -> None:
    await node.create()
    architectures = [host_architecture()]
    updated = await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP, Architectures=architectures)
    assert updated["Architectures"] == architectures


async def test_a_caller_that_goes_away_does_not_leave_memory_and_database_apart(start_node: StartNode) -> None:
    node = await start_node()
    await node.create()
    caller = asyncio.create_task(node.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=9))
    for _ in range(3):
        await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    await asyncio.sleep(0.05)
    shown = (await node.call("GetFunctionConfiguration", FunctionName="f"))["Timeout"]
    node = await start_node()
    assert (await node.call("GetFunctionConfiguration", FunctionName="f"))["Timeout"] == shown
