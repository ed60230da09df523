"""A function without a network reaches its own Runtime API and nothing else."""

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from .conftest import Answer, Invoke, Neighbour

Attack = Callable[..., Answer]


class Listener:
    """A service on the host that must not hear a thing."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("0.0.0.0", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def heard(self) -> bool:
        try:
            self.socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.socket.close()


def test_the_hosts_ports_are_out_of_reach(platform: Any, listener: Listener, attack: Attack) -> None:
    node_port = urlsplit(platform.endpoint).port
    hosts = ["127.0.0.1", "127.0.0.53", "169.254.100.1", "localhost", "::1", *_addresses_of_the_host()]
    to = [[host, port] for host in hosts for port in (listener.port, node_port)]
    answers = attack("network.connect", {"to": to}, Timeout=60).value
    assert {target: answer for target, answer in answers.items() if answer == "CONNECTED"} == {}
    assert not listener.heard()


def test_the_cloud_providers_credentials_are_out_of_reach(attack: Attack) -> None:
    to = [["169.254.169.254", 80], ["169.254.170.2", 80], ["fd00:ec2::254", 80], ["metadata.google.internal", 80]]
    answers = attack("network.connect", {"to": to}).value
    assert "CONNECTED" not in answers.values()


def test_a_sandbox_has_a_loopback_and_no_other_interface(attack: Attack) -> None:
    interfaces = attack("network.interfaces").value
    # The kernel may add its own tunnel devices to every network namespace; they are down.
    assert not [name for name in interfaces if name.startswith(("eth", "en", "wl", "veth", "docker", "br"))]
    assert "lo" in interfaces


def test_nothing_but_the_runtime_api_and_the_aws_endpoint_listens_inside(attack: Attack) -> None:
    ports = [*range(1, 1025, 7), 22, 80, 443, 2000, 4566, 8080, 9000, 9001, 9002]
    assert attack("network.listeners", {"ports": ports}, Timeout=60).value == [
        "127.0.0.1:9001",  # the Runtime API again, from where AWS's SDKs fetch credentials
        "169.254.100.1:4566",
        "169.254.100.1:9001",
    ]


def test_another_functions_events_cannot_be_taken(
    hostile: Callable[..., str], invoke: Invoke, neighbour: Neighbour
) -> None:
    """Every sandbox has the same Runtime API address; behind it is always one's own."""
    name = hostile("runtime_api.dispatch")
    answer = neighbour.answers_during(lambda: invoke(name, {"do": "next_while_busy"})).value
    assert answer["status"] == 403
    assert "neighbour" not in answer["body"]


def test_another_functions_invocation_cannot_be_answered(
    hostile: Callable[..., str], invoke: Invoke, neighbour: Neighbour
) -> None:
    name = hostile("runtime_api.dispatch")
    other = invoke(neighbour.name, {}).request_id
    for request_id in (other, os.urandom(16).hex(), "..%2f..", "%00", "x" * 5000):
        answer = neighbour.answers_during(lambda id=request_id: invoke(name, {"do": "answer_another", "id": id})).value
        assert answer["status"] in (400, 404), answer


def _addresses_of_the_host() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: nothing is sent, the kernel just picks a source address
        except OSError:
            return []
        return [str(probe.getsockname()[0])]
