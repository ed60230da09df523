"""Functions with a way out, on a whole node: what they can reach, what they cannot, and what a node leaves behind.

The node runs in a namespace that stands for the host, with another one as the internet behind it.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node, NodeProcess, deployer
from tests.sandbox.network_world import (
    CIDR,
    DATABASE,
    HOST,
    INTERNET,
    METADATA,
    NOTHING,
    PRIVATE,
    World,
    inside,
    missing,
)

HOSTILE = Path(__file__).parent / "hostile"
RUNTIME = f"python3.{sys.version_info[1]}"
CLEAN_WITHIN_S = 10.0
SUBNETS = {
    "subnet-0001": {"vpc": "vpc-1", "cidr": CIDR, "bridge": "br-priv"},
    "subnet-0002": {"vpc": "vpc-2", "cidr": "10.20.2.0/24"},
}
GROUPS: dict[str, Any] = {"sg-db": {"outbound": [f"{CIDR}:5432/tcp"]}, "sg-2": {"vpc": "vpc-2"}}
SETTINGS = {
    "STOKER_NETWORK": "internet",
    "STOKER_FUNCTION_NETWORKS": json.dumps({"kept-in-*": "isolated"}),
    "STOKER_NAMESERVERS": INTERNET,
    "STOKER_SUBNETS": json.dumps(SUBNETS),
    "STOKER_SECURITY_GROUPS": json.dumps(GROUPS),
}

Start = Callable[..., tuple[NodeProcess, Node]]


@pytest.fixture(autouse=True, scope="module")
def needs() -> None:
    if why := missing():
        pytest.skip(why)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world, inside(world.host):
        yield world


class Functions:
    """Deploys one of `hostile/network.py` for each network, and asks it."""

    def __init__(self, node: Node) -> None:
        self.client = node.client("lambda")
        self.deploy, self.clean_up = deployer(self.client)

    def make(self, handler: str = "connect", name: str | None = None, **configuration: Any) -> str:
        return self.deploy(
            name,
            {"network.py": (HOSTILE / "network.py").read_text()},
            runtime=RUNTIME,
            handler=f"network.{handler}",
            Timeout=60,
            **configuration,
        )

    def ask(self, name: str, event: object) -> Any:
        return json.loads(self.client.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read())

    def reached(self, name: str, *to: tuple[str, int]) -> list[tuple[str, int]]:
        answers = self.ask(name, {"to": to})
        return [(host, port) for host, port in to if answers[f"{host}:{port}"] == "CONNECTED"]


def test_a_function_reaches_the_internet_and_nothing_of_the_host(world: World, start_node: Start) -> None:
    world.resolve()
    server = world.serve(world.internet, INTERNET, 80)
    silent = [world.serve(world.internet, address, 80) for address in (METADATA, PRIVATE)]
    silent.append(world.serve(world.host, "0.0.0.0", 8080))
    process, node = start_node(**SETTINGS)
    node_port = int(node.endpoint.rpartition(":")[2])
    functions = Functions(node)
    name = functions.make()
    host = [(address, port) for address in (HOST, "10.20.1.1", "127.0.0.1") for port in (8080, node_port)]
    others = [(METADATA, 80), (PRIVATE, 80), ("::ffff:127.0.0.1", 8080), ("fe80::1", 8080)]
    wanted = [(INTERNET, 80), ("www.example", 80)]
    assert functions.reached(name, *wanted, *host, *others) == wanted
    assert functions.reached(functions.make(name="kept-in-1"), *wanted, *host) == []
    assert server.heard == [HOST, HOST]
    assert [other.heard for other in silent] == [[], [], []]
    assert process.stop() == 0
    assert world.traces() == NOTHING


@pytest.mark.namespaces_only("another kernel refuses, with other numbers")
def test_a_function_with_a_way_out_has_no_rights_over_it(world: World, start_node: Start) -> None:
    _, node = start_node(**SETTINGS)
    functions = Functions(node)
    rights = functions.ask(functions.make("rights"), {})
    assert rights == {"capabilities": "0000000000000000", "raw": "EPERM", "packet": "EAFNOSUPPORT", "route": "EPERM"}


def test_a_function_in_a_subnet_reaches_what_its_security_group_allows(world: World, start_node: Start) -> None:
    database, closed = world.serve(world.database, DATABASE, 5432), world.serve(world.database, DATABASE, 22)
    world.serve(world.internet, INTERNET, 80)
    _, node = start_node(**SETTINGS)
    functions = Functions(node)
    name = functions.make(VpcConfig={"SubnetIds": ["subnet-0001"], "SecurityGroupIds": ["sg-db"]})
    assert functions.client.get_function_configuration(FunctionName=name)["VpcConfig"]["VpcId"] == "vpc-1"
    assert functions.reached(name, (DATABASE, 5432), (DATABASE, 22), (INTERNET, 80), (HOST, 22)) == [(DATABASE, 5432)]
    assert len(database.heard) == 1
    assert closed.heard == []
    # Its Runtime API, which hands out its events and credentials, is for itself alone.
    with inside(world.database), pytest.raises(OSError, match=r"timed out|refused"):
        socket.create_connection((database.heard[0], 9001), timeout=1)


@pytest.mark.parametrize(
    ("vpc", "said"),
    [
        (
            {"SubnetIds": ["subnet-00ff"], "SecurityGroupIds": ["sg-db"]},
            "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. "
            "EC2 Error Message: The subnet ID 'subnet-00ff' does not exist",
        ),
        (
            {"SubnetIds": ["subnet-0001"], "SecurityGroupIds": ["sg-0000"]},
            "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. "
            "EC2 Error Message: The security group 'sg-0000' does not exist",
        ),
        ({"SubnetIds": ["subnet-0001", "subnet-0002"], "SecurityGroupIds": ["sg-db"]}, "in the same VPC"),
        ({"SubnetIds": ["subnet-0001"], "SecurityGroupIds": ["sg-2"]}, "in the same VPC"),
        ({"SubnetIds": ["subnet-0001"], "SecurityGroupIds": []}, "must coexist"),
    ],
)
def test_a_network_that_is_not_there_is_refused_in_awss_words(
    vpc_node: Functions, vpc: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValueException") as refusal:
        vpc_node.make(VpcConfig=vpc)
    assert said in refusal.value.response["Error"]["Message"]


@pytest.fixture(scope="module")
def vpc_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    """A node whose functions never start, so the real host's network is not touched."""
    settings = {**SETTINGS, "STOKER_NETWORK": "isolated", "STOKER_NEIGHBOURS": '{"ec2": "off"}'}
    with NodeProcess(tmp_path_factory.mktemp("vpc") / "data", **settings) as node:
        yield Functions(node)


