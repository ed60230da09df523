"""One node with the embedded neighbours, for all that is polled here."""

from collections.abc import Iterator

import pytest

from tests.conftest import Node, NodeProcess
from tests.event_sources.polling import World, world


@pytest.fixture(scope="package")
def polling_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    process = NodeProcess(tmp_path_factory.mktemp("polling") / "data", STOKER_UPDATE_DELAY_S="0.05")
    yield process.wait_ready()
    assert process.stop() == 0, process.log.read_text()[-4000:]
    assert "Traceback" not in process.log.read_text(), process.log.read_text()[-4000:]


@pytest.fixture
def here(polling_node: Node) -> Iterator[World]:
    with world(polling_node) as made:
        yield made
