"""What the settings say about networks, and the rules that come of it."""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from stoker.config import Settings, SettingsError, load_settings
from stoker.sandbox.network.addresses import AddressPool, unused_range
from stoker.sandbox.network.declared import declared_networks, outbound_rule
from stoker.sandbox.network.records import EVERYTHING, ISOLATED, Network, Rule
from stoker.sandbox.network.resolvers import host_nameservers
from stoker.sandbox.network.rules import closed_ranges, sandbox_table

SUBNET = {"vpc": "vpc-1", "cidr": "10.20.1.0/24"}


def declared(**settings: Any) -> Any:
    return declared_networks(Settings(nameservers="192.0.2.53", **settings))


def test_a_subnet_has_its_upper_half_for_functions() -> None:
    subnet = declared(subnets={"subnet-1": SUBNET}).subnets["subnet-1"]
    assert (str(subnet.first_address), str(subnet.last_address)) == ("10.20.1.128", "10.20.1.254")
    assert (str(subnet.gateway), subnet.has_internet, subnet.bridge) == ("10.20.1.1", False, "")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"subnets": {"x": SUBNET}}, "subnets.x: a subnet's name is"),
        ({"subnets": {"subnet-1": {"cidr": "10.0.0.0/24"}}}, "subnets.subnet-1.vpc: is missing"),
        ({"subnets": {"subnet-1": SUBNET | {"cidr": "10.20.1.7/24"}}}, "subnets.subnet-1.cidr: '10.20.1.7/24' is no"),
        ({"subnets": {"subnet-1": SUBNET | {"cidr": "10.20.1.0/31"}}}, "too small"),
        ({"subnets": {"subnet-1": SUBNET | {"nat": True}}}, "unknown member 'nat'"),
        ({"subnets": {"subnet-1": SUBNET | {"internet": "yes"}}}, "must be true or false"),
        ({"subnets": {"subnet-1": SUBNET | {"bridge": 'a"; drop'}}}, "no name of an interface"),
        ({"subnets": {"subnet-1": SUBNET | {"gateway": "10.9.9.9"}}}, "not in 10.20.1.0/24"),
        ({"subnets": {"subnet-1": SUBNET | {"addresses": "10.20.1.9-10.20.1.2"}}}, "must be two addresses"),
        ({"subnets": {"subnet-1": SUBNET | {"addresses": "10.20.1.1-10.20.1.9"}}}, "the gateway's"),
        ({"subnets": {"subnet-1": SUBNET, "subnet-2": SUBNET}}, "overlaps"),
        ({"security_groups": {"sg-1": {"outbound": ["10.0.0.0/8:99999/tcp"]}}}, "ports go from 0 to 65535"),
        ({"security_groups": {"sg-1": {"outbound": ["10.0.0.0/8:ssh"]}}}, "is no rule"),
        ({"security_groups": {"group": {}}}, "a security group's name is"),
        ({"internet_allow": "10.0.0.1/8"}, "setting 'internet_allow'"),
        ({"uplinks": "eth0;reboot"}, "setting 'uplinks'"),
        ({"internet_range": "10.0.0.0/30"}, "too small"),
    ],
)
def test_a_mistake_is_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=r"^[^\n]*$") as refusal:
        declared(**settings)
    assert said in str(refusal.value)


def test_networks_are_declared_in_the_settings_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "stoker.toml"
    file.write_text('[subnets.subnet-1]\nvpc = "vpc-1"\ncidr = "10.20.1.0/24"\n')
    environment = {"STOKER_SECURITY_GROUPS": '{"sg-1": {"outbound": []}}', "STOKER_NETWORK": "internet"}
    networks = declared_networks(load_settings(file, environment, {}))
    assert list(networks.subnets) == ["subnet-1"]
    assert networks.security_groups["sg-1"].outbound == ()
    with pytest.raises(SettingsError, match="must be a table of tables"):
        load_settings(None, {"STOKER_SUBNETS": '{"subnet-1": "10.0.0.0/8"}'}, {})


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("0.0.0.0/0", EVERYTHING),
        ("10.0.0.0/8:icmp", Rule(IPv4Network("10.0.0.0/8"), "icmp")),
        ("10.0.0.0/8:443/tcp", Rule(IPv4Network("10.0.0.0/8"), "tcp", 443, 443)),
        ("10.0.0.1/32:1000-2000/udp", Rule(IPv4Network("10.0.0.1/32"), "udp", 1000, 2000)),
    ],
)
def test_rules_are_read(text: str, rule: Rule) -> None:
    assert outbound_rule(text, "here") == rule


