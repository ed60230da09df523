"""Ten thousand events (CHAOS_EVENTS) through each source while the node is killed: all are seen, and in their order.

Kafka's and RabbitMQ's are with their brokers: `tests/event_sources/kafka/test_killed.py`, `rabbitmq/test_crashes.py`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from tests.chaos.killing import Killing, StartNode, parts, until_taken
from tests.event_sources.other_servers import dynamodb_local
from tests.event_sources.polling import ACCOUNT, OWNER, client_of, map_elsewhere, queue_arn

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]
SHARDS = 3


@pytest.fixture
def killing(start_node: StartNode, tmp_path: Path) -> Iterator[Callable[..., Killing]]:
    made: list[Killing] = []

    def make(**settings: str) -> Killing:
        made.append(Killing(start_node, tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def assert_in_order(seen: list[str]) -> None:
    """Events are `<key>-<number>`: of each key, none came for the first time after a later one."""
    of_key: dict[str, list[int]] = defaultdict(list)
    for text in seen:
        key, _, number = text.partition("-")
        of_key[key].append(int(number))
    for key, numbers in of_key.items():
        assert numbers == sorted(numbers), key


def test_a_queue(killing: Callable[..., Killing]) -> None:
    at = killing()
    url = at.node.client("sqs").create_queue(QueueName="q", Attributes={"VisibilityTimeout": "11"})["QueueUrl"]
    map_elsewhere(at.node, queue_arn("q"))

    def send(numbers: range) -> None:
        with closing(at.node.client("sqs")) as sqs:
            for part in parts(numbers, 10):
                entries = [{"Id": f"{number}", "MessageBody": f"{number}"} for number in part]
                until_taken(sqs.send_message_batch, QueueUrl=url, Entries=entries)

    at.run(send)


def test_a_fifo_queue(killing: Callable[..., Killing]) -> None:
    at = killing()
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "11"}
    url = at.node.client("sqs").create_queue(QueueName="q.fifo", Attributes=attributes)["QueueUrl"]
    map_elsewhere(at.node, queue_arn("q.fifo"))

    def send(numbers: range) -> None:
        group = "abcd"[numbers.start]
        with closing(at.node.client("sqs")) as sqs:
            for part in parts(numbers, 10):
                bodies = {f"{number}": f"{group}-{number}" for number in part}
                entries = [{"Id": it, "MessageBody": body, "MessageGroupId": group} for it, body in bodies.items()]
                until_taken(sqs.send_message_batch, QueueUrl=url, Entries=entries)

    at.run(send)
    assert_in_order(at.seen_first())


def test_asynchronous_invocations(killing: Callable[..., Killing]) -> None:
    at = killing()

    def send(numbers: range) -> None:
        with closing(at.node.client("lambda")) as client:
            for number in numbers:
                payload = f'{{"body": "{number}"}}'
                answer = until_taken(client.invoke, FunctionName="f", InvocationType="Event", Payload=payload)
                answer["Payload"].read()  # else its connection stays open, and is never used again

    at.run(send)


def test_a_data_stream(killing: Callable[..., Killing], elsewhere: str) -> None:
    kinesis = client_of("kinesis", elsewhere)
    kinesis.create_stream(StreamName="chaos", ShardCount=SHARDS)
    at = killing(STOKER_NEIGHBOURS=f'{{"kinesis": "{elsewhere}"}}')
    arn = f"arn:aws:kinesis:us-east-1:{OWNER}:stream/chaos"
    map_elsewhere(at.node, arn, StartingPosition="TRIM_HORIZON", BatchSize=50, ParallelizationFactor=2)
    # moto by itself gives two records one number, of which it keeps the latter (its `Shard.put_record` says so).
    one_at_a_time = Lock()

    def send(numbers: range) -> None:
        key = "abcd"[numbers.start]
        with closing(client_of("kinesis", elsewhere)) as own:
            for part in parts(numbers, 50):
                records = [{"Data": f"{key}-{number}".encode(), "PartitionKey": key} for number in part]
                with one_at_a_time:
                    until_taken(own.put_records, StreamName="chaos", Records=records)

    at.run(send)
    assert_in_order(at.seen_first())


def test_a_table(killing: Callable[..., Killing], tmp_path: Path) -> None:
    with dynamodb_local(tmp_path) as server:
        dynamodb = client_of("dynamodb", server)
        table = dynamodb.create_table(
            TableName="chaos",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )["TableDescription"]
        at = killing(STOKER_NEIGHBOURS=f'{{"dynamodb": "{server}"}}')
        arn = table["LatestStreamArn"].replace(":ddblocal:", ":us-east-1:")
        map_elsewhere(at.node, arn, StartingPosition="TRIM_HORIZON", BatchSize=50)

        def send(numbers: range) -> None:
            with closing(client_of("dynamodb", server)) as own:
                for part in parts(numbers, 25):
                    items = [{"PutRequest": {"Item": {"id": {"S": f"{number}"}}}} for number in part]
                    until_taken(own.batch_write_item, RequestItems={"chaos": items})

        at.run(send)


def let_in(node: Any, service: str) -> str:
    """The function's ARN, which `service` may invoke."""
    members = {"StatementId": "chaos", "Action": "lambda:InvokeFunction", "Principal": service}
    node.client("lambda").add_permission(FunctionName="f", **members)
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"


def test_a_topic_of_the_neighbours(killing: Callable[..., Killing]) -> None:
    at = killing()
    function = let_in(at.node, "sns.amazonaws.com")
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:chaos"

    def make() -> None:  # again after each kill: topics are kept in memory
        with closing(at.node.client("sns")) as sns:
            sns.create_topic(Name="chaos")
            sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)

    make()

    def send(numbers: range) -> None:
        with closing(at.node.client("sns")) as sns:
            for number in numbers:
                until_taken(sns.publish, make, TopicArn=topic, Message=f"{number}")

    at.run(send, with_neighbour=True)


def test_a_bucket_of_the_neighbours(killing: Callable[..., Killing]) -> None:
    at = killing()
    function = let_in(at.node, "s3.amazonaws.com")
    rules = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}]}

    def make() -> None:
        with closing(at.node.client("s3")) as s3:
            s3.create_bucket(Bucket="chaos")
            s3.put_bucket_notification_configuration(Bucket="chaos", NotificationConfiguration=rules)

    make()

    def send(numbers: range) -> None:
        with closing(at.node.client("s3")) as s3:
            for number in numbers:
                until_taken(s3.put_object, make, Bucket="chaos", Key=f"{number}", Body=b"x")

    at.run(send, with_neighbour=True)
