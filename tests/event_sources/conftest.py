"""One node with the embedded neighbours, for all that is polled here."""

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import Node, NodeProcess
from tests.event_sources.polling import World, world


@pytest.fixture(scope="package")
def polling_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with NodeProcess(tmp_path_factory.mktemp("polling") / "data", STOKER_UPDATE_DELAY_S="0.05") as node:
        yield node


@pytest.fixture(scope="package")
def elsewhere() -> Iterator[str]:
    """The URL of a server of SQS and Kinesis that is no part of a node."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def here(polling_node: Node) -> Iterator[World]:
    with world(polling_node) as made:
        yield made
