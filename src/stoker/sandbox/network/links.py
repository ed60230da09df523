"""Interfaces, addresses and routes, by netlink (pyroute2), and the namespaces that they lie in.

A netlink socket belongs to the namespace in which it was opened, so one for the host stays usable while this process
looks into another. Nothing here may run beside other threads: a namespace is entered by the whole process.
"""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from stoker.sandbox.launcher import syscalls as sc

# How the interface is called inside, as on AWS.
INSIDE = "eth0"
_SCOPE_LINK = 253  # rtnetlink(7), RT_SCOPE_LINK
_NFT_LIMIT_S = 10.0
_CONF = Path("/proc/sys/net/ipv4/conf")


class NetworkStepError(Exception):
    """A step failed; the text names it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sandbox lies: its address, as an interface has it, and the way out of it (None: there is none).

    `gateway_mac` is given where nobody answers for the gateway's address: a point-to-point link has but one other end.
    """

    address: IPv4Address
    prefix_length: int
    gateway: IPv4Address | None
    gateway_mac: str | None


@contextmanager
def step(name: str) -> Iterator[None]:
    """Names what failed."""
    try:
        yield
    except NetlinkError as error:
        raise NetworkStepError(f"{name}: {os.strerror(error.code) if error.code else error}") from error
    except OSError as error:
        raise NetworkStepError(f"{name}: {error.strerror or error}") from error


def nft(text: str) -> None:
    """Load rules into the firewall of the namespace in which this process is. Raises NetworkStepError."""
    try:
        subprocess.run(["nft", "-f", "-"], input=text.encode(), capture_output=True, check=True, timeout=_NFT_LIMIT_S)
    except FileNotFoundError:
        raise NetworkStepError("the program nft is not installed (Debian's package nftables)") from None
    except subprocess.TimeoutExpired:
        raise NetworkStepError(f"nft did not answer within {_NFT_LIMIT_S:.0f} s") from None
    except subprocess.CalledProcessError as error:
        raise NetworkStepError(f"nft: {error.stderr.decode(errors='replace').splitlines()[:1]}") from None


