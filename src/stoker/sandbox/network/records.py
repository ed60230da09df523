"""How sandboxes are connected, as the other rooms hold it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

Protocol = Literal["tcp", "udp", "icmp", "any"]


@dataclass(frozen=True, slots=True)
class Network:
    """What one sandbox is connected to: nothing, the internet, or one of the declared subnets named here."""

    kind: Literal["isolated", "internet", "vpc"]
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()

    @property
    def is_isolated(self) -> bool:
        return self.kind == "isolated"


ISOLATED = Network("isolated")
INTERNET = Network("internet")


@dataclass(frozen=True, slots=True)
class Rule:
    """What may go out: to `destination`, with tcp and udp only to the ports from `first_port` to `last_port`."""

    destination: IPv4Network
    protocol: Protocol = "any"
    first_port: int = 0
    last_port: int = 65535


EVERYTHING = Rule(IPv4Network("0.0.0.0/0"))


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """`vpc_id` may be empty: a group that the settings do not bind to one VPC."""

    id: str
    vpc_id: str
    outbound: tuple[Rule, ...] = (EVERYTHING,)


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet and the bridge that it is on this host.

    An empty `bridge` is one of the node's own. Sandboxes get addresses from `first_address` to `last_address`;
    `gateway` is where their default route leads if the subnet has `internet`.
    """

    id: str
    vpc_id: str
    cidr: IPv4Network
    bridge: str
    has_internet: bool
    gateway: IPv4Address
    first_address: IPv4Address
    last_address: IPv4Address


@dataclass(frozen=True, slots=True)
class DeclaredNetworks:
    """All that the settings say about networks.

    `default` is what a function without VpcConfig gets, unless its name matches one of the patterns `by_name`, of which
    the first one counts. `allowed` are private ranges that are open after all;
    `uplinks` the host's interfaces towards the internet (none: those of its default routes). `internet_range` is None
    where the node may choose.
    """

    default: Network = ISOLATED
    by_name: tuple[tuple[str, Network], ...] = ()
    subnets: Mapping[str, Subnet] = field(default_factory=dict)
    security_groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
    nameservers: tuple[IPv4Address, ...] = ()
    allowed: tuple[IPv4Network, ...] = ()
    uplinks: tuple[str, ...] = ()
    internet_range: IPv4Network | None = None

    @property
    def has_ways_out(self) -> bool:
        """Whether any sandbox of this node can have a network."""
        named = (network for _, network in self.by_name)
        return bool(self.subnets) or not all(network.is_isolated for network in (self.default, *named))

    def of_function(self, name: str, subnet_ids: tuple[str, ...], security_group_ids: tuple[str, ...]) -> Network:
        """The network of the function `name` with these members of VpcConfig (none: no VpcConfig).

        Subnets that are not declared are known to the EC2 of the neighbours only, where nothing is: a function that
        has no other is isolated.
        """
        if not subnet_ids:
            return next((network for pattern, network in self.by_name if fnmatchcase(name, pattern)), self.default)
        subnets = tuple(name for name in subnet_ids if name in self.subnets)
        if not subnets:
            return ISOLATED
        groups = tuple(sorted(name for name in security_group_ids if name in self.security_groups))
        return Network("vpc", subnets, groups)


NO_NETWORKS = DeclaredNetworks()


@dataclass(frozen=True, slots=True)
class Lease:
    """A network namespace that is ready: `descriptor` opens it, `number` is how it is given back."""

    number: int
    descriptor: int
