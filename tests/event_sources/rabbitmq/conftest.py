"""One broker, and one node that reads from it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.conftest import Node, NodeProcess
from tests.event_sources.polling import World, client_of, world
from tests.event_sources.rabbitmq.broker import PASSWORD, USER, RabbitBroker, free_ports
from tests.event_sources.rabbitmq.mappings import LONE, PLAIN, TLS


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitBroker]:
    broker = RabbitBroker(tmp_path_factory.mktemp("rabbitmq"))
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


@pytest.fixture(scope="package")
def secrets(elsewhere: str) -> Any:
    """Secrets Manager, with what brokers are logged in with."""
    client = client_of("secretsmanager", elsewhere)
    for name, secret in (
        ("right", {"username": USER, "password": PASSWORD}),
        ("wrong", {"username": USER, "password": "wrong"}),
        ("shapeless", {"user": USER}),
    ):
        # The server's memory is the tests' own process and outlives it.
        with suppress(client.exceptions.ResourceExistsException):
            client.create_secret(Name=name, SecretString=json.dumps(secret))
    return client


@pytest.fixture(scope="package")
def node_settings(broker: RabbitBroker, secrets: Any, elsewhere: str) -> dict[str, str]:
    (nobody,) = free_ports(1)
    brokers = {
        PLAIN: f"amqp://127.0.0.1:{broker.port}",
        TLS: f"amqps://127.0.0.1:{broker.tls_port}?cafile={broker.authority}",
        LONE: f"amqp://127.0.0.1:{nobody}",
    }
    return {
        "STOKER_RABBITMQ_BROKERS": json.dumps(brokers),
        "STOKER_NEIGHBOURS": json.dumps({"secretsmanager": elsewhere, "mq": elsewhere}),
        "STOKER_ISOLATION": "plain",
        "STOKER_UPDATE_DELAY_S": "0.05",
    }


@pytest.fixture(scope="package")
def reading_node(tmp_path_factory: pytest.TempPathFactory, node_settings: dict[str, str]) -> Iterator[Node]:
    with NodeProcess(tmp_path_factory.mktemp("reading") / "data", **node_settings) as node:
        yield node


@pytest.fixture
def here(reading_node: Node) -> Iterator[World]:
    with world(reading_node) as made:
        yield made