class Host:
    """The namespace in which this process started, and its interfaces."""

    def __init__(self, group: int) -> None:
        """`group`: the interface group of all that is made here; never 0, which is everybody else's."""
        self._group = group
        self._namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._netlink = IPRoute()

    def new_namespace(self) -> int:
        """A descriptor of one that has nothing but a loopback that is down."""
        with step("a new network namespace"):
            sc.unshare(sc.CLONE_NEWNET)
            try:
                return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            finally:
                self._return()

    @contextmanager
    def inside(self, namespace: int) -> Iterator[None]:
        sc.setns(namespace, sc.CLONE_NEWNET)
        try:
            yield
        finally:
            self._return()

    def _return(self) -> None:
        sc.setns(self._namespace, sc.CLONE_NEWNET)

    def index(self, name: str) -> int | None:
        """None: there is no interface of this name."""
        try:
            return int(self._netlink.link("get", ifname=name)[0]["index"])
        except NetlinkError as error:
            if error.code == errno.ENODEV:
                return None
            raise

    def mtu(self, name: str) -> int:
        return int(self._netlink.link("get", ifname=name)[0].get_attr("IFLA_MTU"))

    def names(self) -> list[str]:
        return [str(link.get_attr("IFLA_IFNAME")) for link in self._netlink.get_links()]

    def default_uplinks(self) -> list[str]:
        """The interfaces of the default routes."""
        routes = self._netlink.get_default_routes(family=2)
        indexes = {route.get_attr("RTA_OIF") for route in routes}
        return [link.get_attr("IFLA_IFNAME") for link in self._netlink.get_links() if link["index"] in indexes]

    def ranges_in_use(self) -> list[IPv4Network]:
        """The destinations of all routes but the default ones."""
        found = []
        for route in self._netlink.get_routes(family=2):
            destination = route.get_attr("RTA_DST")
            if destination is not None:
                found.append(IPv4Network(f"{destination}/{route['dst_len']}", strict=False))
        return found

    def delete(self, name: str) -> None:
        """An interface and what hangs on it. Doing it twice is fine: a dead sandbox's goes by itself."""
        try:
            self._netlink.link("del", ifname=name)
        except NetlinkError as error:
            if error.code != errno.ENODEV:
                raise

    def delete_group(self, group: int) -> None:
        """All interfaces of a group at once: one by one the kernel takes some 25 ms for each."""
        try:
            self._netlink.link("del", group=group)
        except NetlinkError as error:
            if error.code != errno.ENODEV:
                raise

    def hold(self, network: IPv4Network) -> None:
        """Take a range: what goes to an address in it that no sandbox has, ends here."""
        self._netlink.route("replace", dst=str(network), type="blackhole")

    def let_go(self, network: IPv4Network) -> None:
        with contextlib.suppress(NetlinkError):
            self._netlink.route("del", dst=str(network), type="blackhole")

    def make_bridge(self, name: str, gateway: tuple[IPv4Address, int] | None) -> None:
        self._netlink.link("add", ifname=name, kind="bridge", group=self._group)
        index = self.index(name)
        _disable_ipv6(name)
        if gateway is not None:
            self._netlink.addr("add", index=index, address=str(gateway[0]), prefixlen=gateway[1])
        self._netlink.link("set", index=index, state="up")

    def is_bridge(self, name: str) -> bool:
        information = self._netlink.link("get", ifname=name)[0].get_attr("IFLA_LINKINFO")
        return information is not None and information.get_attr("IFLA_INFO_KIND") == "bridge"

    def lead_to(self, name: str, namespace: int, address: IPv4Address, mtu: int) -> str:
        """A link of its own from the host to a namespace. Returns the hardware address of the host's end."""
        index = self._veth(name, namespace, mtu)
        _disable_ipv6(name)
        set_forwarding(name, on=True)
        self._netlink.link("set", index=index, state="up")
        self._netlink.route("add", dst=f"{address}/32", oif=index, scope=_SCOPE_LINK)
        return str(self._netlink.link("get", index=index)[0].get_attr("IFLA_ADDRESS"))

    def join(self, name: str, namespace: int, bridge: str) -> None:
        """A port of a bridge, whose other end is in a namespace. It hears no other sandbox's port."""
        index = self._veth(name, namespace, self.mtu(bridge))
        _disable_ipv6(name)
        self._netlink.link("set", index=index, master=self.index(bridge))
        self._netlink.brport("set", index=index, isolated=1)
        self._netlink.link("set", index=index, state="up")

    def _veth(self, name: str, namespace: int, mtu: int) -> int:
        peer = {"ifname": INSIDE, "net_ns_fd": namespace, "mtu": mtu}
        self._netlink.link("add", ifname=name, kind="veth", mtu=mtu, group=self._group, peer=peer)
        index = self.index(name)
        if index is None:
            raise NetworkStepError(f"{name} vanished")
        return index


def furnish(place: Place, table: str) -> None:
    """Set up the namespace in which this process is: firewall first, then address and routes."""
    with step("the sandbox's firewall"):
        nft(table)
    with step("the sandbox's address"), IPRoute() as netlink:
        index = netlink.link("get", ifname=INSIDE)[0]["index"]
        _disable_ipv6(INSIDE)
        netlink.addr("add", index=index, address=str(place.address), prefixlen=place.prefix_length)
        netlink.link("set", index=index, state="up")
        if place.gateway is None:
            return
        if place.gateway_mac is not None:
            netlink.neigh("add", dst=str(place.gateway), lladdr=place.gateway_mac, ifindex=index, state="permanent")
            netlink.route("add", dst=f"{place.gateway}/32", oif=index, scope=_SCOPE_LINK)
        netlink.route("add", dst="default", gateway=str(place.gateway), oif=index)


def forwards(name: str) -> bool:
    """Whether what comes in by an interface may go on elsewhere (the kernel's ip-sysctl.rst, `forwarding`)."""
    return (_CONF / name / "forwarding").read_text().strip() == "1"


def set_forwarding(name: str, *, on: bool) -> None:
    """An interface that is gone needs none."""
    with contextlib.suppress(FileNotFoundError):
        (_CONF / name / "forwarding").write_text("1" if on else "0")


def _disable_ipv6(name: str) -> None:
    """Where the kernel has it at all: an address of its own making would be a way around the rules."""
    with contextlib.suppress(FileNotFoundError):
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
