"""The host's side of all sandboxes' networks: made on first need, undone at the end."""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from stoker.sandbox.network.addresses import AddressPool, unused_range
from stoker.sandbox.network.links import (
    Host,
    NetworkStepError,
    Place,
    forwards,
    furnish,
    nft,
    set_forwarding,
    step,
)
from stoker.sandbox.network.marks import Marks
from stoker.sandbox.network.records import EVERYTHING, DeclaredNetworks, Network, Rule, Subnet
from stoker.sandbox.network.rules import HostTable, drop_host_table, host_table, sandbox_table

PREFIX = "stk"
# Of an interface's 15 characters 3 are the prefix, 6 the node's, 1 the kind's; the number has the rest.
NUMBERS_MAX = 99_999


@dataclass(frozen=True, slots=True)
class _Connection:
    link: str
    pool: AddressPool
    address: IPv4Address


class HostNetwork:
    """`open` first; then `make` and `release`; `close` leaves nothing behind. All of them raise NetworkStepError."""

    def __init__(self, node_id: str, declared: DeclaredNetworks) -> None:
        """`node_id`: six hexadecimal digits, by which everything that it makes is named."""
        self._node_id = node_id
        self._declared = declared
        self._marks = Marks(node_id)
        self._host = Host(_group(node_id))
        self._connections: dict[int, _Connection] = {}
        self._numbers = AddressPool(IPv4Address(0), IPv4Address(NUMBERS_MAX))
        self._internet: IPv4Network | None = None
        self._internet_pool: AddressPool | None = None
        self._mtu = 1500
        self._subnets: dict[str, Subnet] = {}
        self._subnet_pools: dict[str, AddressPool] = {}
        self._own_bridges: set[str] = set()
        self._opened: list[str] = []

    # Start and end.

    def open(self) -> None:
        """Remove what dead nodes left, a former one of the same name among them."""
        with step("cleaning up after former nodes"):
            notes = self._marks.take()
            with self._marks.everything():
                self._sweep(self._node_id, notes)
                for node_id, others in self._marks.dead():
                    self._sweep(node_id, others)
                if not self._marks.has_others():
                    self._restore_forwarding()
            self._marks.note({})

    def close(self) -> None:
        with self._marks.everything():
            self._sweep(self._node_id, self._notes())
            for _ in self._marks.dead():
                pass
            if not self._marks.has_others():
                self._restore_forwarding()
            self._marks.remove()

    def _sweep(self, node_id: str, notes: dict[str, Any]) -> None:
        self._host.delete_group(_group(node_id))
        for name in self._host.names():
            if name.startswith(PREFIX + node_id) or name in notes.get("bridges", ()):
                self._host.delete(name)
        if "range" in notes:
            self._host.let_go(IPv4Network(notes["range"]))
        nft(drop_host_table(_table_name(node_id)))

    def _restore_forwarding(self) -> None:
        for name in self._marks.forwarding():
            set_forwarding(name, on=False)
        self._marks.set_forwarding([])

    def _notes(self) -> dict[str, Any]:
        notes: dict[str, Any] = {"bridges": sorted(self._own_bridges)}
        return notes if self._internet is None else {**notes, "range": str(self._internet)}

    # Sandboxes.

    def make(self, network: Network) -> tuple[int, int]:
        """(number, descriptor) of a network namespace that is ready for a sandbox."""
        number = self._numbers.take()
        if number is None:
            raise NetworkStepError(f"there are {NUMBERS_MAX} sandboxes with a network already")
        namespace = -1
        try:
            namespace = self._host.new_namespace()
            connect = self._to_internet if network.kind == "internet" else self._to_subnet
            self._connections[int(number)] = connect(network, int(number), namespace)
        except BaseException:
            self._numbers.give_back(number)
            if namespace >= 0:
                os.close(namespace)
            raise
        return int(number), namespace

    def is_short(self) -> bool:
        """Whether some addresses are all in use, so that those of dead sandboxes are worth waiting for."""
        return any(pool.is_empty for pool in (self._numbers, self._internet_pool, *self._subnet_pools.values()) if pool)

    def release(self, number: int) -> None:
        """The sandbox is gone. Its interface may be gone with it."""
        connection = self._connections.pop(number, None)
        if connection is not None:
            with step(f"removing {connection.link}"):
                self._host.delete(connection.link)
            connection.pool.give_back(connection.address)
            self._numbers.give_back(IPv4Address(number))

    def _to_internet(self, network: Network, number: int, namespace: int) -> _Connection:
        internet, pool = self._open_internet()
        link, address = self._link("v", number), _taken(pool, f"the range {internet}")
        try:
            with step("the sandbox's link"):
                mac = self._host.lead_to(link, namespace, address, self._mtu)
            table = sandbox_table((EVERYTHING,), self._declared.allowed, self._declared.nameservers)
            with self._host.inside(namespace):
                furnish(Place(address, 32, internet[1], mac), table)
        except BaseException:
            self._undo(link, pool, address)
            raise
        return _Connection(link, pool, address)

    def _to_subnet(self, network: Network, number: int, namespace: int) -> _Connection:
        subnet, address = self._subnet_with_room(network.subnet_ids)
        pool, link = self._subnet_pools[subnet.id], self._link("p", number)
        try:
            with step(f"the sandbox's port on {subnet.bridge}"):
                self._host.join(link, namespace, subnet.bridge)
            open_ranges = (subnet.cidr, *self._declared.allowed)
            rules = _union(self._declared, network.security_group_ids)
            place = Place(address, subnet.cidr.prefixlen, subnet.gateway if subnet.has_internet else None, None)
            with self._host.inside(namespace):
                furnish(place, sandbox_table(rules, open_ranges, self._declared.nameservers))
        except BaseException:
            self._undo(link, pool, address)
            raise
        return _Connection(link, pool, address)

    def _undo(self, link: str, pool: AddressPool, address: IPv4Address) -> None:
        with contextlib.suppress(NetlinkError):
            self._host.delete(link)
        pool.give_back(address)

    def _subnet_with_room(self, subnet_ids: Iterable[str]) -> tuple[Subnet, IPv4Address]:
        for subnet_id in subnet_ids:
            subnet = self._open_subnet(subnet_id)
            address = self._subnet_pools[subnet_id].take()
            if address is not None:
                return subnet, address
        raise NetworkStepError(f"no address is free in {', '.join(subnet_ids)}")

    # What several sandboxes share.

    def _open_internet(self) -> tuple[IPv4Network, AddressPool]:
        if self._internet is None or self._internet_pool is None:
            with step("the way to the internet"), self._marks.everything():
                internet = self._internet = self._choose_range()
                self._marks.note(self._notes())
                self._host.hold(internet)
                # The first address is the gateway's, which no interface has.
                self._internet_pool = AddressPool(internet[2], internet[-2])
                self._forward(self._uplinks())
                self._load_table()
        return self._internet, self._internet_pool

    def _choose_range(self) -> IPv4Network:
        in_use = self._host.ranges_in_use()
        wanted = self._declared.internet_range
        if wanted is None:
            wanted = unused_range(in_use, int(self._node_id, 16))
        if wanted is None or any(wanted.overlaps(network) for network in in_use):
            raise NetworkStepError(
                f"the host has routes to {wanted or 'every range'}; set internet_range to a free one"
            )
        return wanted

    def _open_subnet(self, subnet_id: str) -> Subnet:
        if subnet_id not in self._subnets:
            declared = self._declared.subnets[subnet_id]
            with step(f"the bridge of {subnet_id}"), self._marks.everything():
                subnet = self._bridged(declared)
                self._subnets[subnet_id] = subnet
                self._subnet_pools[subnet_id] = AddressPool(subnet.first_address, subnet.last_address)
                if subnet.has_internet:
                    self._forward([*self._uplinks(), subnet.bridge])
                self._load_table()
        return self._subnets[subnet_id]

    def _bridged(self, subnet: Subnet) -> Subnet:
        """The subnet with its bridge, which is made if the host has none of this name."""
        if subnet.bridge and self._host.index(subnet.bridge) is not None:
            if not self._host.is_bridge(subnet.bridge):
                raise NetworkStepError(f"{subnet.bridge} is no bridge")
            return subnet
        number = len(self._own_bridges)
        bridge = subnet.bridge or self._link("b", number)
        gateway = (subnet.gateway, subnet.cidr.prefixlen) if subnet.has_internet else None
        self._own_bridges.add(bridge)
        self._marks.note(self._notes())
        self._host.make_bridge(bridge, gateway)
        return replace(subnet, bridge=bridge)

    def _uplinks(self) -> list[str]:
        uplinks = list(self._declared.uplinks) or self._host.default_uplinks()
        for name in uplinks:
            if self._host.index(name) is None:
                raise NetworkStepError(f"the uplink {name} does not exist")
        self._mtu = min((self._host.mtu(name) for name in uplinks), default=1500)
        return uplinks

    def _forward(self, names: Iterable[str]) -> None:
        """Only on these interfaces, and only if it is off. Who calls this holds the marks of everybody."""
        recorded = self._marks.forwarding()
        for name in names:
            if not forwards(name):
                recorded.append(name)
                # Before it is done: whoever finds us dead undoes it.
                self._marks.set_forwarding(recorded)
                set_forwarding(name, on=True)
            if name in recorded and name not in self._opened:
                self._opened.append(name)

    def _load_table(self) -> None:
        table = HostTable(
            _table_name(self._node_id),
            own_links=f"{PREFIX}{self._node_id}v*",
            any_links=f"{PREFIX}*",
            internet=self._internet,
            subnets=tuple(self._subnets.values()),
            own_bridges=frozenset(self._own_bridges),
            opened=tuple(self._opened),
        )
        nft(host_table(table))

    def _link(self, kind: str, number: int) -> str:
        return f"{PREFIX}{self._node_id}{kind}{number}"


def _group(node_id: str) -> int:
    """Interface groups have 32 bits; the upper eight say that it is one of Stoker's, and keep it from being 0."""
    return 0x53 << 24 | int(node_id, 16)


def _table_name(node_id: str) -> str:
    return f"stoker_{node_id}"


def _taken(pool: AddressPool, where: str) -> IPv4Address:
    address = pool.take()
    if address is None:
        raise NetworkStepError(f"no address is free in {where}")
    return address


def _union(declared: DeclaredNetworks, security_group_ids: Iterable[str]) -> list[Rule]:
    rules = [rule for name in security_group_ids for rule in declared.security_groups[name].outbound]
    return list(dict.fromkeys(rules))