def test_a_function_without_vpc_config_has_the_nodes_default_and_one_with_it_the_declared_subnets() -> None:
    networks = declared(network="internet", subnets={"subnet-1": SUBNET}, security_groups={"sg-1": {}})
    assert networks.of_function("f", (), ()).kind == "internet"
    assert networks.of_function("f", ("subnet-1", "subnet-9"), ("sg-1",)) == Network("vpc", ("subnet-1",), ("sg-1",))
    assert networks.of_function("f", ("subnet-9",), ("sg-1",)) == ISOLATED


def test_functions_get_another_network_by_name_and_the_first_pattern_counts() -> None:
    by_name = {"crawler": "internet", "report-*": "isolated", "r*": "internet"}
    networks = declared(function_networks=by_name)
    assert networks.has_ways_out
    assert networks.nameservers
    kinds = [networks.of_function(name, (), ()).kind for name in ("crawler", "crawler2", "report-1", "rest")]
    assert kinds == ["internet", "isolated", "isolated", "internet"]
    assert not declared(function_networks={"report-*": "isolated"}).has_ways_out
    with pytest.raises(SettingsError, match=r"function_networks\.f: must be one of isolated, internet"):
        declared(function_networks={"f": "vpc"})


def test_nothing_opens_the_loopback_and_the_metadata_address() -> None:
    closed = closed_ranges([IPv4Network("0.0.0.0/0")])
    assert closed == [IPv4Network("0.0.0.0/8"), IPv4Network("127.0.0.0/8"), IPv4Network("169.254.0.0/16")]


def test_an_open_part_leaves_the_rest_of_its_range_closed() -> None:
    closed = closed_ranges([IPv4Network("10.20.1.0/24")])
    for address, is_closed in (("10.20.1.7", False), ("10.20.0.255", True), ("10.20.2.0", True), ("172.16.0.1", True)):
        assert any(IPv4Address(address) in network for network in closed) == is_closed, address


def test_without_rules_everything_but_names_is_refused() -> None:
    table = sandbox_table([], [], [IPv4Address("192.0.2.53")])
    accepted = [line.strip() for line in table.splitlines() if line.strip().endswith("accept")]
    assert accepted == [
        'oifname "lo" accept',
        "ct state established,related accept",
        "ip daddr 192.0.2.53 meta l4proto { tcp, udp } th dport 53 accept",
        'iifname "lo" accept',
        "ct state established,related accept",
    ]


def test_a_pool_hands_out_each_address_once_and_those_given_back_again() -> None:
    pool = AddressPool(IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"))
    first, second = pool.take(), pool.take()
    assert (str(first), str(second), pool.take(), pool.is_empty) == ("10.0.0.1", "10.0.0.2", None, True)
    assert first is not None
    pool.give_back(first)
    assert pool.take() == first


def test_a_range_is_chosen_that_the_host_does_not_use() -> None:
    assert unused_range([], 1) == IPv4Network("10.213.16.0/20")
    assert unused_range([IPv4Network("10.213.16.0/24")], 1) == IPv4Network("10.213.32.0/20")
    assert unused_range([IPv4Network("10.0.0.0/8")], 1) is None


def test_a_resolver_on_the_hosts_loopback_is_passed_over(tmp_path: Path) -> None:
    stub, upstream = tmp_path / "stub", tmp_path / "upstream"
    stub.write_text("nameserver 127.0.0.53\nnameserver ::1\n")
    upstream.write_text("# none\nnameserver 192.0.2.1\nsearch example\nnameserver 192.0.2.2\n")
    assert host_nameservers((stub, upstream)) == (IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"))
    assert host_nameservers((stub,)) == ()
