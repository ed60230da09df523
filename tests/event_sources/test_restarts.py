"""What a node leaves behind, the next one goes on with. The sources outlive the node here: another server has them."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node, NodeProcess
from tests.event_sources.polling import (
    OWNER,
    client_of,
    deploy_witness,
    map_elsewhere,
    settings_for,
    wait,
    witnessed,
)

StartNode = Callable[..., tuple[NodeProcess, Node]]
SHARDS = 2


def test_a_stream_goes_on_where_the_stopped_node_was(start_node: StartNode, elsewhere: str, tmp_path: Path) -> None:
    kinesis, witness = client_of("kinesis", elsewhere), tmp_path / "witness"
    kinesis.create_stream(StreamName="kept", ShardCount=1)
    process, node = start_node(**settings_for(elsewhere))
    deploy_witness(node, witness)
    map_elsewhere(node, f"arn:aws:kinesis:us-east-1:{OWNER}:stream/kept", StartingPosition="LATEST")
    time.sleep(0.5)
    kinesis.put_record(StreamName="kept", PartitionKey="k", Data=b"one")
    wait(lambda: witnessed(witness) == ["one"], "the first record")
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text()
    kinesis.put_record(StreamName="kept", PartitionKey="k", Data=b"two")
    start_node(data=node.data, **settings_for(elsewhere))
    wait(lambda: witnessed(witness) == ["one", "two"], "the record that was put meanwhile")


def test_a_latest_position_of_which_nothing_was_read_is_still_the_same_after_a_restart(
    start_node: StartNode, elsewhere: str, tmp_path: Path
) -> None:
    kinesis, witness = client_of("kinesis", elsewhere), tmp_path / "witness"
    kinesis.create_stream(StreamName="unread", ShardCount=1)
    kinesis.put_record(StreamName="unread", PartitionKey="k", Data=b"old")
    time.sleep(1.1)
    process, node = start_node(**settings_for(elsewhere))
    deploy_witness(node, witness)
    map_elsewhere(node, f"arn:aws:kinesis:us-east-1:{OWNER}:stream/unread", StartingPosition="LATEST")
    time.sleep(0.5)
    process.kill()
    kinesis.put_record(StreamName="unread", PartitionKey="k", Data=b"new")
    start_node(data=node.data, **settings_for(elsewhere))
    wait(lambda: witnessed(witness) == ["new"], "the record that was put meanwhile")


def test_a_stopping_node_does_not_wait_out_its_wait_at_a_queue(
    start_node: StartNode, elsewhere: str, tmp_path: Path
) -> None:
    sqs, witness = client_of("sqs", elsewhere), tmp_path / "witness"
    url = sqs.create_queue(QueueName="handed-on", Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
    process, node = start_node(**settings_for(elsewhere))
    deploy_witness(node, witness)
    map_elsewhere(node, f"arn:aws:sqs:us-east-1:{OWNER}:handed-on")
    begun_s = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - begun_s < 5
    assert "Traceback" not in process.log.read_text()
    start_node(data=node.data, **settings_for(elsewhere))
    # A server that has not noticed the end of the connection hands the message to it, and then to the next node.
    sqs.send_message(QueueUrl=url, MessageBody="after")
    wait(lambda: witnessed(witness) == ["after"], "the message")


def test_nothing_is_lost_when_the_node_is_killed_again_and_again(
    start_node: StartNode, elsewhere: str, tmp_path: Path
) -> None:
    sqs, kinesis, witness = client_of("sqs", elsewhere), client_of("kinesis", elsewhere), tmp_path / "witness"
    url = sqs.create_queue(QueueName="killed", Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
    kinesis.create_stream(StreamName="killed", ShardCount=SHARDS)
    process, node = start_node(**settings_for(elsewhere))
    deploy_witness(node, witness)
    map_elsewhere(node, f"arn:aws:sqs:us-east-1:{OWNER}:killed")
    map_elsewhere(
        node,
        f"arn:aws:kinesis:us-east-1:{OWNER}:stream/killed",
        StartingPosition="TRIM_HORIZON",
        BatchSize=7,
        ParallelizationFactor=2,
    )
    sent: list[str] = []
    is_over = threading.Event()
    sender = threading.Thread(target=_send_until, args=(is_over, sqs, url, kinesis, sent))
    sender.start()
    for _ in range(3):
        time.sleep(1.2)
        process.kill()
        process, node = start_node(data=node.data, **settings_for(elsewhere))
    time.sleep(0.5)
    is_over.set()
    sender.join()
    assert len(sent) > 100
    wait(lambda: set(sent) <= set(witnessed(witness)), f"all of {len(sent)} records")
    for key in "abcd":  # whatever came twice, nothing came for the first time after a later one of its key
        first_seen = list(dict.fromkeys(line for line in witnessed(witness) if line.startswith(f"{key}-")))
        assert first_seen == [line for line in sent if line.startswith(f"{key}-")]


def _send_until(is_over: threading.Event, sqs: Any, url: str, kinesis: Any, sent: list[str]) -> None:
    number = 0
    while not is_over.is_set():
        number += 1
        sqs.send_message(QueueUrl=url, MessageBody=f"message-{number}")
        sent.append(f"message-{number}")
        key = "abcd"[number % 4]
        kinesis.put_record(StreamName="killed", PartitionKey=key, Data=f"{key}-{number}".encode())
        sent.append(f"{key}-{number}")
        time.sleep(0.02)


def test_a_service_that_is_off_has_no_sources(start_node: StartNode, tmp_path: Path) -> None:
    _, node = start_node(STOKER_NEIGHBOURS='{"sqs": "off"}', STOKER_ISOLATION="plain")
    deploy_witness(node, tmp_path / "witness")
    with pytest.raises(ClientError, match=r"The service sqs is off on this node \(setting neighbours.sqs\)"):
        map_elsewhere(node, f"arn:aws:sqs:us-east-1:{OWNER}:queue")
