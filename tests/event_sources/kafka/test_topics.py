"""Mappings of topics, with a real broker. Reference: event sources, 1 and 4."""

import base64
import json
import time
from typing import Any

import pytest

from tests.event_sources.kafka.topics import CLUSTER, Topics, text_of
from tests.event_sources.polling import wait


def test_records_come_as_aws_sends_them(topics: Topics) -> None:
    topic, function = topics.topic(partitions=2), topics.function()
    topics.broker.produce(topic, b"one", key=b"k", headers=[("h", b"\x00\xff"), ("h", b"again"), ("none", None)])
    topics.broker.produce(topic, None, partition=1, timestamp=1_700_000_000_000)
    topics.follow(function, topic)
    topics.wait_contents(function, "one", "")
    events = [one["event"] for one in topics.seen(function)]
    assert [event.keys() for event in events] == [{"eventSource", "bootstrapServers", "records"}] * len(events)
    assert events[0]["eventSource"] == "SelfManagedKafka"
    assert events[0]["bootstrapServers"] == topics.broker.server("PLAINTEXT")
    groups = {name: group for event in events for name, group in event["records"].items()}
    (one,), (other,) = groups[f"{topic}-0"], groups[f"{topic}-1"]
    assert abs(one.pop("timestamp") / 1000 - time.time()) < 60
    assert list(one.items()) == [
        ("topic", topic),
        ("partition", 0),
        ("offset", 0),
        ("timestampType", "CREATE_TIME"),
        ("key", base64.b64encode(b"k").decode()),
        ("value", base64.b64encode(b"one").decode()),
        ("headers", [{"h": [0, 255]}, {"h": list(b"again")}, {"none": []}]),
    ]
    assert other == {
        "topic": topic,
        "partition": 1,
        "offset": 0,
        "timestamp": 1_700_000_000_000,
        "timestampType": "CREATE_TIME",
        "headers": [],
    }


def test_a_cluster_of_msk_by_the_setting(topics: Topics) -> None:
    topic, function = topics.topic(**{"message.timestamp.type": "LogAppendTime"}), topics.function()
    topics.broker.produce(topic, b"one")
    topics.map(function, CLUSTER, Topics=[topic], StartingPosition="TRIM_HORIZON")
    topics.wait_contents(function, "one")
    (event,) = [one["event"] for one in topics.seen(function)]
    assert list(event) == ["eventSource", "eventSourceArn", "bootstrapServers", "records"]
    assert (event["eventSource"], event["eventSourceArn"]) == ("aws:kafka", CLUSTER)
    assert event["records"][f"{topic}-0"][0]["timestampType"] == "LOG_APPEND_TIME"


def test_offsets_are_committed_once_the_function_has_succeeded(topics: Topics) -> None:
    topic, function = topics.topic(), topics.function(POISON="bad")
    group = f"group-of-{topic}"
    config = {"ConsumerGroupId": group}
    mapping = topics.follow(function, topic, SelfManagedKafkaEventSourceConfig=config, BatchSize=1)
    assert topics.mapping(mapping)["SelfManagedKafkaEventSourceConfig"] == config
    topics.broker.produce(topic, b"good")
    wait(lambda: topics.broker.committed(group, topic) == 1, "the commit")
    wait(lambda: topics.mapping(mapping)["LastProcessingResult"] == "OK", "the result")
    topics.broker.produce(topic, b"bad", b"after")
    wait(lambda: topics.contents(function).count("bad") >= 2, "the same batch again and again")
    assert "after" not in topics.contents(function)
    assert topics.mapping(mapping)["LastProcessingResult"] == "PROBLEM: Function call failed"
    assert topics.broker.committed(group, topic) == 1
    topics.client.update_function_configuration(FunctionName=function, Environment={"Variables": {}})
    topics.wait_contents(function, "after")
    wait(lambda: topics.broker.committed(group, topic) == 3, "the rest of the commits")


def test_positions_to_start_from(topics: Topics) -> None:
    topic = topics.topic()
    topics.broker.produce(topic, b"old", timestamp=1_700_000_000_000)
    topics.broker.produce(topic, b"newer", timestamp=1_700_000_100_000)
    functions = [topics.function() for _ in range(3)]
    since: dict[str, Any] = {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_700_000_050}
    mappings = [
        topics.follow(functions[0], topic),
        topics.follow(functions[1], topic, StartingPosition="LATEST"),
        topics.follow(functions[2], topic, **since),
    ]
    for mapping in mappings:  # each has begun where it was to begin, whatever comes now
        wait(lambda mapping=mapping: topics.broker.committed(mapping, topic) >= 0, "the group's offset")
    topics.broker.produce(topic, b"new")
    for function, expected in zip(functions, (["old", "newer", "new"], ["new"], ["newer", "new"]), strict=True):
        topics.wait_contents(function, "new")
        assert topics.contents(function) == expected


def test_batches_are_as_large_as_they_may_be_and_hold_several_partitions(topics: Topics) -> None:
    topic, function = topics.topic(partitions=3), topics.function()
    topics.follow(function, topic, BatchSize=6, MaximumBatchingWindowInSeconds=20)
    producer = topics.broker.producer()
    for number in range(12):
        producer.produce(topic, f"{number}".encode(), partition=number % 3)
    assert producer.flush(20) == 0
    topics.wait_contents(function, *map(str, range(12)))
    seen = topics.seen(function)
    assert [len(one["contents"]) for one in seen] == [6, 6]
    assert max(len(one["event"]["records"]) for one in seen) > 1


