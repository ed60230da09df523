"""A node without credentials does not answer to web pages (docs/security.md)."""

import socket

import pytest

from tests.conftest import Node


def status_of(node: Node, headers: dict[str, str]) -> int:
    port = int(node.endpoint.rpartition(":")[2])
    lines = [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        request = "\r\n".join(["GET /2016-08-19/account-settings HTTP/1.1", *lines, "Connection: close", "", ""])
        connection.sendall(request.encode())
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return int(answer.split()[1])


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:4566"},
        {"Host": "127.0.0.1"},
        {"Host": "[::1]:4566"},
        {"Host": "abc.lambda-url.us-east-1.localhost:4566"},
        {"Host": "172.17.0.1:4566"},
        {"Host": "localhost", "Origin": "http://localhost:3000"},
        {"Host": "localhost", "Origin": "http://127.0.0.1:8080"},
    ],
)
def test_tools_and_local_pages_are_answered(platform: Node, headers: dict[str, str]) -> None:
    assert status_of(platform, headers) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:4566"},
        {"Host": "localhost.evil.example"},
        {"Host": "localhost", "Origin": "https://evil.example"},
        {"Host": "localhost", "Origin": "null"},
        {"Host": "localhost", "Origin": "http://203.0.113.7"},
        {"Host": "[broken"},
    ],
)
def test_names_and_pages_of_others_are_refused(platform: Node, headers: dict[str, str]) -> None:
    assert status_of(platform, headers) == 403
