"""The one program that changes the host's network: it makes network namespaces and hands them to the node.

Run as `python -m stoker.sandbox.network.program DESCRIPTOR`, one for each node, when its first sandbox with a way out
is wanted. It speaks JSON over a SOCK_SEQPACKET socket (`networks.py` is the other end) and checks the settings again
itself. When that socket closes, however the node ended, it undoes everything and ends.
"""

import json
import os
import select
import signal
import socket
import sys
from collections import deque
from typing import Any

from stoker.config import Settings, SettingsError
from stoker.sandbox.launcher import syscalls as sc
from stoker.sandbox.launcher.messages import receive, send
from stoker.sandbox.network.declared import declared_networks
from stoker.sandbox.network.host_network import HostNetwork
from stoker.sandbox.network.links import NetworkStepError
from stoker.sandbox.network.records import Network


def main() -> int:
    node = socket.socket(fileno=int(sys.argv[1]))
    # Only the node ends it: half of the host's network undone is worse than a moment more.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sc.set_process_name("stoker-network")
    order, _ = receive(node)
    if order is None:
        return 0
    try:
        host = HostNetwork(order["node_id"], declared_networks(Settings(**order["settings"])))
        host.open()
    except (NetworkStepError, SettingsError) as error:
        send(node, {"error": str(error)})
        return 1
    try:
        send(node, {"event": "ready"})
        _serve(node, host)
    finally:
        host.close()
    return 0


def _serve(node: socket.socket, host: HostNetwork) -> None:
    # Removing a link takes the kernel longer than making one, and nobody waits for it: it is done between orders. As
    # many can wait as there are namespaces.
    released: deque[int] = deque()
    while True:
        if released and not select.select([node], [], [], 0)[0]:
            _release(host, released.popleft())
            continue
        message, _ = receive(node)
        if message is None:
            return
        if message["command"] == "make":
            if host.is_short():
                while released:
                    _release(host, released.popleft())
            _make(node, host, message)
        else:
            released.append(message["number"])


def _release(host: HostNetwork, number: int) -> None:
    try:
        host.release(number)
    except NetworkStepError as error:
        print(f"stoker-network: {error}", file=sys.stderr)


def _make(node: socket.socket, host: HostNetwork, message: dict[str, Any]) -> None:
    kind, subnet_ids, security_group_ids = message["network"]
    try:
        number, namespace = host.make(Network(kind, tuple(subnet_ids), tuple(security_group_ids)))
    except NetworkStepError as error:
        send(node, {"id": message["id"], "error": str(error)})
        return
    try:
        send(node, {"id": message["id"], "number": number}, [namespace])
    finally:
        os.close(namespace)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BrokenPipeError, ConnectionResetError, json.JSONDecodeError):
        sys.exit(1)
