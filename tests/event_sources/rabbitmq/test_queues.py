"""Mappings of a real RabbitMQ's queues on a whole node. Reference: event sources, 5."""

import base64
import itertools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node, NodeProcess
from tests.event_sources.polling import World, client_of, wait
from tests.event_sources.rabbitmq.broker import VIRTUAL_HOST, RabbitBroker
from tests.event_sources.rabbitmq.mappings import LONE, PLAIN, TLS, UNKNOWN, members, recorder

StartNode = Callable[..., tuple[NodeProcess, Node]]


def test_a_message_reaches_the_function_as_awss_do_and_leaves_the_queue(here: World, broker: RabbitBroker) -> None:
    broker.declare("whole", VIRTUAL_HOST)
    function = recorder(here)
    uuid = here.map(function, PLAIN, **members("whole", virtual_host=VIRTUAL_HOST))
    broker.publish(
        "whole",
        [b"\xff\x00"],
        VIRTUAL_HOST,
        content_type="text/plain",
        content_encoding="identity",
        headers={"text": "é", "number": 10, "yes": True, "bytes": bytearray(b"\xff\x01"), "inner": {"t": ["x", None]}},
        delivery_mode=2,
        priority=3,
        correlation_id="c",
        reply_to="r",
        expiration="60000",
        message_id="m",
        timestamp=datetime.fromtimestamp(13 * 3600 + 41, UTC),
        message_type="t",
        user_id="reader",
        app_id="a",
    )
    wait(lambda: bool(here.seen(function)), "the message")
    assert here.seen(function)[0]["event"] == {
        "eventSource": "aws:rmq",
        "eventSourceArn": PLAIN,
        "rmqMessagesByQueue": {
            "whole::orders": [
                {
                    "basicProperties": {
                        "contentType": "text/plain",
                        "contentEncoding": "identity",
                        "headers": {
                            "text": {"bytes": [-61, -87]},
                            "number": 10,
                            "yes": True,
                            "bytes": [-1, 1],
                            "inner": {"t": [{"bytes": [120]}, None]},
                        },
                        "deliveryMode": 2,
                        "priority": 3,
                        "correlationId": "c",
                        "replyTo": "r",
                        "expiration": "60000",
                        "messageId": "m",
                        "timestamp": "Jan 1, 1970, 1:00:41 PM",
                        "type": "t",
                        "userId": "reader",
                        "appId": "a",
                        "clusterId": None,
                        "bodySize": 2,
                    },
                    "redelivered": False,
                    "data": base64.b64encode(b"\xff\x00").decode(),
                }
            ]
        },
    }
    wait(lambda: here.mapping(uuid)["LastProcessingResult"] == "OK", "the mapping to say so")
    here.client.delete_event_source_mapping(UUID=uuid)
    wait(lambda: uuid not in str(here.client.list_event_source_mappings()), "the mapping to be gone")
    assert broker.depth("whole", VIRTUAL_HOST) == 0  # what is not acknowledged would be ready again


def test_messages_gather_until_there_are_enough_or_for_half_a_second(here: World, broker: RabbitBroker) -> None:
    broker.declare("many")
    broker.publish("many", [str(number).encode() for number in range(250)])
    function = recorder(here)
    here.map(function, PLAIN, **members("many"))
    here.wait_contents(function, *map(str, range(250)))
    assert [len(one["contents"]) for one in here.seen(function)] == [100, 100, 50]
    assert here.contents(function) == [str(number) for number in range(250)]


def test_a_batch_may_have_more_messages_than_a_broker_sends_at_once(here: World, broker: RabbitBroker) -> None:
    broker.declare("numerous")
    broker.publish("numerous", [str(number).encode() for number in range(1_500)])
    function = recorder(here)
    here.map(function, PLAIN, **members("numerous", BatchSize=1_000, MaximumBatchingWindowInSeconds=1))
    here.wait_contents(function, *map(str, range(1_500)))
    assert [len(one["contents"]) for one in here.seen(function)] == [1_000, 500]


