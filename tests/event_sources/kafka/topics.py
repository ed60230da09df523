"""A node beside a broker, and functions that tell which records they were given."""

import base64
import json
import uuid
from collections import defaultdict
from typing import Any

from tests.conftest import Node, deployer
from tests.event_sources.kafka.broker import PASSWORD, USER, Broker
from tests.event_sources.polling import World, wait

CLUSTER = "arn:aws:kafka:us-east-1:000000000000:cluster/orders/7d0f1b3e-0000-4000-8000-000000000000-1"
OPEN = [{"Type": "VPC_SUBNET", "URI": "subnet:subnet-1"}, {"Type": "VPC_SECURITY_GROUP", "URI": "security_group:sg-1"}]

# Prints what it was given. A value in the variable POISON fails: all of its batch, or with REPORTS that record.
RECORDER = """
import base64, json, os, time

def handler(event, context):
    records = [record for group in event["records"].values() for record in group]
    contents = [base64.b64decode(record.get("value", "")).decode(errors="replace") for record in records]
    print("SEEN " + json.dumps({"event": event, "contents": contents, "at": time.time()}))
    time.sleep(float(os.environ.get("SECONDS", "0")))
    poison = [record for record, text in zip(records, contents) if text in os.environ.get("POISON", "").split()]
    if poison and "REPORTS" not in os.environ:
        raise ValueError("poison")
    return {"batchItemFailures": [
        {"itemIdentifier": {"partition": f"{record['topic']}-{record['partition']}", "offset": record["offset"]}}
        for record in poison
    ]}
"""

# Writes partition, offset and value of its records down outside of the node, since log lines die with it.
WITNESS = """
import base64, os

def handler(event, context):
    lines = [
        f"{r['partition']} {r['offset']} {base64.b64decode(r['value']).decode()}"
        for group in event["records"].values() for r in group
    ]
    witness = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(witness, "".join(f"{line}\\n" for line in lines).encode())
    os.close(witness)
"""


def settings_for(broker: Broker) -> dict[str, str]:
    """Of a node to which the broker is a cluster of Amazon MSK as well."""
    brokers = {
        CLUSTER: f"plaintext://{broker.server('PLAINTEXT')}",
        broker.server("SASL_PLAINTEXT"): f"plaintext://{broker.server('SASL_PLAINTEXT')}",
    }
    return {"STOKER_KAFKA_BROKERS": json.dumps(brokers), "STOKER_UPDATE_DELAY_S": "0.05"}


class Topics(World):
    """Shortcuts for one node and one broker."""

    def __init__(self, node: Node, broker: Broker) -> None:
        super().__init__(node)
        self.broker = broker
        self.secrets = node.client("secretsmanager")

    def function(self, **variables: str) -> str:
        return self.deploy(None, {"handler.py": RECORDER}, Timeout=5, Environment={"Variables": variables})

    def topic(self, partitions: int = 1, **config: str) -> str:
        return self.broker.create_topic(f"t-{uuid.uuid4().hex[:8]}", partitions, **config)

    def members(self, topic: str, listener: str = "PLAINTEXT", **members: Any) -> dict[str, Any]:
        """Of a mapping of a self-managed cluster."""
        return {
            "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [self.broker.server(listener)]}},
            "SourceAccessConfigurations": OPEN,
            "StartingPosition": "TRIM_HORIZON",
            "Topics": [topic],
        } | members

    def follow(self, function: str, topic: str, listener: str = "PLAINTEXT", **members: Any) -> str:
        """An enabled mapping's UUID, once it is."""
        created = self.client.create_event_source_mapping(
            FunctionName=function, **self.members(topic, listener, **members)
        )
        self.uuids.append(created["UUID"])
        self.wait_state(created["UUID"], "Enabled")
        return str(created["UUID"])

    def secret(self, **members: str) -> str:
        """A secret's ARN."""
        made = self.secrets.create_secret(Name=uuid.uuid4().hex, SecretString=json.dumps(members))
        return str(made["ARN"])

    def login(self, kind: str, password: str = PASSWORD) -> list[dict[str, str]]:
        return [{"Type": kind, "URI": self.secret(username=USER, password=password)}]

    def wait_problem(self, mapping: str, text: str) -> dict[str, Any]:
        said = ""

        def says() -> bool:
            nonlocal said
            said = self.mapping(mapping)["LastProcessingResult"]
            return text in said

        try:
            wait(says, f"{mapping} to say {text}")
        except AssertionError as error:
            raise AssertionError(f"{error}, not {said}") from None
        return self.mapping(mapping)


def deploy_witness(node: Node, path: str) -> None:
    """The function `f`, which writes to `path`."""
    deploy, _ = deployer(node.client("lambda"))
    deploy("f", {"handler.py": WITNESS}, Environment={"Variables": {"WITNESS": path}}, Timeout=3)


def by_partition(lines: list[str]) -> dict[int, list[int]]:
    """Offsets in the order in which the witness saw them."""
    seen: dict[int, list[int]] = defaultdict(list)
    for line in lines:
        partition, offset, _ = line.split(" ", 2)
        seen[int(partition)].append(int(offset))
    return seen


def text_of(record: dict[str, Any]) -> str:
    return base64.b64decode(record["value"]).decode()
