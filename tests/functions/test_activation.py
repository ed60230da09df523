import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stoker.functions.architecture import host_architecture
from stoker.functions.code import Code
from stoker.functions.configuration import default_configuration
from stoker.functions.create import Creation, created
from stoker.functions.records import LastUpdateStatus, Reason, State
from stoker.functions.sealing import Variables
from stoker.functions.update import settled
from tests.code.archives import archive
from tests.functions.conftest import StartNode
from tests.functions.node import APP, OTHER_APP, ROLE, Node

PYTHON = f"python3.{sys.version_info.minor}"

# Creates and updates functions, saying each name once the answer is there, until it is killed.
DEPLOYER = """
import asyncio, sys
from pathlib import Path
from tests.functions.node import ROLE, archive, running_node

async def main():
    async with running_node(Path(sys.argv[1]), delay_s=60.0) as node:
        for number in range(1_000_000):
            basic = {"Runtime": "provided.al2023", "Handler": "h", "Role": ROLE, "Publish": True}
            code = {"ZipFile": archive({"bootstrap": str(number)})}
            await node.call("CreateFunction", FunctionName=f"f{number}", Code=code, **basic)
            print(number, flush=True)

asyncio.run(main())
"""


async def test_python_code_has_bytecode_when_the_function_becomes_active(node: Node) -> None:
    source = archive({"app.py": "def handler(event, context): return event\n"})
    await node.create(Runtime=PYTHON, Handler="app.handler", Code={"ZipFile": source})
    tree = node.code_store.tree(node.registry.resolve(node.target("f")).code)
    assert Path(importlib.util.cache_from_source(str(tree / "app.py"))).exists()


async def test_a_function_found_pending_after_a_restart_becomes_active(start_node: StartNode) -> None:
    node = await start_node(delay_s=60.0)
    basic = {"Runtime": "provided.al2023", "Handler": "h", "Role": ROLE, "Code": {"ZipFile": APP}}
    await node.call("CreateFunction", FunctionName="f", Publish=True, **basic)
    node = await start_node()
    await node.settle()
    for qualifier in ("$LATEST", "1"):
        assert node.registry.resolve(node.target("f", qualifier)).state is State.ACTIVE


async def test_an_update_found_in_progress_after_a_restart_succeeds(start_node: StartNode) -> None:
    node = await start_node()
    await node.create()
    node = await start_node(delay_s=60.0)
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    node = await start_node()
    await node.settle()
    version = node.registry.resolve(node.target("f"))
    assert version.last_update_status is LastUpdateStatus.SUCCESSFUL
    assert version.code.size_bytes == len(OTHER_APP)


async def test_a_function_deleted_while_it_is_pending_stays_deleted(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.05)
    basic = {"Runtime": "provided.al2023", "Handler": "h", "Role": ROLE, "Code": {"ZipFile": APP}}
    await node.call("CreateFunction", FunctionName="f", **basic)
    first = node.registry.function(node.target("f"))
    await node.call("DeleteFunction", FunctionName="f")
    await node.create()
    second = node.registry.function(node.target("f"))
    assert second.id != first.id
    assert second.latest.state is State.ACTIVE


async def test_a_creation_that_fails_says_why_and_an_update_is_another_chance(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "")
    node = await start_node(runtimes_dir=tmp_path / "no-runtimes")
    package = await node.code_store.put(APP)
    configuration = replace(default_configuration("f"), runtime="nodejs24.x", handler="app.handler", role=ROLE)
    function = created(
        Creation(node.target("f"), configuration, Variables(None, None), Code(package), host_architecture(), {}), ""
    )
    await node.registry.change(function.key, lambda _: function)
    node.activation.start(function)
    await node.settle()
    shown = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "InvalidRuntime")
    assert "nodejs24.x" in shown["StateReason"]
    assert node.registry.resolve(node.target("f")).state is State.FAILED
    await node.call("UpdateFunctionConfiguration", FunctionName="f", Runtime="provided.al2023")
    await node.settle()
    assert node.registry.resolve(node.target("f")).state is State.ACTIVE


async def test_an_update_that_fails_leaves_the_old_version_running(start_node: StartNode) -> None:
    node = await start_node(delay_s=0.05)
    await node.create()
    old = node.registry.resolve(node.target("f"))
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    reason = Reason("for a test", "InternalError")
    await node.registry.change(node.target("f").key, lambda function: function and settled(function, reason))
    shown = await node.call("GetFunctionConfiguration", FunctionName="f")
    assert (shown["State"], shown["LastUpdateStatus"]) == ("Active", "Failed")
    assert (shown["LastUpdateStatusReason"], shown["LastUpdateStatusReasonCode"]) == ("for a test", "InternalError")
    assert node.registry.resolve(node.target("f")) is old
    await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_APP)
    await node.settle()
    assert node.registry.resolve(node.target("f")).code.size_bytes == len(OTHER_APP)


async def test_every_acknowledged_function_survives_kill_9_and_becomes_active(
    start_node: StartNode, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", DEPLOYER, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as deployer:
        assert deployer.stdout is not None
        acknowledged = [int(next(deployer.stdout)) for _ in range(20)]
        deployer.kill()
        acknowledged += [int(line) for line in deployer.stdout if line.endswith("\n")]
    node = await start_node()
    await node.settle()
    for number in acknowledged:
        for qualifier in (None, "1"):
            version = node.registry.resolve(node.target(f"f{number}", qualifier))
            assert version.state is State.ACTIVE
            assert (node.code_store.tree(version.code) / "bootstrap").read_text() == str(number)