def most_memory_mb(pid: int) -> float:
    """The most that the process has had since it was told to forget (proc(5))."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def test_a_node_holds_little_of_a_queue_of_large_messages(here: World, broker: RabbitBroker) -> None:
    broker.declare("heavy")
    function = recorder(here, SECONDS="0.05")
    Path(f"/proc/{here.node.pid}/clear_refs").write_text("5")
    before_mb = most_memory_mb(here.node.pid)
    for _ in range(4):
        broker.publish("heavy", [bytes(1_000_000)] * 50)
    broker.publish("heavy", [b"last"])
    here.map(function, PLAIN, **members("heavy", BatchSize=10_000))
    here.wait_contents(function, "last")
    assert most_memory_mb(here.node.pid) - before_mb < 130  # 200 MB lie in the queue, half as much again in base64


def test_a_batch_is_never_larger_than_a_payload_and_what_alone_is_too_large_is_dropped(
    here: World, broker: RabbitBroker
) -> None:
    broker.declare("letters")
    broker.declare("large", **{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "letters"})
    size = 1_000_000
    broker.publish("large", [b"giant" + bytes(5_000_000), *(bytes([65 + n]) * size for n in range(20)), b"last"])
    function = recorder(here)
    here.map(function, PLAIN, **members("large", BatchSize=1_000, MaximumBatchingWindowInSeconds=1))
    here.wait_contents(function, "last")
    batches = [len(one["contents"]) for one in here.seen(function)]
    assert sum(batches) == 21
    assert batches[0] == 4  # 1.33 MB each in base64
    assert broker.depth("letters") == 1


def test_messages_that_no_filter_wants_are_acknowledged_unseen(here: World, broker: RabbitBroker) -> None:
    broker.declare("filtered", **{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "letters"})
    pattern = json.dumps({"data": {"kind": ["order"]}, "basicProperties": {"priority": [None]}})
    function = recorder(here)
    uuid = here.map(function, PLAIN, **members("filtered"), FilterCriteria={"Filters": [{"Pattern": pattern}]})
    wanted = '{"kind": "order"}'
    before = broker.depth("letters")
    broker.publish("filtered", [b'{"kind": "other"}', b"plain", wanted.encode()])
    here.wait_contents(function, wanted)
    assert here.contents(function) == [wanted]
    here.client.update_event_source_mapping(UUID=uuid, Enabled=False)
    here.wait_state(uuid, "Disabled")
    assert (broker.depth("filtered"), broker.depth("letters")) == (0, before)


def test_a_failed_batch_goes_back_to_the_queue_and_comes_again_as_redelivered(
    here: World, broker: RabbitBroker
) -> None:
    broker.declare("failing")
    function = recorder(here, POISON="bad", ONCE="1")
    uuid = here.map(function, PLAIN, **members("failing", BatchSize=2))
    broker.publish("failing", [b"good", b"bad"])
    wait(lambda: here.mapping(uuid)["LastProcessingResult"] == "PROBLEM: Function call failed", "the problem")
    wait(lambda: here.mapping(uuid)["LastProcessingResult"] == "OK", "the problem to be over")
    assert [(one["contents"], one["redelivered"]) for one in here.seen(function)] == [
        (["good", "bad"], [False, False]),
        (["good", "bad"], [True, True]),
    ]


def test_a_quorum_queue_gives_up_what_always_fails_by_its_own_limit(here: World, broker: RabbitBroker) -> None:
    broker.declare("given-up")
    limits = {"x-queue-type": "quorum", "x-delivery-limit": 1}
    broker.declare("quorum", **limits, **{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "given-up"})
    function = recorder(here, POISON="bad")
    here.map(function, PLAIN, **members("quorum"))
    broker.publish("quorum", [b"bad"])
    wait(lambda: broker.depth("given-up") == 1, "the queue to give the message up")
    assert here.contents(function) == ["bad", "bad"]
    broker.publish("quorum", [b"good"])
    here.wait_contents(function, "good")


def test_one_batch_at_a_time_is_with_the_function(here: World, broker: RabbitBroker) -> None:
    broker.declare("single")
    broker.publish("single", [str(number).encode() for number in range(6)])
    function = recorder(here, SECONDS="0.3")
    here.map(function, PLAIN, **members("single", BatchSize=2))
    here.wait_contents(function, *map(str, range(6)))
    begun_s = [one["at"] for one in here.seen(function)]
    assert all(later - sooner >= 0.3 for sooner, later in itertools.pairwise(begun_s))


def test_a_broker_is_reached_by_tls(here: World, broker: RabbitBroker) -> None:
    broker.declare("encrypted")
    broker.publish("encrypted", [b"hello"])
    function = recorder(here)
    here.map(function, TLS, **members("encrypted"))
    here.wait_contents(function, "hello")


def said(here: World, arn: str, **given: Any) -> str:
    """What a mapping tells of its problem; it stays enabled."""
    uuid = here.map(recorder(here), arn, **given)
    wait(lambda: here.mapping(uuid)["LastProcessingResult"].startswith("PROBLEM: "), "a problem to be told")
    shown = here.mapping(uuid)
    assert shown["State"] == "Enabled"
    return str(shown["LastProcessingResult"])


def test_what_keeps_a_mapping_from_its_queue_is_said(here: World, broker: RabbitBroker) -> None:
    broker.declare("there")
    assert "ACCESS_REFUSED" in said(here, PLAIN, **members("there", secret="wrong"))
    assert "is not an object with username and password" in said(here, PLAIN, **members("there", secret="shapeless"))
    assert "ResourceNotFoundException" in said(here, PLAIN, **members("there", secret="missing"))
    assert "NOT_FOUND - no queue 'nowhere'" in said(here, PLAIN, **members("nowhere"))
    assert "does not open the virtual host nowhere" in said(here, PLAIN, **members("there", virtual_host="nowhere"))
    assert said(here, LONE, **members("there")).startswith("PROBLEM: Connection error. RabbitMQ at 127.0.0.1:")


def test_a_queue_that_comes_goes_and_comes_again_is_read_whenever_it_is_there(
    here: World, broker: RabbitBroker
) -> None:
    function = recorder(here)
    uuid = here.map(function, PLAIN, **members("late"))
    wait(lambda: "no queue 'late'" in here.mapping(uuid)["LastProcessingResult"], "the problem")
    broker.declare("late")
    broker.publish("late", [b"one"])
    here.wait_contents(function, "one")

    async def delete(channel: Any) -> None:
        await channel.queue_delete("late")

    broker.use(delete)
    wait(lambda: here.mapping(uuid)["LastProcessingResult"].startswith("PROBLEM: "), "the problem")
    broker.declare("late")
    broker.publish("late", [b"two"])
    here.wait_contents(function, "two")
    wait(lambda: here.mapping(uuid)["LastProcessingResult"] == "OK", "the problem to be over")


def test_a_problem_is_not_tried_over_and_over(here: World, broker: RabbitBroker) -> None:
    """The broker's log has one line for each attempt."""
    before = broker.refusals()
    said(here, PLAIN, **members("there", secret="wrong"))
    time.sleep(2)
    assert 1 <= broker.refusals() - before <= 4  # at 0, 0.5 and 1.5 seconds


