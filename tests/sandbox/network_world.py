"""A world of network namespaces: a host, an internet behind it, a database on a bridge. The real network has no part.

Whoever is `inside` a namespace takes along what it starts: nodes, launchers, sockets.
"""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from stoker.sandbox.launcher import syscalls as sc
from stoker.sandbox.network.host_support import network_lack

INTERNET = "203.0.113.2"  # RFC 5737
HOST = "203.0.113.1"
METADATA = "169.254.169.254"
PRIVATE = "192.168.77.1"
DATABASE = "10.20.1.5"
CIDR = "10.20.1.0/24"


def missing() -> str:
    """Why there can be no such world here; nothing if there can."""
    lack = network_lack()
    if lack is not None:
        return f"needs {lack.what}: {lack.remedy}"
    return "" if shutil.which("ip") else "needs the program ip (iproute2)"


def ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread, and what it starts, in a namespace by name."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        sc.setns(there, sc.CLONE_NEWNET)
        yield
    finally:
        sc.setns(home, sc.CLONE_NEWNET)
        os.close(home)
        os.close(there)


class Server:
    """Listens in a namespace; answers with the address from which it was reached, and remembers it."""

    def __init__(self, namespace: str, address: str, port: int) -> None:
        with inside(namespace):
            self._socket = socket.create_server((address, port))
        self.heard: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, (peer, _) = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self.heard.append(peer)
                connection.sendall(peer.encode())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


class Resolver:
    """A nameserver for which every name is `INTERNET`."""

    def __init__(self, namespace: str) -> None:
        with inside(namespace):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind((INTERNET, 53))
        self._socket.settimeout(0.2)
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._is_closed:
            try:
                query, peer = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            end = query.index(b"\0", 12) + 5
            question, kind = query[12:end], query[end - 4 : end - 2]
            answers = 1 if kind == b"\0\1" else 0  # A
            head = query[:2] + struct.pack("!5H", 0x8180, 1, answers, 0, 0)
            record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(INTERNET)
            self._socket.sendto(head + question + record * answers, peer)

    def close(self) -> None:
        self._is_closed = True
        self._thread.join(5)
        self._socket.close()


class World:
    """`host` is where nodes run. Behind it `internet`, which knows no way back into private ranges."""

    def __init__(self) -> None:
        name = f"stkt{os.getpid()}"
        self.host, self.internet, self.database = f"{name}h", f"{name}i", f"{name}d"
        self._open: list[Server | Resolver] = []

    def __enter__(self) -> "World":
        for namespace in (self.host, self.internet, self.database):
            ip("netns", "add", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", self.host, "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", self.internet)
        self._up(self.host, "up0", f"{HOST}/24")
        self._up(self.internet, "eth0", f"{INTERNET}/24")
        ip("-n", self.host, "route", "add", "default", "via", INTERNET)
        for address in (METADATA, PRIVATE):
            ip("-n", self.internet, "addr", "add", f"{address}/32", "dev", "lo")
        # A bridge of the host's, and on it a machine with a database.
        ip("-n", self.host, "link", "add", "br-priv", "type", "bridge")
        self._up(self.host, "br-priv", "10.20.1.1/24")
        ip(
            "-n",
            self.host,
            "link",
            "add",
            "port",
            "master",
            "br-priv",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            self.database,
        )
        ip("-n", self.host, "link", "set", "port", "up")
        self._up(self.database, "eth0", f"{DATABASE}/24")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._open:
            server.close()
        for namespace in (self.host, self.internet, self.database):
            ip("netns", "del", namespace)

    def _up(self, namespace: str, interface: str, address: str) -> None:
        ip("-n", namespace, "addr", "add", address, "dev", interface)
        ip("-n", namespace, "link", "set", interface, "up")

    def serve(self, namespace: str, address: str, port: int) -> Server:
        server = Server(namespace, address, port)
        self._open.append(server)
        return server

    def resolve(self) -> None:
        self._open.append(Resolver(self.internet))

    def traces(self) -> dict[str, list[str]]:
        """What Stoker left in the host's namespace: interfaces, routes, tables, forwarding."""
        with inside(self.host):
            tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
            forwarding = subprocess.run(
                ["sysctl", "-n", "net.ipv4.conf.up0.forwarding"], capture_output=True, text=True, check=True
            ).stdout
        return {
            "links": [line.split()[0] for line in ip("-n", self.host, "-br", "link").splitlines() if "stk" in line],
            "routes": [line for line in ip("-n", self.host, "route").splitlines() if "10.213" in line],
            "tables": [line for line in tables.splitlines() if "stoker" in line],
            "forwarding": [forwarding.strip()] if forwarding.strip() != "0" else [],
        }


NOTHING: dict[str, list[str]] = {"links": [], "routes": [], "tables": [], "forwarding": []}