def test_nothing_is_left_after_the_node_was_killed(world: World, start_node: Start) -> None:
    process, node = start_node(**SETTINGS)
    world.serve(world.internet, INTERNET, 80)
    functions = Functions(node)
    assert functions.reached(functions.make(), (INTERNET, 80))
    assert world.traces()["links"]
    process.kill()
    deadline = time.monotonic() + CLEAN_WITHIN_S
    while world.traces() != NOTHING and time.monotonic() < deadline:
        time.sleep(0.05)
    assert world.traces() == NOTHING


def test_another_node_removes_what_a_killed_node_and_its_program_left(world: World, start_node: Start) -> None:
    process, node = start_node(**SETTINGS)
    functions = Functions(node)
    functions.ask(functions.make(), {"to": []})
    program = _network_program(process.process.pid)
    process.process.send_signal(signal.SIGSTOP)
    os.kill(program, signal.SIGKILL)
    process.kill()
    assert world.traces()["tables"]
    _, other = start_node(**SETTINGS)
    again = Functions(other)
    again.ask(again.make(), {"to": []})
    assert len(world.traces()["tables"]) == 1
    other.stop()


def _network_program(pid: int) -> int:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if Path(f"/proc/{child}/comm").read_text().strip() == "stoker-network":
            return int(child)
    raise AssertionError("no network program runs")
