"""The same pollers on servers that others made: Kinesis by kinesalite, SQS by ElasticMQ, DynamoDB's streams by its
makers' own local edition. What holds of AWS's public API holds of them, as far as they keep to it.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.conftest import Node, NodeProcess, deployer
from tests.event_sources.other_servers import dynamodb_local, elasticmq, kinesalite
from tests.event_sources.polling import OWNER, client_of, map_elsewhere, wait, witnessed

StartNode = Callable[..., tuple[NodeProcess, Node]]

WITNESS = """
import base64, os

def content(record):
    if "body" in record:
        return record["body"]
    if "kinesis" in record:
        return base64.b64decode(record["kinesis"]["data"]).decode()
    return record["dynamodb"]["Keys"]["id"]["S"]

def handler(event, context):
    witness = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(witness, "".join(content(record) + "\\n" for record in event["Records"]).encode())
    os.close(witness)
"""


class Restarted:
    """A node with one mapping, which is killed and comes again; what the function got is in `witness`."""

    def __init__(self, start_node: StartNode, neighbours: Mapping[str, str], tmp_path: Path) -> None:
        self.witness = tmp_path / "witness"
        self._start_node = start_node
        table = ", ".join(f'"{service}": "{url}"' for service, url in neighbours.items())
        self._settings = {
            "STOKER_NEIGHBOURS": f"{{{table}}}",
            "STOKER_ISOLATION": "plain",
            "STOKER_UPDATE_DELAY_S": "0.05",
        }
        self._process, self._node = start_node(**self._settings)

    def map(self, arn: str, **members: Any) -> None:
        deploy, _ = deployer(self._node.client("lambda"))
        environment = {"Variables": {"WITNESS": str(self.witness)}}
        deploy("f", {"handler.py": WITNESS}, Environment=environment, Timeout=1)
        map_elsewhere(self._node, arn, **members)

    def kill(self) -> None:
        self._process.kill()

    def start(self) -> None:
        self._start_node(data=self._node.data, **self._settings)

    def wait_witnessed(self, *contents: str) -> None:
        wait(lambda: witnessed(self.witness) == list(contents), f"{contents}, not {witnessed(self.witness)}")


def test_a_stream_of_kinesalite_is_read_and_goes_on_at_its_checkpoint(start_node: StartNode, tmp_path: Path) -> None:
    with kinesalite(tmp_path) as url:
        kinesis = client_of("kinesis", url)
        kinesis.create_stream(StreamName="stream", ShardCount=1)
        arn = "arn:aws:kinesis:us-east-1:000000000000:stream/stream"
        kinesis.get_waiter("stream_exists").wait(StreamName="stream", WaiterConfig={"Delay": 1})
        node = Restarted(start_node, {"kinesis": url}, tmp_path)
        kinesis.put_record(StreamName="stream", PartitionKey="k", Data=b"one")
        node.map(arn, StartingPosition="TRIM_HORIZON")
        node.wait_witnessed("one")
        time.sleep(0.5)  # the checkpoint follows the function
        node.kill()
        kinesis.put_record(StreamName="stream", PartitionKey="k", Data=b"two")
        node.start()
        node.wait_witnessed("one", "two")


def test_a_queue_of_elasticmq_is_read_and_emptied(start_node: StartNode, tmp_path: Path) -> None:
    with elasticmq(tmp_path, OWNER) as url:
        sqs = client_of("sqs", url)
        queue_url = sqs.create_queue(QueueName="queue", Attributes={"VisibilityTimeout": "3"})["QueueUrl"]
        node = Restarted(start_node, {"sqs": url}, tmp_path)
        node.map(f"arn:aws:sqs:us-east-1:{OWNER}:queue")
        sqs.send_message(QueueUrl=queue_url, MessageBody="one")
        node.wait_witnessed("one")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def is_empty() -> bool:
            counts = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
            return all(counts[name] == "0" for name in names)

        wait(is_empty, "the message to be deleted")
        node.kill()
        sqs.send_message(QueueUrl=queue_url, MessageBody="two")
        node.start()
        node.wait_witnessed("one", "two")
        wait(is_empty, "the message to be deleted")


def test_a_table_of_dynamodb_local_is_read_and_goes_on_at_its_checkpoint(start_node: StartNode, tmp_path: Path) -> None:
    with dynamodb_local(tmp_path) as url:
        dynamodb = client_of("dynamodb", url)
        table = dynamodb.create_table(
            TableName="table",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        node = Restarted(start_node, {"dynamodb": url}, tmp_path)
        dynamodb.put_item(TableName="table", Item={"id": {"S": "one"}})
        # Its own name for every region is none of AWS's, and the API refuses it.
        arn = table["LatestStreamArn"].replace(":ddblocal:", ":us-east-1:")
        node.map(arn, StartingPosition="TRIM_HORIZON")
        node.wait_witnessed("one")
        time.sleep(0.5)  # the checkpoint follows the function
        node.kill()
        dynamodb.put_item(TableName="table", Item={"id": {"S": "two"}})
        node.start()
        node.wait_witnessed("one", "two")
