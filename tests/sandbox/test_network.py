"""Sandboxes with a way out, in a world of network namespaces: what they reach, and what is left when they are gone."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stoker.config import Settings
from stoker.limits import Limits
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.network.declared import declared_networks
from stoker.sandbox.network.networks import Networks, node_id_of
from stoker.sandbox.network.records import INTERNET as TO_INTERNET
from stoker.sandbox.network.records import ISOLATED, Network
from stoker.sandbox.plain import PlainSandboxes
from stoker.sandbox.sandbox import SandboxError, SandboxSpec

from .conftest import LIMIT_S, Exits, printed, shell
from .network_world import CIDR, DATABASE, HOST, INTERNET, METADATA, NOTHING, PRIVATE, World, inside, missing

SUBNET, OWN_SUBNET, SMALL_SUBNET = "subnet-0001", "subnet-0002", "subnet-0003"
SETTINGS: dict[str, Any] = {
    "network": "internet",
    "nameservers": INTERNET,
    "subnets": {
        SUBNET: {"vpc": "vpc-1", "cidr": CIDR, "bridge": "br-priv"},
        OWN_SUBNET: {"vpc": "vpc-1", "cidr": "10.20.2.0/24", "internet": True},
        SMALL_SUBNET: {"vpc": "vpc-1", "cidr": "10.20.3.0/24", "addresses": "10.20.3.10"},
    },
    "security_groups": {
        "sg-db": {"outbound": [f"{CIDR}:5432/tcp"]},
        "sg-web": {"outbound": ["0.0.0.0/0:443/tcp"]},
        "sg-all": {},
    },
}


@pytest.fixture(autouse=True, scope="module")
def needs() -> None:
    if why := missing():
        pytest.skip(why)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world, inside(world.host):
        yield world


def make_maker(data: Path, **changes: Any) -> NamespaceSandboxes:
    settings = Settings(data=data, **{**SETTINGS, **changes})
    networks = Networks(settings, declared_networks(settings), node_id_of(data))
    return NamespaceSandboxes(data, data / "code", networks, limits=Limits())


@pytest.fixture
async def maker(world: World, tmp_path: Path) -> AsyncIterator[NamespaceSandboxes]:
    async with make_maker(tmp_path / "data") as maker:
        yield maker
    assert world.traces() == NOTHING


def vpc(subnet: str, *groups: str) -> Network:
    return Network("vpc", (subnet,), groups)


async def reached(maker: NamespaceSandboxes, spec: SandboxSpec, network: Network, *targets: str) -> list[str]:
    """Those of `targets` (address:port) to which a connection comes about from inside a sandbox."""
    tries = "".join(f"try {target.replace(':', ' ')} &\n" for target in targets)
    script = (
        'try() { timeout 1 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null && echo reached $1:$2; }\n'
        f"{tries}wait; echo done; sleep 100"
    )
    sandbox = await maker.make(replace(spec, network=network), shell(script), Exits())
    async with asyncio.timeout(2 * LIMIT_S):
        text = await printed(sandbox.output, "done\n")
    sandbox.kill()
    await sandbox.wait_closed()
    os.close(sandbox.output)
    found = {line.split()[1] for line in text.splitlines() if line.startswith("reached")}
    return [target for target in targets if target in found]


async def test_the_internet_is_reached_by_the_hosts_address_and_nothing_else_is(
    world: World, maker: NamespaceSandboxes, spec: SandboxSpec
) -> None:
    wanted = world.serve(world.internet, INTERNET, 80)
    others = [world.serve(world.internet, address, 80) for address in (METADATA, PRIVATE)]
    others += [world.serve(world.host, "0.0.0.0", 8080), world.serve(world.database, DATABASE, 80)]
    targets = [f"{METADATA}:80", f"{PRIVATE}:80", f"{HOST}:8080", "10.20.1.1:8080", "10.213.0.1:8080", "127.0.0.1:8080"]
    found = await reached(maker, spec, TO_INTERNET, f"{INTERNET}:80", *targets, f"{DATABASE}:80")
    assert found == [f"{INTERNET}:80"]
    assert wanted.heard == [HOST]
    assert [server.heard for server in others] == [[], [], [], []]


async def test_a_private_range_is_reached_when_the_settings_allow_it(
    world: World, tmp_path: Path, spec: SandboxSpec
) -> None:
    world.serve(world.internet, PRIVATE, 80)
    world.serve(world.internet, METADATA, 80)
    async with make_maker(tmp_path / "data", internet_allow="192.168.77.0/24 169.254.0.0/16") as maker:
        found = await reached(maker, spec, TO_INTERNET, f"{PRIVATE}:80", f"{METADATA}:80")
    assert found == [f"{PRIVATE}:80"]


async def test_names_are_resolved_by_the_configured_nameserver(
    world: World, maker: NamespaceSandboxes, spec: SandboxSpec
) -> None:
    world.resolve()
    world.serve(world.internet, INTERNET, 80)
    assert await reached(maker, spec, TO_INTERNET, "www.example:80") == ["www.example:80"]
    assert await reached(maker, spec, ISOLATED, "www.example:80", f"{INTERNET}:80") == []


@pytest.mark.parametrize("network", [TO_INTERNET, vpc(SUBNET, "sg-all"), vpc(OWN_SUBNET, "sg-all")])
async def test_two_sandboxes_do_not_reach_each_other(
    maker: NamespaceSandboxes, spec: SandboxSpec, network: Network
) -> None:
    script = (
        "exec python3 -c 'import socket, subprocess\n"
        'print(subprocess.check_output(["hostname", "-I"]).decode(), end="")\n'
        'server = socket.create_server(("0.0.0.0", 7000)); print("listening", flush=True); server.accept()\n'
        'print("HEARD")\''
    )
    other = await maker.make(replace(spec, network=network), shell(script), Exits())
    address = (await printed(other.output, "listening")).split()[0]
    # What follows first is the sandbox's own link-local address.
    assert await reached(maker, spec, network, f"{address}:7000") == []
    os.set_blocking(other.output, False)
    with pytest.raises(BlockingIOError):
        os.read(other.output, 1)


async def test_a_private_subnet_reaches_its_database_and_not_the_internet(
    world: World, maker: NamespaceSandboxes, spec: SandboxSpec
) -> None:
    world.serve(world.internet, INTERNET, 443)
    world.serve(world.host, "0.0.0.0", 443)
    database, closed = world.serve(world.database, DATABASE, 5432), world.serve(world.database, DATABASE, 22)
    targets = (f"{DATABASE}:5432", f"{DATABASE}:22", f"{INTERNET}:443", f"{HOST}:443", "10.20.1.1:443")
    assert await reached(maker, spec, vpc(SUBNET, "sg-db"), *targets) == [f"{DATABASE}:5432"]
    assert database.heard == ["10.20.1.128"]
    assert closed.heard == []


async def test_the_rules_of_several_security_groups_add_up(
    world: World, maker: NamespaceSandboxes, spec: SandboxSpec
) -> None:
    for port in (443, 5432, 22):
        world.serve(world.database, DATABASE, port)
    targets = [f"{DATABASE}:{port}" for port in (443, 5432, 22)]
    assert await reached(maker, spec, vpc(SUBNET, "sg-db"), *targets) == targets[1:2]
    assert await reached(maker, spec, vpc(SUBNET, "sg-web"), *targets) == targets[:1]
    assert await reached(maker, spec, vpc(SUBNET, "sg-db", "sg-web"), *targets) == targets[:2]
    assert await reached(maker, spec, vpc(SUBNET, "sg-all"), *targets) == targets


async def test_a_subnet_with_internet_reaches_it_but_not_the_host(
    world: World, maker: NamespaceSandboxes, spec: SandboxSpec
) -> None:
    for port in (443, 80):
        world.serve(world.internet, INTERNET, port)
    world.serve(world.host, "0.0.0.0", 8443)
    found = await reached(
        maker, spec, vpc(OWN_SUBNET, "sg-all"), f"{INTERNET}:443", f"{HOST}:8443", "10.20.2.1:8443", f"{DATABASE}:5432"
    )
    assert found == [f"{INTERNET}:443"]
    assert await reached(maker, spec, vpc(OWN_SUBNET, "sg-web"), f"{INTERNET}:80", f"{INTERNET}:443") == [
        f"{INTERNET}:443"
    ]


async def test_addresses_are_used_again_and_a_full_subnet_says_so(maker: NamespaceSandboxes, spec: SandboxSpec) -> None:
    full = replace(spec, network=vpc(SMALL_SUBNET, "sg-all"))
    first = await maker.make(full, shell("sleep 100"), Exits())
    with pytest.raises(SandboxError, match="no address is free in subnet-0003"):
        await maker.make(full, shell("sleep 100"), Exits())
    first.kill()
    await first.wait_closed()
    second = await maker.make(full, shell("hostname -I; sleep 100"), Exits())
    assert "10.20.3.10" in await printed(second.output, "\n")


async def test_a_sandbox_made_ahead_waits_for_each_network(maker: NamespaceSandboxes, spec: SandboxSpec) -> None:
    await maker.prepare(spec.build, fork=False, network=TO_INTERNET)
    await asyncio.sleep(0)
    async with asyncio.timeout(LIMIT_S):
        await maker._blanks.refilled()
    began = time.monotonic()
    await maker.make(replace(spec, network=TO_INTERNET), shell("sleep 100"), Exits())
    assert time.monotonic() - began < 0.1


async def test_what_a_killed_network_program_left_is_removed_and_its_sandboxes_end(
    world: World, tmp_path: Path, spec: SandboxSpec
) -> None:
    async with make_maker(tmp_path / "data") as maker:
        exits = Exits()
        await maker.make(replace(spec, network=TO_INTERNET), shell("sleep 100"), exits)
        assert maker._networks is not None
        assert maker._networks._program is not None
        os.kill(maker._networks._program.result().pid, signal.SIGKILL)
        assert (await exits.wait()).name
        assert world.traces()["tables"]
        world.serve(world.internet, INTERNET, 80)
        assert await reached(maker, spec, TO_INTERNET, f"{INTERNET}:80") == [f"{INTERNET}:80"]
    assert world.traces() == NOTHING


async def test_rules_of_others_are_left_alone(world: World, tmp_path: Path, spec: SandboxSpec) -> None:
    others = "table inet others {\n\tchain c {\n\t\ttype filter hook forward priority filter; policy accept;\n\t}\n}\n"
    await _nft("-f", "-", text=others)
    async with make_maker(tmp_path / "data") as maker:
        await maker.make(replace(spec, network=TO_INTERNET), shell("sleep 100"), Exits())
    assert await _nft("list", "ruleset") == others


async def _nft(*arguments: str, text: str = "") -> str:
    nft = await asyncio.create_subprocess_exec("nft", *arguments, stdin=-1, stdout=-1)
    output, _ = await nft.communicate(text.encode())
    assert nft.returncode == 0
    return output.decode()


async def test_plain_isolation_refuses_a_subnet(tmp_path: Path, spec: SandboxSpec) -> None:
    async with PlainSandboxes(tmp_path / "plain") as maker:
        with pytest.raises(SandboxError, match="isolation 'plain' has no VpcConfig"):
            await maker.make(replace(spec, network=vpc(SUBNET, "sg-all")), shell("sleep 1"), Exits())


async def test_a_node_without_networks_says_so(tmp_path: Path, spec: SandboxSpec) -> None:
    async with NamespaceSandboxes(tmp_path / "data", tmp_path / "data" / "code", limits=Limits()) as maker:
        with pytest.raises(SandboxError, match="no network of kind internet"):
            await maker.make(replace(spec, network=TO_INTERNET), shell("sleep 1"), Exits())
