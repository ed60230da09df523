import struct

from stoker.functions.architecture import host_architecture
from tests.code.archives import archive
from tests.functions.node import APP, Node
from tests.functions.test_create import BASIC

OTHER = {"x86_64": "arm64", "arm64": "x86_64"}[host_architecture()]
MACHINES = {"x86_64": 62, "arm64": 183}


def program(architecture: str) -> bytes:
    """The first bytes of an ELF file, little endian."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, MACHINES[architecture]) + bytes(44)


async def test_code_without_machine_code_runs_as_either_architecture(node: Node) -> None:
    created = await node.create(Architectures=[OTHER])
    assert created["Architectures"] == [OTHER]
    assert (await node.call("GetFunctionConfiguration", FunctionName="f"))["State"] == "Active"


async def test_machine_code_for_the_other_architecture_is_refused_by_the_name_of_the_file(node: Node) -> None:
    package = archive({"bootstrap": "#!/bin/sh\n", "lib/native.so": program(OTHER)})
    changes = {"Code": {"ZipFile": package}, "Architectures": [OTHER]}
    code, message = await node.refusal("CreateFunction", **(BASIC | changes))
    assert code == "InvalidParameterValueException"
    assert f"the architecture {OTHER} on this {host_architecture()} host" in str(message)
    assert "lib/native.so" in str(message)


async def test_machine_code_for_the_other_architecture_is_refused_in_an_update_too(node: Node) -> None:
    await node.create()
    package = archive({"bootstrap": program(OTHER)})
    _, message = await node.refusal("UpdateFunctionCode", FunctionName="f", ZipFile=package, Architectures=[OTHER])
    assert "bootstrap" in str(message)
    assert (await node.call("GetFunctionConfiguration", FunctionName="f"))["Architectures"] == [host_architecture()]


async def test_a_layer_with_machine_code_for_the_other_architecture_is_refused(node: Node) -> None:
    content = {"ZipFile": archive({"lib/x.so": program(OTHER)})}
    layer = await node.call("PublishLayerVersion", LayerName="native", Content=content)
    changes = {"Code": {"ZipFile": APP}, "Architectures": [OTHER], "Layers": [layer["LayerVersionArn"]]}
    _, message = await node.refusal("CreateFunction", **(BASIC | changes))
    assert "lib/x.so" in str(message)


async def test_an_update_of_code_may_change_the_architecture(node: Node) -> None:
    await node.create()
    changed = await node.call("UpdateFunctionCode", FunctionName="f", ZipFile=APP, Architectures=[OTHER])
    assert changed["Architectures"] == [OTHER]
