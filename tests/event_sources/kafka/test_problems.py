"""What a mapping says when it cannot read its topic, and that it does as soon as it can."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.event_sources.kafka.topics import CLUSTER, PASSWORD, USER, Topics
from tests.event_sources.polling import wait


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_password_that_is_put_right_works(topics: Topics) -> None:
    topic, function = topics.topic(), topics.function()
    topics.broker.produce(topic, b"one")
    access = topics.login("SASL_SCRAM_512_AUTH", password="wrong")
    mapping = topics.follow(function, topic, "SASL_PLAINTEXT", SourceAccessConfigurations=access)
    shown = topics.wait_problem(mapping, "PROBLEM: SASL authentication failed.")
    assert shown["StateTransitionReason"] == shown["LastProcessingResult"]
    assert (shown["State"], "wrong" in shown["LastProcessingResult"]) == ("Enabled", False)
    secret = f'{{"username": "{USER}", "password": "{PASSWORD}"}}'
    topics.secrets.put_secret_value(SecretId=access[0]["URI"], SecretString=secret)
    topics.wait_contents(function, "one")
    wait(lambda: topics.mapping(mapping)["LastProcessingResult"] == "OK", "the problem to be gone")
    assert topics.mapping(mapping)["StateTransitionReason"] == "USER_INITIATED"


def test_a_topic_that_is_made_later_is_read(topics: Topics) -> None:
    function, topic = topics.function(), f"later-{time.time_ns()}"
    mapping = topics.follow(function, topic)
    topics.wait_problem(mapping, f"PROBLEM: Topic not found: {topic}")
    topics.broker.create_topic(topic)
    topics.broker.produce(topic, b"one")
    topics.wait_contents(function, "one")


def test_what_the_brokers_are_not_known_to_be_is_said(topics: Topics) -> None:
    """The embedded neighbours do not know GetBootstrapBrokers."""
    arn = CLUSTER.replace("orders", "unknown")
    mapping = topics.map(topics.function(), arn, Topics=["topic"], StartingPosition="LATEST")
    topics.wait_problem(mapping, f"PROBLEM: Connection error. The brokers of {arn} are not known")


def test_no_broker_is_a_problem_that_costs_nothing(topics: Topics) -> None:
    endpoint = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["127.0.0.1:9"]}}
    mapping = topics.follow(topics.function(), "topic", SelfManagedEventSource=endpoint)
    before_s = processor_s(topics.node.pid)
    topics.wait_problem(mapping, "PROBLEM: Connection error.")
    assert processor_s(topics.node.pid) - before_s < 5  # of about 10 s


def tls_problems(topics: Topics) -> dict[str, tuple[str, list[dict[str, str]]]]:
    """What is said by which access, at the listener that asks for certificates."""
    known = topics.broker.certificates
    trust = {"Type": "SERVER_ROOT_CA_CERTIFICATE", "URI": topics.secret(certificate=known.authority)}
    client = topics.secret(certificate=known.client, privateKey=known.client_key)
    return {
        "Server failed to authenticate Lambda.": ("SSL", [trust]),
        "Lambda failed to authenticate server.": ("SSL", [{"Type": "CLIENT_CERTIFICATE_TLS_AUTH", "URI": client}]),
        "Provided certificate or private key is invalid.": (
            "SSL",
            [{"Type": "CLIENT_CERTIFICATE_TLS_AUTH", "URI": topics.secret(certificate="x", privateKey="y")}],
        ),
        "is not a JSON object with the text username": (
            "SASL_SSL",
            [{"Type": "BASIC_AUTH", "URI": topics.secret(name="x")}],
        ),
        "cannot be read: ResourceNotFoundException": (
            "SASL_SSL",
            [{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:000000000000:secret:nobody-AbCdEf"}],
        ),
    }


def test_what_is_wrong_with_certificates_and_secrets_is_said(topics: Topics) -> None:
    topic, function = topics.topic(), topics.function()
    for text, (listener, access) in tls_problems(topics).items():
        mapping = topics.follow(function, topic, listener, SourceAccessConfigurations=access)
        topics.wait_problem(mapping, text)
        topics.client.delete_event_source_mapping(UUID=mapping)
        wait(lambda mapping=mapping: is_gone(topics, mapping), "the mapping to be gone")


def is_gone(topics: Topics, mapping: str) -> bool:
    try:
        topics.mapping(mapping)
    except topics.client.exceptions.ResourceNotFoundException:
        return True
    return False


SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s-AbCdEf"
PROVISIONED = {"ProvisionedPollerConfig": {"MinimumPollers": 1}}
REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "VIRTUAL_HOST": ({"SourceAccessConfigurations": [{"Type": "VIRTUAL_HOST", "URI": "/"}]}, "VIRTUAL_HOST"),
    "no secret": ({"SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "password"}]}, "ARN of a secret"),
    "two logins": (
        {
            "SourceAccessConfigurations": [
                {"Type": "BASIC_AUTH", "URI": SECRET},
                {"Type": "SASL_SCRAM_512_AUTH", "URI": SECRET},
            ]
        },
        "Only one type of authentication",
    ),
    "a topic as destination": (
        {"DestinationConfig": {"OnFailure": {"Destination": "kafka://failed"}}, **PROVISIONED},
        "Stoker does not support topics as on-failure destinations",
    ),
    "a schema registry": (
        {
            "SelfManagedKafkaEventSourceConfig": {
                "SchemaRegistryConfig": {"SchemaRegistryURI": "https://r.example.com"}
            },
            **PROVISIONED,
        },
        "Stoker does not support SchemaRegistryConfig",
    ),
    "a group of pollers": (
        {"ProvisionedPollerConfig": {"PollerGroupName": "g"}},
        "Stoker does not support PollerGroupName",
    ),
}


@pytest.mark.parametrize(("members", "message"), REFUSALS.values(), ids=list(REFUSALS))
def test_what_cannot_be_had_is_refused(members: dict[str, Any], message: str, topics: Topics) -> None:
    function = topics.function()
    with pytest.raises(topics.client.exceptions.InvalidParameterValueException, match=message):
        topics.client.create_event_source_mapping(FunctionName=function, **topics.members("topic", **members))


def test_a_function_may_not_run_longer_than_fourteen_minutes(topics: Topics) -> None:
    function = topics.deploy(None, {"handler.py": "def handler(e, c): pass"}, Timeout=841)
    with pytest.raises(topics.client.exceptions.InvalidParameterValueException, match="Function timeout: 841 seconds"):
        topics.client.create_event_source_mapping(FunctionName=function, **topics.members("topic"))
