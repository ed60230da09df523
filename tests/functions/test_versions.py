import asyncio

from tests.functions.conftest import StartNode
from tests.functions.node import APP, ARN, OTHER_APP, Node


async def test_publishing_a_stable_function_is_done_at_once(node: Node) -> None:
    await node.create()
    published = await node.call("PublishVersion", FunctionName="f")
    assert (published["Version"], published["FunctionArn"]) == ("1", f"{ARN}f:1")
    assert (published["State"], published["LastUpdateStatus"]) == ("Active", "Successful")
    assert node.registry.resolve(node.target("f", "1")).version == "1"


async def test_publishing_renews_the_revision_of_latest_and_gives_the_version_a_lasting_one(node: Node) -> None:
    await node.create()
    before = await node.call("GetFunctionConfiguration", FunctionName="f")
    published = await node.call("PublishVersion", FunctionName="f")
    latest = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert len({before["RevisionId"], published["RevisionId"], latest["RevisionId"]}) == 3
    assert latest == before | {"RevisionId": latest["RevisionId"]}
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    await node.settle()
    assert await node.call("GetFunctionConfiguration", FunctionName="f", Qualifier="1") == published


async def test_publishing_the_same_again_answers_the_same_version(node: Node) -> None:
    await node.create()
    first = await node.call("PublishVersion", FunctionName="f")
    latest = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert await node.call("PublishVersion", FunctionName="f", Description="ignored") == first
    assert await node.call("GetFunctionConfiguration", FunctionName="f") == latest
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=APP)
    await node.settle()
    assert await node.call("PublishVersion", FunctionName="f") == first


async def test_a_change_of_code_or_configuration_makes_a_new_version(node: Node) -> None:
    await node.create(Publish=True)
    await node.call("UpdateFunctionConfiguration", FunctionName="f", Description="of latest")
    await node.settle()
    assert (await node.call("PublishVersion", FunctionName="f"))["Version"] == "2"
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    await node.settle()
    assert (await node.call("PublishVersion", FunctionName="f"))["Version"] == "3"


async def test_a_version_has_its_own_description_or_that_of_latest(node: Node) -> None:
    await node.create(Description="of latest")
    assert (await node.call("PublishVersion", FunctionName="f", Description="own"))["Description"] == "own"
    await node.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=4)
    await node.settle()
    assert (await node.call("PublishVersion", FunctionName="f"))["Description"] == "of latest"


async def test_numbers_are_never_used_twice(start_node: StartNode) -> None:
    node = await start_node()
    await node.create(Publish=True)
    await node.call("DeleteFunction", FunctionName="f", Qualifier="1")
    node = await start_node()
    assert (await node.call("PublishVersion", FunctionName="f"))["Version"] == "2"


async def test_a_function_created_again_begins_at_1(node: Node) -> None:
    await node.create(Publish=True)
    await node.call("DeleteFunction", FunctionName="f")
    assert (await node.create(Publish=True))["Version"] == "1"


async def test_a_version_published_while_the_function_is_pending_becomes_active_with_it(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.1)
    creation = asyncio.create_task(node.create())
    while node.registry.find(node.target("f").key) is None:
        await asyncio.sleep(0.005)
    published = await node.call("PublishVersion", FunctionName="f")
    assert (published["State"], published["StateReasonCode"]) == ("Pending", "Creating")
    await creation
    await node.settle()
    assert (await node.call("GetFunctionConfiguration", FunctionName="f:1"))["State"] == "Active"


async def test_another_code_than_the_caller_has_seen_is_not_published(node: Node) -> None:
    present = (await node.create())["CodeSha256"]
    assert await node.refusal("PublishVersion", FunctionName="f", CodeSha256="x") == (
        "InvalidParameterValueException",
        f"CodeSHA256 (x) is different from current CodeSHA256 in $LATEST ({present}). "
        "Please try again with the CodeSHA256 in $LATEST.",
    )
    await node.call("PublishVersion", FunctionName="f", CodeSha256=present)


async def test_versions_are_listed_latest_first_then_by_number_without_states(node: Node) -> None:
    await node.create()
    for number in range(1, 12):
        await node.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=number)
        await node.settle()
        await node.call("PublishVersion", FunctionName="f")
    listed = (await node.call("ListVersionsByFunction", FunctionName="f"))["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", *(str(number) for number in range(1, 12))]
    assert [version["FunctionArn"] for version in listed[:2]] == [f"{ARN}f:$LATEST", f"{ARN}f:1"]
    assert not any(name.startswith(("State", "LastUpdate", "RuntimeVersion")) for name in listed[0])


async def test_versions_of_an_unknown_function_are_a_404(node: Node) -> None:
    expected = ("ResourceNotFoundException", f"Function not found: {ARN}f")
    assert await node.refusal("ListVersionsByFunction", FunctionName="f") == expected


async def test_each_version_has_environments_of_its_own(node: Node) -> None:
    await node.create(Publish=True)
    latest, published = (node.registry.resolve(node.target("f", qualifier)) for qualifier in ("$LATEST", "1"))
    assert latest.build_id != published.build_id