def test_no_payload_is_larger_than_six_megabytes(topics: Topics) -> None:
    topic = topics.topic(**{"max.message.bytes": "3000000"})
    code = (
        "import json\ndef handler(e, c): print('SEEN', sum(len(g) for g in e['records'].values()), len(json.dumps(e)))"
    )
    function = topics.deploy(None, {"handler.py": code}, MemorySize=256, Timeout=20)
    topics.broker.produce(topic, *[bytes(900_000)] * 8)
    topics.follow(function, topic, MaximumBatchingWindowInSeconds=3)
    logs = topics.node.client("logs")

    def counts() -> list[list[int]]:
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [[*map(int, one["message"].split()[1:])] for one in events if one["message"].startswith("SEEN")]

    wait(lambda: sum(count for count, _ in counts()) == 8, "all records")
    assert [count for count, _ in counts()] == [5, 3]


def test_filters_look_into_keys_and_values(topics: Topics) -> None:
    topic, function = topics.topic(), topics.function()
    patterns = [{"key": ["wanted"]}, {"value": {"temperature": [{"numeric": [">", 20]}]}}]
    criteria = {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}
    mapping = topics.follow(function, topic, FilterCriteria=criteria)
    topics.broker.produce(topic, b'{"temperature":10}', b'{"temperature":30}', b"plain", key=b"other")
    topics.broker.produce(topic, b"by key", key=b"wanted")
    topics.broker.produce(topic, b"unwanted")
    topics.wait_contents(function, '{"temperature":30}', "by key")
    wait(lambda: topics.broker.committed(mapping, topic) == 5, "what nobody wanted to be committed as well")
    assert topics.contents(function) == ['{"temperature":30}', "by key"]


def test_a_batch_is_given_up_where_the_mapping_says_so(topics: Topics) -> None:
    topic, function, url = topics.topic(), topics.function(POISON="bad"), topics.queue(f"q{time.time_ns()}")
    arn = topics.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics.broker.produce(topic, b"good", b"bad", b"after")
    topics.follow(
        function,
        topic,
        BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": arn}},
        MaximumRetryAttempts=1,
        ProvisionedPollerConfig={"MinimumPollers": 1},
    )
    received: list[Any] = []
    wait(lambda: bool(received.extend(topics.sqs.receive_message(QueueUrl=url).get("Messages", [])) or received), "it")
    record = json.loads(received[0]["Body"])
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    info = record["KafkaBatchInfo"]
    assert (info["batchSize"], info["bootstrapServers"]) == (1, topics.broker.server("PLAINTEXT"))
    offsets = info["recordsInfo"][f"{topic}-0"]
    assert (offsets["firstRecordOffset"], offsets["lastRecordOffset"]) == ("1", "1")
    topics.wait_contents(function, "after")


def test_records_that_the_function_reports_come_again_with_those_behind_them(topics: Topics) -> None:
    topic, function = topics.topic(), topics.function(POISON="bad", REPORTS="1")
    topics.broker.produce(topic, b"good", b"bad", b"after")
    topics.follow(
        function,
        topic,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ProvisionedPollerConfig={"MinimumPollers": 1},
    )
    wait(lambda: len(topics.seen(function)) >= 2, "the rest to come again")
    assert [one["contents"] for one in topics.seen(function)][:2] == [["good", "bad", "after"], ["bad", "after"]]


def test_a_disabled_mapping_goes_on_where_it_was(topics: Topics) -> None:
    topic, function = topics.topic(), topics.function()
    mapping = topics.follow(function, topic)
    topics.broker.produce(topic, b"one")
    topics.wait_contents(function, "one")
    topics.client.update_event_source_mapping(UUID=mapping, Enabled=False)
    topics.wait_state(mapping, "Disabled")
    topics.broker.produce(topic, b"two")
    topics.client.update_event_source_mapping(UUID=mapping, Enabled=True)
    topics.wait_contents(function, "two")
    assert topics.contents(function) == ["one", "two"]


@pytest.mark.parametrize("kind", ["BASIC_AUTH", "SASL_SCRAM_256_AUTH", "SASL_SCRAM_512_AUTH"])
def test_logging_in_with_a_password(kind: str, topics: Topics) -> None:
    """Over TLS, as AWS does, or without where the setting says so."""
    topic, function = topics.topic(), topics.function()
    topics.broker.produce(topic, b"one")
    authority = topics.secret(certificate=topics.broker.certificates.authority)
    trust = [{"Type": "SERVER_ROOT_CA_CERTIFICATE", "URI": authority}]
    topics.follow(function, topic, "SASL_SSL", SourceAccessConfigurations=topics.login(kind) + trust)
    other = topics.function()
    topics.follow(other, topic, "SASL_PLAINTEXT", SourceAccessConfigurations=topics.login(kind))
    for name in (function, other):
        topics.wait_contents(name, "one")


def test_logging_in_with_a_certificate(topics: Topics) -> None:
    topic, function, known = topics.topic(), topics.function(), topics.broker.certificates
    topics.broker.produce(topic, b"one")
    access = [
        {
            "Type": "CLIENT_CERTIFICATE_TLS_AUTH",
            "URI": topics.secret(certificate=known.client, privateKey=known.client_key),
        },
        {"Type": "SERVER_ROOT_CA_CERTIFICATE", "URI": topics.secret(certificate=known.authority)},
    ]
    topics.follow(function, topic, "SSL", SourceAccessConfigurations=access)
    topics.wait_contents(function, "one")
    assert text_of(topics.seen(function)[0]["event"]["records"][f"{topic}-0"][0]) == "one"
