"""HTTPS listeners: TLS with the node's own certificate, HTTP/1.1 and HTTP/2."""

import http.client
import json
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Node
from tests.front_door.http2_client import Http2Client

from .conftest import Balancer, ask, free_port, make_balancer

CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/12345678-1234-1234-1234-123456789012"


@pytest.fixture
def context(platform: Node) -> ssl.SSLContext:
    """Of a client that trusts the node's authority."""
    pytest.importorskip("cryptography", reason="makes the node's certificate")
    with urllib.request.urlopen(f"{platform.endpoint}/_stoker/tls/authority.pem", timeout=30) as response:
        return ssl.create_default_context(cadata=response.read().decode())


@pytest.fixture
def secured(platform: Node, echo_function: str) -> Iterator[tuple[Balancer, int]]:
    """A load balancer with an HTTPS listener beside the other, and its port."""
    made, port = make_balancer(platform, echo_function), free_port()
    listener = made.elb.create_listener(
        LoadBalancerArn=made.arn,
        Protocol="HTTPS",
        Port=port,
        Certificates=[{"CertificateArn": CERTIFICATE}],
        DefaultActions=made.forward(),
    )["Listeners"][0]
    assert listener["Protocol"] == "HTTPS"
    assert listener["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert listener["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    yield made, port
    made.elb.delete_load_balancer(LoadBalancerArn=made.arn)


def ask_securely(port: int, context: ssl.SSLContext, path: str = "/") -> tuple[int, Any]:
    connection = http.client.HTTPSConnection("localhost", port, timeout=60, context=context)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, json.loads(body)


def test_a_function_is_told_of_https(secured: tuple[Balancer, int], context: ssl.SSLContext) -> None:
    status, event = ask_securely(secured[1], context, "/a?b=c")
    assert status == 200
    assert (event["path"], event["queryStringParameters"]) == ("/a", {"b": "c"})
    assert event["headers"]["x-forwarded-proto"] == "https"
    assert event["headers"]["x-forwarded-port"] == str(secured[1])
    assert "x-amzn-tls-version" not in event["headers"]


def test_http_2_is_spoken_by_who_asks_for_it(secured: tuple[Balancer, int], context: ssl.SSLContext) -> None:
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", secured[1]), timeout=30)
    with Http2Client(context.wrap_socket(plain, server_hostname="localhost"), host=f"localhost:{secured[1]}") as client:
        stream = client.ask(path="/two")
        event, head = json.loads(client.answer(stream)[1]), client.heads[stream]
    assert (head[":status"], head["server"]) == ("200", "awselb/2.0")
    assert "x-amzn-requestid" not in head
    assert (event["path"], event["headers"]["host"]) == ("/two", f"localhost:{secured[1]}")


def test_http_leads_to_https(secured: tuple[Balancer, int], context: ssl.SSLContext) -> None:
    made, port = secured
    config = {"Protocol": "HTTPS", "Port": str(port), "StatusCode": "HTTP_301"}
    made.elb.modify_listener(
        ListenerArn=made.listener_arn, DefaultActions=[{"Type": "redirect", "RedirectConfig": config}]
    )
    reply = ask(made.port, path="/a?b=c", headers=[("host", f"localhost:{made.port}")])
    assert reply.headers["location"] == f"https://localhost:{port}/a?b=c"


def test_a_listener_can_change_its_protocol(secured: tuple[Balancer, int], context: ssl.SSLContext) -> None:
    made, _ = secured
    changed = made.elb.modify_listener(
        ListenerArn=made.listener_arn, Protocol="HTTPS", Certificates=[{"CertificateArn": CERTIFICATE}]
    )["Listeners"][0]
    assert (changed["Protocol"], changed["Port"]) == ("HTTPS", made.port)
    assert ask_securely(made.port, context)[0] == 200
    back = made.elb.modify_listener(ListenerArn=made.listener_arn, Protocol="HTTP")["Listeners"][0]
    assert "Certificates" not in back
    assert ask(made.port).status == 200
