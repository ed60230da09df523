"""One broker and one node for all tests of Kafka, and what they share."""

from collections.abc import Iterator

import pytest

from tests.conftest import Node, NodeProcess
from tests.event_sources.kafka.broker import Broker, jars
from tests.event_sources.kafka.topics import Topics, settings_for


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    pytest.importorskip("confluent_kafka")
    broker = Broker(jars(), tmp_path_factory.mktemp("broker"))
    broker.prepare()
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@pytest.fixture(scope="package")
def kafka_node(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with NodeProcess(tmp_path_factory.mktemp("kafka") / "data", **settings_for(broker)) as node:
        yield node


@pytest.fixture
def topics(kafka_node: Node, broker: Broker) -> Iterator[Topics]:
    made = Topics(kafka_node, broker)
    yield made
    made.clean_up()