def refusal(here: World, arn: str, **given: Any) -> str:
    with pytest.raises(ClientError) as raised:
        here.client.create_event_source_mapping(FunctionName=recorder(here), EventSourceArn=arn, **given)
    assert raised.value.response["Error"]["Code"] == "InvalidParameterValueException"
    return str(raised.value.response["Error"]["Message"])


def test_brokers_that_nobody_knows_and_those_of_activemq_are_refused(here: World, elsewhere: str) -> None:
    assert refusal(here, UNKNOWN, **members("q")).startswith(
        f"Broker not found: {UNKNOWN} (setting rabbitmq_brokers names none"
    )
    created = client_of("mq", elsewhere).create_broker(
        BrokerName="active",
        EngineType="ACTIVEMQ",
        EngineVersion="5.18",
        DeploymentMode="SINGLE_INSTANCE",
        HostInstanceType="mq.t3.micro",
        PubliclyAccessible=False,
        AutoMinorVersionUpgrade=False,
        Users=[{"Username": "u", "Password": "a-long-password"}],
    )
    arn = created["BrokerArn"]
    assert "does not support reading from Apache ActiveMQ" in refusal(here, arn, **members("q"))
    # What is not enabled is kept, as before.
    uuid = here.client.create_event_source_mapping(
        FunctionName=recorder(here), EventSourceArn=arn, Enabled=False, **members("q")
    )["UUID"]
    here.uuids.append(uuid)
    here.wait_state(uuid, "Disabled")
    with pytest.raises(ClientError, match="Apache ActiveMQ"):
        here.client.update_event_source_mapping(UUID=uuid, Enabled=True)


def test_without_the_client_an_enabled_mapping_is_refused_by_the_extras_name(
    start_node: StartNode, node_settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['aiormq'] = None\n")
    _, node = start_node(**node_settings, PYTHONPATH=str(tmp_path))
    here = World(node)
    given = {"FunctionName": recorder(here), "EventSourceArn": PLAIN, **members("q")}
    with pytest.raises(ClientError, match=r"pip install 'stoker\[rabbitmq\]'"):
        here.client.create_event_source_mapping(**given)
    assert here.client.create_event_source_mapping(**given, Enabled=False)["State"] in ("Creating", "Disabled")
