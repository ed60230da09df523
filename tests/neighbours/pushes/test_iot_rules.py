"""IoT's rules invoke functions, on a real node."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node

from .conftest import Recorder

Recorders = Callable[..., Recorder]


def test_a_rule_fires_for_what_it_selects(node: Node, recorder: Recorders) -> None:
    function, iot, data = recorder(), node.client("iot"), node.client("iot-data")
    name = f"rule_{uuid4().hex[:8]}"
    payload = {
        "sql": "SELECT t, topic(2) AS room FROM 'rooms/+/heat'",
        "actions": [{"lambda": {"functionArn": function.arn}}],
    }
    iot.create_topic_rule(ruleName=name, topicRulePayload=payload)
    function.let_in("iot.amazonaws.com", iot.get_topic_rule(ruleName=name)["ruleArn"])
    for topic in ("rooms/12/heat", "rooms/12/light"):
        data.publish(topic=topic, payload=b'{"t": 21.5, "unit": "C"}')
    assert function.wait_seen() == [{"t": 21.5, "room": "12"}]
    iot.disable_topic_rule(ruleName=name)
    data.publish(topic="rooms/12/heat", payload=b'{"t": 22}')
    iot.enable_topic_rule(ruleName=name)
    data.publish(topic="rooms/12/heat", payload=b'{"t": 23}')
    assert [event["t"] for event in function.wait_seen(2)] == [21.5, 23]


def test_a_statement_that_is_not_read_is_refused(node: Node, recorder: Recorders) -> None:
    payload = {"sql": "SELECT * FROM 'a' WHERE t > 1", "actions": [{"lambda": {"functionArn": recorder().arn}}]}
    with pytest.raises(ClientError) as refusal:
        node.client("iot").create_topic_rule(ruleName="conditions", topicRulePayload=payload)
    assert refusal.value.response["Error"]["Code"] == "SqlParseException"
