"""Functions with a file system: a directory of the host that all their environments write as one user."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stoker.sandbox.host import examine
from tests.conftest import Deploy, Node, NodeProcess, deployer

from .calls import invoke

ARN = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-"
ON_DISK, IN_MEMORY, PASSING = (f"{ARN}{digit * 17}" for digit in "123")
# A user that nobody is.
OWNER = 54321
FILES = {
    "handler.py": """
import fcntl, os, stat, time

OUTSIDE = int(open("/proc/self/uid_map").read().split()[1])

def handler(event, context):
    os.chdir("/mnt/shared")
    return globals()[event.pop("do")](**event)

def append(name, text):
    with open(name, "a") as file:
        file.write(text)
    return open(name).read()

def count(times):
    # Without the lock, numbers would be lost: reading and writing are far apart.
    for _ in range(times):
        with open("counter", "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            number = int(file.read() or 0)
            time.sleep(0.002)
            file.truncate(0)
            file.write(str(number + 1))
    return OUTSIDE

def is_locked(name):
    with open(name) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False

def look():
    return {"owner": os.stat(".").st_uid, "me": os.getuid(), "names": os.listdir("/mnt"),
            "base": stat.S_IMODE(os.stat("/mnt").st_mode)}
"""
}


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> None:
    if (report := examine()).isolation != "namespaces":
        pytest.skip(f"needs isolation by namespaces: {report.reason}")


@dataclass(frozen=True, slots=True)
class Shared:
    """A node with three directories to share, and where its functions are."""

    node: Node
    process: NodeProcess
    client: Any
    directories: dict[str, Path]
    vpc: dict[str, Any]

    def configuration(self, arn: str) -> dict[str, Any]:
        return {"VpcConfig": self.vpc, "FileSystemConfigs": [{"Arn": arn, "LocalMountPath": "/mnt/shared"}]}


def directory(parent: Path) -> Path:
    made = Path(tempfile.mkdtemp(dir=parent))
    if os.geteuid() == 0:
        os.chown(made, OWNER, OWNER)
    return made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]) -> Iterator[Shared]:
    parent = tmp_path_factory.mktemp("file-systems")
    memory = directory(Path("/dev/shm"))
    directories = {ON_DISK: directory(parent), IN_MEMORY: memory, PASSING: directory(parent)}
    table = json.dumps({arn: str(path) for arn, path in directories.items()})
    process = NodeProcess(parent / "data", STOKER_FILE_SYSTEMS=table, **isolation)
    with process as node:
        yield Shared(node, process, node.client("lambda"), directories, made_vpc(node))
    shutil.rmtree(memory)


def made_vpc(node: Node) -> dict[str, Any]:
    ec2 = node.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.30.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="files", Description="files", VpcId=vpc_id)["GroupId"]
    return {"SubnetIds": [subnet], "SecurityGroupIds": [group]}


@pytest.fixture
def deploy(shared: Shared) -> Iterator[Deploy]:
    deploy, clean_up = deployer(shared.client)
    yield deploy
    clean_up()


@pytest.mark.parametrize("arn", [ON_DISK, IN_MEMORY], ids=["disk", "memory"])
def test_functions_share_a_directory_that_outlives_their_environments(shared: Shared, deploy: Deploy, arn: str) -> None:
    first, second = (deploy(None, FILES, **shared.configuration(arn)) for _ in range(2))
    assert invoke(shared.client, first, {"do": "append", "name": "a", "text": "1"}).value == "1"
    assert invoke(shared.client, second, {"do": "append", "name": "a", "text": "2"}).value == "12"
    shared.client.update_function_configuration(FunctionName=first, Description="another", MemorySize=256)
    shared.client.get_waiter("function_updated_v2").wait(FunctionName=first, WaiterConfig={"Delay": 0.1})
    assert invoke(shared.client, first, {"do": "append", "name": "a", "text": "3"}).value == "123"
    written = shared.directories[arn] / "a"
    assert written.read_text() == "123"
    owner = shared.directories[arn].stat()
    assert (written.stat().st_uid, written.stat().st_gid) == (owner.st_uid, owner.st_gid)
    looked = invoke(shared.client, second, {"do": "look"}).value
    assert looked == {"owner": 993, "me": 993, "names": ["shared"], "base": 0o755}


@pytest.mark.namespaces_only("locks hold within an environment only (docs/isolation.md)")
def test_environments_that_are_different_users_of_the_host_lock_each_other_out(shared: Shared, deploy: Deploy) -> None:
    name = deploy(None, FILES, Timeout=20, **shared.configuration(ON_DISK))
    callers, times = 3, 20
    with ThreadPoolExecutor(callers) as threads:
        answers = list(
            threads.map(lambda _: invoke(shared.client, name, {"do": "count", "times": times}), [0] * callers)
        )
    users = {answer.value for answer in answers}
    assert (shared.directories[ON_DISK] / "counter").read_text() == str(callers * times)
    if os.geteuid() == 0:
        assert len(users) == callers


@pytest.mark.namespaces_only("locks hold within an environment only (docs/isolation.md)")
def test_a_lock_of_the_host_counts_inside(shared: Shared, deploy: Deploy) -> None:
    name = deploy(None, FILES, **shared.configuration(ON_DISK))
    file = shared.directories[ON_DISK] / "locked"
    with file.open("w") as held:
        os.chmod(file, 0o666)
        fcntl.flock(held, fcntl.LOCK_EX)
        assert invoke(shared.client, name, {"do": "is_locked", "name": "locked"}).value is True
    assert invoke(shared.client, name, {"do": "is_locked", "name": "locked"}).value is False


def test_a_directory_that_has_gone_is_awss_own_error_until_it_is_back(shared: Shared, deploy: Deploy) -> None:
    name = deploy(None, FILES, **shared.configuration(PASSING))
    path = shared.directories[PASSING]
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(ClientError) as raised:
        shared.client.invoke(FunctionName=name)
    response = raised.value.response
    assert response["Error"]["Code"] == "EFSMountFailureException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert response["Message"] == (
        f"The function couldn't mount the file system of the access point {PASSING}. The log of Stoker says why."
    )
    assert f"{path} cannot be opened: No such file or directory" in shared.process.log.read_text()
    # A symbolic link is no directory: it could lead anywhere.
    path.symlink_to(path.with_name("elsewhere"))
    with pytest.raises(ClientError, match="EFSMountFailureException"):
        shared.client.invoke(FunctionName=name)
    path.unlink()
    path.with_name("elsewhere").rename(path)
    assert invoke(shared.client, name, {"do": "append", "name": "a", "text": "1"}).value == "1"


def test_a_function_without_a_file_system_finds_nothing_at_mnt(shared: Shared, deploy: Deploy) -> None:
    name = deploy(None, {"handler.py": "import os\ndef handler(event, context):\n    return os.listdir('/mnt')\n"})
    assert invoke(shared.client, name).value == []


def test_what_the_settings_do_not_name_is_refused_with_what_to_do(shared: Shared, deploy: Deploy) -> None:
    unknown = f"{ARN}{'9' * 17}"
    name = deploy(None, FILES, **shared.configuration(ON_DISK))
    shown = shared.client.get_function_configuration(FunctionName=name)["FileSystemConfigs"]
    assert shown == [{"Arn": ON_DISK, "LocalMountPath": "/mnt/shared"}]
    with pytest.raises(ClientError) as raised:
        shared.client.update_function_configuration(FunctionName=name, **shared.configuration(unknown))
    assert raised.value.response["Error"]["Code"] == "InvalidParameterValueException"
    one = {"Arn": ON_DISK, "LocalMountPath": "/mnt/shared"}
    for wrong in ([one | {"LocalMountPath": "/srv/shared"}], [one, one], [one | {"Arn": "fsap-1"}]):
        with pytest.raises(ClientError, match="ValidationException"):
            shared.client.update_function_configuration(FunctionName=name, FileSystemConfigs=wrong)
    assert f'Add "{unknown}" = "/a/directory/of/this/host" to [file_systems] in stoker.toml' in str(raised.value)


def test_an_access_point_that_left_the_settings_is_told_at_the_next_call(
    start_node: Callable[..., tuple[NodeProcess, Node]], tmp_path: Path
) -> None:
    table = json.dumps({ON_DISK: str(directory(tmp_path))})
    process, node = start_node(STOKER_FILE_SYSTEMS=table)
    shared = Shared(node, process, node.client("lambda"), {}, made_vpc(node))
    deploy, _ = deployer(shared.client)
    name = deploy("f", FILES, **shared.configuration(ON_DISK))
    process.stop()
    _, again = start_node(data=node.data)
    with pytest.raises(ClientError) as raised:
        again.client("lambda").invoke(FunctionName=name)
    assert raised.value.response["Error"]["Code"] == "EFSMountFailureException"
    assert "to [file_systems] in stoker.toml" in raised.value.response["Message"]
