"""What the settings say about networks, checked completely at start: a mistake is a SettingsError that names it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from stoker.config import Settings, SettingsError
from stoker.sandbox.network.records import (
    EVERYTHING,
    INTERNET,
    ISOLATED,
    DeclaredNetworks,
    Network,
    Protocol,
    Rule,
    SecurityGroup,
    Subnet,
)
from stoker.sandbox.network.resolvers import host_nameservers

_MODES = {"isolated": ISOLATED, "internet": INTERNET}
# Lambda's own patterns (service model, SubnetId and SecurityGroupId).
_SUBNET_ID = re.compile(r"subnet-[0-9a-z]+")
_SECURITY_GROUP_ID = re.compile(r"sg-[0-9a-zA-Z]+")
# What the kernel takes as a name of an interface (dev_valid_name), without characters that mean something to nft.
_INTERFACE = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?/(tcp|udp)")
_SUBNET_MEMBERS = {"vpc", "cidr", "bridge", "internet", "gateway", "addresses"}
_GROUP_MEMBERS = {"vpc", "outbound"}
# Network, gateway, one sandbox's address, broadcast: less is no subnet.
_PREFIX_LENGTH_MAX = 30
_INTERNET_RANGE_LENGTH_MAX = 29
RULES_MAX = 60  # outbound rules of an AWS security group (VPC quotas)


def declared_networks(settings: Settings) -> DeclaredNetworks:
    """Raises SettingsError."""
    subnets = {name: _subnet(name, members) for name, members in settings.subnets.items()}
    groups = {name: _security_group(name, members) for name, members in settings.security_groups.items()}
    _check_bridges(list(subnets.values()))
    networks = DeclaredNetworks(
        default=_MODES[settings.network],
        by_name=tuple((pattern, _mode(pattern, name)) for pattern, name in settings.function_networks.items()),
        subnets=subnets,
        security_groups=groups,
        allowed=tuple(_network(text, "setting 'internet_allow'") for text in settings.internet_allow.split()),
        uplinks=tuple(_interface(text, "setting 'uplinks'") for text in settings.uplinks.split()),
        internet_range=_internet_range(settings.internet_range),
    )
    return replace(networks, nameservers=_nameservers(settings)) if networks.has_ways_out else networks


def _mode(pattern: str, name: str) -> Network:
    if name not in _MODES:
        raise SettingsError(f"function_networks.{pattern}: must be one of {', '.join(_MODES)}")
    return _MODES[name]


def _nameservers(settings: Settings) -> tuple[IPv4Address, ...]:
    if not settings.nameservers:
        return host_nameservers()
    return tuple(_address(text, "setting 'nameservers'") for text in settings.nameservers.split())


def _internet_range(text: str) -> IPv4Network | None:
    if not text:
        return None
    network = _network(text, "setting 'internet_range'")
    if network.prefixlen > _INTERNET_RANGE_LENGTH_MAX:
        raise SettingsError(f"setting 'internet_range': {network} is too small, take /{_INTERNET_RANGE_LENGTH_MAX}")
    return network


def _subnet(name: str, members: Any) -> Subnet:
    where = f"subnets.{name}"
    members = _table(members, where, _SUBNET_MEMBERS)
    if not _SUBNET_ID.fullmatch(name):
        raise SettingsError(f"{where}: a subnet's name is 'subnet-' with letters and digits")
    cidr = _network(_text(members, "cidr", where), f"{where}.cidr")
    if cidr.prefixlen > _PREFIX_LENGTH_MAX:
        raise SettingsError(f"{where}.cidr: {cidr} is too small, take /{_PREFIX_LENGTH_MAX} or larger")
    gateway = _address(members.get("gateway", str(cidr[1])), f"{where}.gateway")
    if gateway not in cidr:
        raise SettingsError(f"{where}.gateway: {gateway} is not in {cidr}")
    has_internet = members.get("internet", False)
    if not isinstance(has_internet, bool):
        raise SettingsError(f"{where}.internet: must be true or false")
    first, last = _addresses(members.get("addresses"), cidr, f"{where}.addresses")
    if first <= gateway <= last:
        raise SettingsError(f"{where}.addresses: {gateway} is the gateway's, not for functions")
    bridge = members.get("bridge", "")
    if bridge:
        _interface(bridge, f"{where}.bridge")
    return Subnet(
        name, _text(members, "vpc", where), cidr, bridge, has_internet, gateway, first_address=first, last_address=last
    )


def _addresses(given: Any, cidr: IPv4Network, where: str) -> tuple[IPv4Address, IPv4Address]:
    """The first and the last address for functions; by default the upper half, so that the lower is the owner's."""
    if given is None:
        return cidr[cidr.num_addresses // 2], cidr[-2]
    first_text, dash, last_text = str(given).partition("-")
    first = _address(first_text.strip(), where)
    last = _address(last_text.strip(), where) if dash else first
    if first > last or not (cidr[0] < first and last < cidr[-1]):
        raise SettingsError(f"{where}: must be two addresses of {cidr} with a dash, the lower one first")
    return first, last


def _check_bridges(subnets: list[Subnet]) -> None:
    """Two subnets on one bridge could hear each other; two of the same addresses could not be told apart."""
    for number, subnet in enumerate(subnets):
        for other in subnets[:number]:
            if subnet.cidr.overlaps(other.cidr):
                raise SettingsError(f"subnets.{subnet.id}.cidr: {subnet.cidr} overlaps {other.cidr} of {other.id}")
            if subnet.bridge and subnet.bridge == other.bridge:
                raise SettingsError(f"subnets.{subnet.id}.bridge: {subnet.bridge} is {other.id}'s already")


def _security_group(name: str, members: Any) -> SecurityGroup:
    where = f"security_groups.{name}"
    members = _table(members, where, _GROUP_MEMBERS)
    if not _SECURITY_GROUP_ID.fullmatch(name):
        raise SettingsError(f"{where}: a security group's name is 'sg-' with letters and digits")
    vpc = members.get("vpc", "")
    outbound = members.get("outbound")
    if not isinstance(vpc, str):
        raise SettingsError(f"{where}.vpc: must be a text")
    if outbound is None:
        return SecurityGroup(name, vpc, (EVERYTHING,))
    if not isinstance(outbound, list) or len(outbound) > RULES_MAX:
        raise SettingsError(f"{where}.outbound: must be a list of at most {RULES_MAX} rules")
    return SecurityGroup(name, vpc, tuple(outbound_rule(rule, f"{where}.outbound") for rule in outbound))


def outbound_rule(text: Any, where: str) -> Rule:
    """`CIDR`, `CIDR:icmp`, `CIDR:PORT/tcp`, `CIDR:PORT-PORT/udp`. Raises SettingsError naming `where`."""
    destination, colon, traffic = str(text).partition(":")
    network = _network(destination, where)
    if not colon:
        return Rule(network)
    if traffic == "icmp":
        return Rule(network, "icmp")
    match = _PORTS.fullmatch(traffic)
    if match is None:
        raise SettingsError(
            f"{where}: {text!r} is no rule; write 10.0.0.0/8, 10.0.0.0/8:icmp, 10.0.0.0/8:443/tcp or :1000-2000/udp"
        )
    first, last = int(match[1]), int(match[2] or match[1])
    protocol: Protocol = "tcp" if match[3] == "tcp" else "udp"
    if not 0 <= first <= last <= 65535:
        raise SettingsError(f"{where}: {text!r}: ports go from 0 to 65535, the lower one first")
    return Rule(network, protocol, first, last)


def _table(members: Any, where: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(members, Mapping):
        raise SettingsError(f"{where}: must be a table")
    for name in members:
        if name not in known:
            raise SettingsError(f"{where}: unknown member {name!r}; known: {', '.join(sorted(known))}")
    return members


def _text(members: Mapping[str, Any], name: str, where: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{where}.{name}: is missing or no text")
    return value


def _network(text: str, where: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError:
        raise SettingsError(f"{where}: {text!r} is no IPv4 range such as 10.20.1.0/24") from None


def _address(text: Any, where: str) -> IPv4Address:
    try:
        return IPv4Address(str(text))
    except ValueError:
        raise SettingsError(f"{where}: {text!r} is no IPv4 address") from None


def _interface(text: Any, where: str) -> str:
    if not isinstance(text, str) or not _INTERFACE.fullmatch(text):
        raise SettingsError(f"{where}: {text!r} is no name of an interface")
    return text
