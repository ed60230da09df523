"""Messages field for field, and what the settings and mappings may say. Reference: event sources, 5."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pamqp.commands import Basic

from stoker.arn import split_arn
from stoker.config import SettingsError
from stoker.errors import InvalidParameterValueException
from stoker.event_sources.matching import Filters
from stoker.event_sources.rabbitmq.access import check_access
from stoker.event_sources.rabbitmq.brokers import ActiveMqError, Brokers, Endpoint, Login, declared_brokers
from stoker.event_sources.rabbitmq.client import BrokerError
from stoker.event_sources.rabbitmq.messages import event_of, message_of, overhead_bytes
from stoker.event_sources.rabbitmq.queue import Holding

ARN = "arn:aws:mq:us-west-2:111111111111:broker:b:b-1"
NAMES = (ARN, "q", "/")


def test_a_message_without_properties() -> None:
    """Recorded: every member is there, null where nothing was set."""
    message = message_of(1, True, Basic.Properties(delivery_mode=2), b"Hello World 1")
    assert json.loads(event_of([message], *NAMES)) == {
        "eventSource": "aws:rmq",
        "eventSourceArn": ARN,
        "rmqMessagesByQueue": {
            "q::/": [
                {
                    "basicProperties": {
                        "contentType": None,
                        "contentEncoding": None,
                        "headers": None,
                        "deliveryMode": 2,
                        "priority": None,
                        "correlationId": None,
                        "replyTo": None,
                        "expiration": None,
                        "messageId": None,
                        "timestamp": None,
                        "type": None,
                        "userId": None,
                        "appId": None,
                        "clusterId": None,
                        "bodySize": 13,
                    },
                    "redelivered": True,
                    "data": "SGVsbG8gV29ybGQgMQ==",
                }
            ]
        },
    }


def test_the_size_of_an_event_is_known_before_it_is_made() -> None:
    messages = [message_of(number, False, Basic.Properties(), b"x" * number) for number in range(3)]
    event = event_of(messages, *NAMES)
    assert len(event) == overhead_bytes(*NAMES) + sum(len(message.encoded) + 1 for message in messages) - 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"\xff", {"bytes": [-1]}),
        (Decimal("1.5"), 1.5),
        (Decimal(3), 3),
        (1.5, 1.5),
        (datetime(2026, 11, 29, 0, 5, 9, tzinfo=UTC), "Nov 29, 2026, 12:05:09 AM"),
        ([{"a": True}], [{"a": True}]),
    ],
)
def test_the_values_of_headers(value: Any, shown: Any) -> None:
    record = json.loads(message_of(1, False, Basic.Properties(headers={"h": value}), b"").encoded)
    assert record["basicProperties"]["headers"] == {"h": shown}


def test_filters_look_into_the_decoded_data() -> None:
    def matches(pattern: str, body: bytes) -> bool:
        document = message_of(1, False, Basic.Properties(), body).document
        return Filters({"Filters": [{"Pattern": pattern}]}).match(document)

    assert matches('{"data":{"n":[1]},"redelivered":[false]}', b'{"n":1}')
    assert not matches('{"data":{"n":[1]}}', b"plain")
    assert matches('{"data":[{"prefix":"pl"}]}', b"plain")
    assert not matches('{"data":["{}"]}', b"{}")


def test_endpoints_of_the_setting() -> None:
    url = "amqps://rabbit.example.org?cafile=/etc/ca.pem"
    (endpoint,) = declared_brokers({ARN: url}).values()
    assert endpoint == Endpoint("amqps", "rabbit.example.org", 5671, "/etc/ca.pem")
    assert endpoint.url(Login("a@b", "c/d", "/")) == (
        "amqps://a%40b:c%2Fd@rabbit.example.org:5671/%2F?cafile=%2Fetc%2Fca.pem"
    )
    assert "secret" not in repr(Login("a", "secret", "/"))


@pytest.mark.parametrize(
    ("arn", "url"),
    [
        ("broker", "amqp://h"),
        (ARN, "ssl://h:61617"),
        (ARN, "http://h"),
        (ARN, "amqp://user:password@h"),
        (ARN, "amqp://h/vhost"),
        (ARN, "amqp://h?heartbeat=1"),
        (ARN, "amqp://h:99999"),
        (ARN, "amqp://"),
    ],
)
def test_what_is_no_endpoint_or_no_broker_is_refused(arn: str, url: str) -> None:
    with pytest.raises(SettingsError, match="setting 'rabbitmq_brokers'"):
        declared_brokers({arn: url})


@pytest.mark.parametrize(
    ("messages", "size_bytes", "largest_bytes", "prefetch"),
    [
        (0, 0, 0, 10),
        (10, 100, 10, 190),
        (200, 2_000, 10, 0),
        (0, 0, 400, 3),
        (0, 0, 9_000, 1),
        (1, 1_200, 400, 0),
        (195, 0, 0, 5),
    ],
)
def test_what_is_asked_for_fits_by_number_and_by_size(
    messages: int, size_bytes: int, largest_bytes: int, prefetch: int
) -> None:
    holding = Holding(200, 1_200 if largest_bytes >= 400 else 100_000)
    assert holding.prefetch(messages, size_bytes, largest_bytes) == prefetch


class AmazonMq:
    """Another service, which knows one broker."""

    def __init__(self, engine: str, *endpoints: str) -> None:
        self._answer = {"EngineType": engine, "BrokerInstances": [{"Endpoints": list(endpoints)}]}

    async def call(self, service: str, account_id: str, region: str, operation: str, **parameters: Any) -> Any:
        asked = (service, account_id, region, operation, parameters)
        assert asked == ("mq", "111111111111", "us-west-2", "DescribeBroker", {"BrokerId": "b-1"})
        return self._answer

    call_patiently = call


async def test_amazon_mq_is_asked_for_brokers_that_the_setting_does_not_know() -> None:
    arn = split_arn(ARN)
    assert arn is not None
    url = "amqps://b-1.mq.us-west-2.amazonaws.com:5671"
    assert str(await Brokers(AmazonMq("RABBITMQ", url), {}).endpoint(arn)) == "b-1.mq.us-west-2.amazonaws.com:5671"
    own = Endpoint("amqp", "127.0.0.1", 5672)
    assert await Brokers(AmazonMq("RABBITMQ", url), {ARN: own}).endpoint(arn) == own
    with pytest.raises(ActiveMqError):
        await Brokers(AmazonMq("ACTIVEMQ", "ssl://b-1.mq:61617", "amqp+ssl://b-1.mq:5671"), {}).endpoint(arn)
    with pytest.raises(BrokerError, match="no AMQP endpoint"):
        await Brokers(AmazonMq("RABBITMQ"), {}).endpoint(arn)


SECRET = {"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:111111111111:secret:s"}


@pytest.mark.parametrize(
    "configurations",
    [
        None,
        [],
        [{"Type": "VIRTUAL_HOST", "URI": "/"}],
        [SECRET, SECRET],
        [SECRET, {"Type": "SASL_SCRAM_256_AUTH", "URI": "x"}],
        [{"Type": "BASIC_AUTH"}],
    ],
)
def test_a_broker_needs_one_secret_and_knows_nothing_but_a_virtual_host_besides(configurations: Any) -> None:
    with pytest.raises(InvalidParameterValueException):
        check_access(configurations)
    check_access([SECRET, {"Type": "VIRTUAL_HOST", "URI": "/"}])
