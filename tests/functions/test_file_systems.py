"""What FileSystemConfigs may say, and what a function then has."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stoker.errors import EFSMountFailureException, InvalidParameterValueException
from stoker.functions.file_systems import FileSystems, mount_failure
from stoker.functions.records import FileSystem
from stoker.sandbox.sandbox import HostDirectory
from tests.functions.node import Node, running_node
from tests.functions.test_create import BASIC

ARN = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"
UNKNOWN = ARN.replace("fsap-0", "fsap-f")
VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
TO_DECLARE = (
    f"Stoker has no directory for the access point {UNKNOWN}. "
    f'Add "{UNKNOWN}" = "/a/directory/of/this/host" to [file_systems] in stoker.toml and start Stoker again.'
)


def configs(arn: str = ARN, path: str = "/mnt/shared") -> list[dict[str, str]]:
    return [{"Arn": arn, "LocalMountPath": path}]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    for name in ("data", "shared"):
        (tmp_path / name).mkdir()
    async with running_node(tmp_path / "data", file_systems={ARN: str(tmp_path / "shared")}) as node:
        yield node


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"FileSystemConfigs": configs()},
            f"Function must be configured to execute in a VPC to reference access point {ARN}",
        ),
        ({"FileSystemConfigs": configs(UNKNOWN), "VpcConfig": VPC}, TO_DECLARE),
        (
            {"FileSystemConfigs": configs(path="/mnt/.."), "VpcConfig": VPC},
            "LocalMountPath /mnt/.. is no directory of its own below /mnt.",
        ),
        (
            {"FileSystemConfigs": configs(path="/mnt/."), "VpcConfig": VPC},
            "LocalMountPath /mnt/. is no directory of its own below /mnt.",
        ),
        # It is the VPC then that this node does not have.
        ({"FileSystemConfigs": configs(), "VpcConfig": VPC}, "The subnet ID 'subnet-1' does not exist"),
    ],
    ids=["no VPC", "not declared", "parent", "itself", "declared"],
)
async def test_what_is_refused_and_how(node: Node, members: dict[str, Any], message: str) -> None:
    expected = ("InvalidParameterValueException", message)
    assert await node.refusal("CreateFunction", **(BASIC | members)) == expected
    await node.create("g")
    assert await node.refusal("UpdateFunctionConfiguration", FunctionName="g", **members) == expected


def test_isolation_plain_refuses_them_by_name() -> None:
    systems = FileSystems({ARN: Path("/srv")}, has_isolation=False)
    systems.check([])
    with pytest.raises(InvalidParameterValueException, match="does not support FileSystemConfigs with isolation plain"):
        systems.check([FileSystem(ARN, "/mnt/shared")])


def test_a_version_has_the_directory_of_its_access_point_at_its_path() -> None:
    systems = FileSystems({ARN: Path("/srv/shared")}, has_isolation=True)
    wanted = [FileSystem(ARN, "/mnt/a")]
    systems.check(wanted)
    assert systems.directories(wanted) == (HostDirectory(Path("/srv/shared"), "/mnt/a"),)
    assert systems.directories([]) == ()


def test_an_access_point_that_left_the_settings_is_a_mount_failure() -> None:
    with pytest.raises(EFSMountFailureException) as raised:
        FileSystems({}, has_isolation=True).directories([FileSystem(UNKNOWN, "/mnt/a")])
    assert (raised.value.status, raised.value.message) == (403, TO_DECLARE)
    assert mount_failure([FileSystem(ARN, "/mnt/a")]).status == 403
