"""What a node has to have, or to be told, before it reads topics."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import Node, NodeProcess
from tests.event_sources.kafka.broker import Broker
from tests.event_sources.kafka.topics import CLUSTER, Topics

StartNode = Callable[..., tuple[NodeProcess, Node]]
# As if it were not installed, for whatever interpreter finds this.
WITHOUT_LIBRARY = "import sys\nsys.modules['confluent_kafka'] = None\n"


def test_without_the_extra_an_enabled_mapping_is_refused_and_one_that_is_there_says_why(
    start_node: StartNode, tmp_path: Path
) -> None:
    pytest.importorskip("confluent_kafka")
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WITHOUT_LIBRARY)
    settings = {"STOKER_ISOLATION": "plain", "STOKER_UPDATE_DELAY_S": "0.05"}
    process, node = start_node(**settings)
    topics = Topics(node, Broker(tmp_path, tmp_path, {"PLAINTEXT": 9}))
    mapping = topics.follow(topics.function(), "topic")
    process.stop()
    _, node = start_node(data=node.data, PYTHONPATH=str(folder), **settings)
    topics = Topics(node, topics.broker)
    topics.wait_problem(mapping, "pip install 'stoker[kafka]'")
    function, client = topics.function(), topics.client
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="needs the extra 'kafka'"):
        client.create_event_source_mapping(FunctionName=function, **topics.members("topic"))
    made = client.create_event_source_mapping(FunctionName=function, **topics.members("topic"), Enabled=False)
    topics.wait_state(made["UUID"], "Disabled")


@pytest.fixture
def msk(broker: Broker) -> Iterator[str]:
    """The URL of something that answers GetBootstrapBrokers as Amazon MSK does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"bootstrapBrokerString": broker.server("PLAINTEXT")}).encode()
            self.send_response(200 if self.path.endswith("/bootstrap-brokers") else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_msk_is_asked_for_its_brokers(start_node: StartNode, broker: Broker, msk: str) -> None:
    neighbours = json.dumps({"kafka": msk})
    _, node = start_node(STOKER_NEIGHBOURS=neighbours, STOKER_ISOLATION="plain", STOKER_UPDATE_DELAY_S="0.05")
    topics = Topics(node, broker)
    topic, function = topics.topic(), topics.function()
    broker.produce(topic, b"one")
    topics.map(function, CLUSTER, Topics=[topic], StartingPosition="TRIM_HORIZON")
    topics.wait_contents(function, "one")
    assert topics.seen(function)[0]["event"]["bootstrapServers"] == broker.server("PLAINTEXT")


def test_a_setting_that_names_no_broker_stops_the_start(tmp_path: Path) -> None:
    process = NodeProcess(tmp_path / "data", STOKER_KAFKA_BROKERS='{"broker": "127.0.0.1:9092"}')
    assert process.process.wait(30) != 0
    said = process.log.read_text()
    assert "setting 'kafka_brokers'" in said
    assert "Traceback" not in said
