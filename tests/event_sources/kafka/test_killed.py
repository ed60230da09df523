"""Records flow while the node and the broker are killed, again and again: all come, in their partitions' order."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Node, NodeProcess
from tests.event_sources.kafka.broker import Broker
from tests.event_sources.kafka.topics import OPEN, by_partition, deploy_witness, settings_for
from tests.event_sources.polling import wait

StartNode = Callable[..., tuple[NodeProcess, Node]]
PARTITIONS = 3
RECORDS = 10_000


def test_nothing_is_lost_and_order_is_kept_while_node_and_broker_are_killed(
    start_node: StartNode, broker: Broker, tmp_path: Path
) -> None:
    witness, topic = tmp_path / "witness", broker.create_topic(f"killed-{time.time_ns()}", PARTITIONS)
    settings = settings_for(broker) | {"STOKER_ISOLATION": "plain"}
    process, node = start_node(**settings)
    deploy_witness(node, str(witness))
    node.client("lambda").create_event_source_mapping(
        FunctionName="f",
        SelfManagedEventSource={"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [broker.server("PLAINTEXT")]}},
        SourceAccessConfigurations=OPEN,
        StartingPosition="LATEST",
        Topics=[topic],
        BatchSize=20,
        SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": topic},
    )
    wait(lambda: broker.committed(topic, topic) >= 0, "the group to have begun")
    producing = threading.Thread(target=produce, args=(broker, topic))
    producing.start()
    try:
        wait(lambda: len(lines_of(witness)) > RECORDS // 20, "the first records")
        process.kill()
        process, node = start_node(data=node.data, **settings)
        wait_progress(witness)
        broker.kill()
        time.sleep(0.5)
        broker.start()
        wait_progress(witness)
        process.kill()
        process, node = start_node(data=node.data, **settings)
    finally:
        producing.join()
    wait(lambda: count(witness) == RECORDS, "every record")
    for offsets in by_partition(lines_of(witness)).values():
        highest = -1
        for before, offset in zip([-1, *offsets], offsets, strict=False):
            # What was with the function comes again, from some record on, one after the other.
            assert offset == before + 1 or offset <= highest, f"{offset} after {before}"
            assert offset <= highest + 1, f"{offset} came before {highest + 1}"
            highest = max(highest, offset)
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text()


def produce(broker: Broker, topic: str) -> None:
    """For about ten seconds; what a broker does not take is sent again, once, by the idempotent producer."""
    producer = broker.producer(**{"enable.idempotence": True, "message.timeout.ms": 60_000})
    for number in range(RECORDS):
        producer.produce(topic, f"{number}".encode(), partition=number % PARTITIONS)
        producer.poll(0)
        time.sleep(10 / RECORDS)
    assert producer.flush(60) == 0


def lines_of(witness: Path) -> list[str]:
    return witness.read_text().splitlines() if witness.exists() else []


def count(witness: Path) -> int:
    """How many different records were seen."""
    return sum(len(set(offsets)) for offsets in by_partition(lines_of(witness)).values())


def wait_progress(witness: Path) -> None:
    seen = count(witness)
    wait(lambda: count(witness) > seen + 50, "more records")


def test_a_node_that_stops_leaves_nothing_to_be_done_twice(
    start_node: StartNode, broker: Broker, tmp_path: Path
) -> None:
    witness, topic = tmp_path / "witness", broker.create_topic(f"stopped-{time.time_ns()}")
    settings = settings_for(broker) | {"STOKER_ISOLATION": "plain"}
    process, node = start_node(**settings)
    deploy_witness(node, str(witness))
    node.client("lambda").create_event_source_mapping(
        FunctionName="f",
        SelfManagedEventSource={"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [broker.server("PLAINTEXT")]}},
        SourceAccessConfigurations=OPEN,
        StartingPosition="TRIM_HORIZON",
        Topics=[topic],
    )
    broker.produce(topic, b"one")
    wait(lambda: lines_of(witness) == ["0 0 one"], "the first record")
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text()
    broker.produce(topic, b"two")
    start_node(data=node.data, **settings)
    wait(lambda: lines_of(witness) == ["0 0 one", "0 1 two"], "the record that came meanwhile")
