"""A directory that functions share lets none of them reach further, whatever they leave in it."""

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import NodeProcess, deployer

from .conftest import HOSTILE, RUNTIME, Answer

ARN = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-"
OUTER, INNER, OTHER = (f"{ARN}{digit * 17}" for digit in "abc")
OWNER = 54321
SECRET = "what only the host and another function may read"


@dataclass(frozen=True, slots=True)
class Shared:
    """`make(file, handler, arn)` deploys a function of `hostile/`, `call` invokes it."""

    client: Any
    parent: Path
    make: Callable[[str, str], str]

    def call(self, name: str, event: object) -> Any:
        return Answer(self.client.invoke(FunctionName=name, Payload=json.dumps(event))).value


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]) -> Iterator[Shared]:
    parent = tmp_path_factory.mktemp("shared")
    directories = {OUTER: parent / "outer", INNER: parent / "outer/inner", OTHER: parent / "other"}
    for directory in directories.values():
        directory.mkdir()
        os.chown(directory, OWNER, OWNER)
    (parent / "other/secret").write_text(SECRET)
    (parent / "host").mkdir()
    (parent / "host/secret").write_text(SECRET)
    table = json.dumps({arn: str(path) for arn, path in directories.items()})
    process = NodeProcess(parent / "data", STOKER_FILE_SYSTEMS=table, **isolation)
    node = process.wait_ready()
    ec2 = node.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.30.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="files", Description="files", VpcId=vpc_id)["GroupId"]
    deploy, _ = deployer(node.client("lambda"))

    def make(handler: str, arn: str) -> str:
        module = handler.partition(".")[0]
        return deploy(
            None,
            {f"{module}.py": (HOSTILE / f"{module}.py").read_text()},
            runtime=RUNTIME,
            handler=handler,
            VpcConfig={"SubnetIds": [subnet], "SecurityGroupIds": [group]},
            FileSystemConfigs=[{"Arn": arn, "LocalMountPath": "/mnt/shared"}],
            Timeout=30,
        )

    yield Shared(node.client("lambda"), parent, make)
    assert process.stop() == 0


@pytest.mark.namespaces_only("another kernel refuses, with other numbers")
def test_links_devices_and_set_uid_programs_in_it_lead_nowhere(shared: Shared) -> None:
    outer = shared.parent / "outer"
    links = {"host": str(shared.parent / "host"), "root": "/", "up": "../..", "processes": "/proc/1/root"}
    ended = shared.call(shared.make("shared.plant", OUTER), {"links": links})
    assert ended == {
        "rename": "EROFS",
        "remove": "EROFS",
        "file beside": "EROFS",
        "give away": "EINVAL",
        "device": "EPERM",
    }
    # What the function could not make, the host puts there.
    shutil.copy("/usr/bin/id", outer / "id")
    os.chmod(outer / "id", 0o6755)
    os.mknod(outer / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chmod(outer / "null", 0o666)
    secret = str(shared.parent / "host/secret")
    paths = ["host/secret", f"root{secret}", f"up{secret}", f"processes{secret}", "root/etc/shadow"]
    used = shared.call(shared.make("shared.use", OUTER), {"paths": paths, "program": "id", "device": "null"})
    assert used["user"] == "993"
    assert used["device"] == "EACCES"
    assert {used["read"][path] for path in paths} <= {"ENOENT", "EACCES"}, used


def test_a_link_in_place_of_a_directory_is_not_followed_when_that_one_is_mounted(shared: Shared) -> None:
    name = shared.make("files.read", INNER)
    assert shared.call(name, {"paths": ["/mnt/shared"]}) == {"/mnt/shared": "EMPTY"}
    shared.call(shared.make("shared.plant", OUTER), {"links": {"inner": str(shared.parent / "host")}})
    shared.client.update_function_configuration(FunctionName=name, MemorySize=256)
    shared.client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
    with pytest.raises(ClientError, match="EFSMountFailureException"):
        shared.client.invoke(FunctionName=name, Payload=json.dumps({"paths": ["/mnt/shared/secret"]}))


def test_another_functions_directory_is_nowhere(shared: Shared) -> None:
    own = shared.call(shared.make("shared.look", OTHER), {"name": "secret"})
    assert own["found"] == ["/mnt/shared/secret"]
    others = shared.call(shared.make("shared.look", OUTER), {"name": "secret"})
    assert others["found"] == []
    assert str(shared.parent / "other") not in others["mounts"]
