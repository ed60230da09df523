"""The firewall, as text for the program `nft`: pure functions.

Most of it lies inside each sandbox's own network namespace. That namespace belongs to the host's root, so nothing
inside can change it; it knows connections on every kind of link, which a bridge's own tables do not on every kernel;
and it ends with the sandbox. In the host's namespace is one table of the node's own, for what only the host can know:
its own addresses, and address translation. Source: nft(8).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from stoker.sandbox.network.records import Rule, Subnet

# What is no place in the internet (RFC 6890), but for the ranges that are for documentation.
PRIVATE = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
    )
)
# What no setting opens: this host, and the addresses at which clouds give credentials away.
NEVER = (IPv4Network("0.0.0.0/8"), IPv4Network("127.0.0.0/8"), IPv4Network("169.254.0.0/16"))


@dataclass(frozen=True, slots=True)
class HostTable:
    """What the node's table in the host's namespace depends on.

    `own_links` is a pattern of the names of the node's point-to-point links and `any_links` one of every node's;
    `internet` is the range of their sandboxes, None without any. `opened` are the interfaces on which the node turned
    forwarding on. `subnets` have their bridges filled in.
    """

    name: str
    own_links: str
    any_links: str
    internet: IPv4Network | None
    subnets: tuple[Subnet, ...]
    own_bridges: frozenset[str]
    opened: tuple[str, ...]


def closed_ranges(open_ranges: Iterable[IPv4Network]) -> list[IPv4Network]:
    """The private ranges without those that are open."""
    closed = list(PRIVATE)
    for opened in open_ranges:
        closed = [part for network in closed for part in _without(network, opened)]
    return list(collapse_addresses([*closed, *NEVER]))


def _without(network: IPv4Network, opened: IPv4Network) -> list[IPv4Network]:
    if not network.overlaps(opened):
        return [network]
    return list(network.address_exclude(opened)) if opened.prefixlen > network.prefixlen else []


def sandbox_table(rules: Iterable[Rule], open_ranges: Iterable[IPv4Network], nameservers: Iterable[IPv4Address]) -> str:
    """A sandbox's own firewall: out by `rules`, nothing in, and no IPv6.

    What is refused is refused at once, so that a handler fails with a reason and not after its timeout.
    """
    lines = [
        'oifname "lo" accept',
        "meta nfproto ipv6 reject with icmpx type admin-prohibited",
        "ct state established,related accept",
        *(f"ip daddr {address} meta l4proto {{ tcp, udp }} th dport 53 accept" for address in nameservers),
        f"ip daddr {_set(closed_ranges(open_ranges))} reject with icmpx type admin-prohibited",
        *(_allowed(rule) for rule in rules),
        "reject with icmpx type admin-prohibited",
    ]
    return (
        "table inet stoker {\n"
        + _chain("output", "type filter hook output priority filter; policy drop;", lines)
        + _chain(
            "input",
            "type filter hook input priority filter; policy drop;",
            ['iifname "lo" accept', "ct state established,related accept"],
        )
        + "}\n"
    )


def _allowed(rule: Rule) -> str:
    where = "" if rule.destination.prefixlen == 0 else f"ip daddr {rule.destination} "
    match rule.protocol:
        case "any":
            return f"{where}accept"
        case "icmp":
            return f"{where}meta l4proto icmp accept"
        case protocol:
            ports = f"{rule.first_port}" if rule.first_port == rule.last_port else f"{rule.first_port}-{rule.last_port}"
            return f"{where}{protocol} dport {ports} accept"


def host_table(table: HostTable) -> str:
    """Makes the node's table anew, in one transaction, whether or not there was one."""
    return (
        f"table inet {table.name}\ndelete table inet {table.name}\ntable inet {table.name} {{\n"
        + _chain("input", "type filter hook input priority filter - 5; policy accept;", _to_the_host(table))
        + _chain("forward", "type filter hook forward priority filter - 5; policy accept;", _through_the_host(table))
        + _chain("postrouting", "type nat hook postrouting priority srcnat; policy accept;", _translated(table))
        + "}\n"
    )


def drop_host_table(name: str) -> str:
    """Removes it, whether or not there is one."""
    return f"table inet {name}\ndelete table inet {name}\n"


def _to_the_host(table: HostTable) -> list[str]:
    """Nothing of the host is for sandboxes, whatever its address, but what it offers in a subnet on its own bridge."""
    lines = [f'iifname "{table.own_links}" drop']
    for subnet in table.subnets:
        if subnet.bridge in table.own_bridges:
            lines.append(f'iifname "{subnet.bridge}" drop')
        else:
            lines.append(f'iifname "{subnet.bridge}" ip saddr {_range(subnet)} ip daddr != {subnet.cidr} drop')
    return lines


def _through_the_host(table: HostTable) -> list[str]:
    lines = [
        f'iifname "{table.own_links}" oifname "{table.any_links}" drop',
        f'oifname "{table.own_links}" ct state established,related accept',
        f'oifname "{table.own_links}" drop',
    ]
    for subnet in table.subnets:
        # Of those that are not to have it, none finds a way by a route that the host happens to know.
        if not subnet.has_internet:
            lines.append(f'iifname "{subnet.bridge}" ip saddr {_range(subnet)} oifname != "{subnet.bridge}" drop')
    # Forwarding was off here before: whoever comes in by these with plans of their own still finds it off. (A bridge's
    # own frames may pass here too: the kernel's bridge-nf-call-iptables.)
    lines += [
        f'iifname "{name}" oifname != "{name}" {_not_from_sandboxes(table)}ct state new ct status & dnat == 0 drop'
        for name in table.opened
    ]
    return lines


def _not_from_sandboxes(table: HostTable) -> str:
    ranges = ", ".join(_range(subnet) for subnet in table.subnets if subnet.has_internet)
    return f"ip saddr != {{ {ranges} }} " if ranges else ""


def _translated(table: HostTable) -> list[str]:
    lines = []
    if table.internet is not None:
        lines.append(f'ip saddr {table.internet} oifname != "{table.own_links}" masquerade')
    for subnet in table.subnets:
        if subnet.has_internet:
            lines.append(f'ip saddr {_range(subnet)} ip daddr != {subnet.cidr} oifname != "{subnet.bridge}" masquerade')
    return lines


def _range(subnet: Subnet) -> str:
    if subnet.first_address == subnet.last_address:
        return str(subnet.first_address)
    return f"{subnet.first_address}-{subnet.last_address}"


def _set(networks: Iterable[IPv4Network]) -> str:
    return "{ " + ", ".join(str(network) for network in networks) + " }"


def _chain(name: str, kind: str, lines: Iterable[str]) -> str:
    return f"  chain {name} {{\n    {kind}\n" + "".join(f"    {line}\n" for line in lines) + "  }\n"
