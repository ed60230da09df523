"""The embedded neighbours deliver to the node's queues: SNS, EventBridge, S3; and CloudFormation makes them."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node, NodeProcess

WAIT_LIMIT_S = 20


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    started = NodeProcess(tmp_path_factory.mktemp("deliveries") / "data", STOKER_ISOLATION="plain")
    with started:
        yield started


@pytest.fixture(scope="module")
def node(process: NodeProcess) -> Node:
    return process.wait_ready()


class Queue:
    """One of its own for each test."""

    def __init__(self, node: Node, suffix: str = "", **attributes: str) -> None:
        self.sqs = node.client("sqs")
        self.name = f"q-{uuid4().hex[:8]}{suffix}"
        self.url = self.sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:000000000000:{self.name}"

    def receive(self) -> dict[str, Any]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            WaitTimeSeconds=WAIT_LIMIT_S,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        [message] = answer["Messages"]
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        found: dict[str, Any] = message
        return found

    def is_empty(self) -> bool:
        return "Messages" not in self.sqs.receive_message(QueueUrl=self.url)


def test_a_topic_fans_out_to_queues_wrapped_and_raw(node: Node) -> None:
    sns = node.client("sns")
    topic = sns.create_topic(Name=f"t-{uuid4().hex[:8]}")["TopicArn"]
    wrapped, raw = Queue(node), Queue(node)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=wrapped.arn)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=raw.arn, Attributes={"RawMessageDelivery": "true"})
    attributes = {
        "text": {"DataType": "String", "StringValue": "v"},
        "count": {"DataType": "Number", "StringValue": "1"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\0\1"},
    }
    message_id = sns.publish(TopicArn=topic, Message="h\u00e9llo", Subject="s", MessageAttributes=attributes)[
        "MessageId"
    ]
    document = json.loads(wrapped.receive()["Body"])
    assert (document["Type"], document["MessageId"], document["Message"], document["Subject"]) == (
        "Notification",
        message_id,
        "h\u00e9llo",
        "s",
    )
    assert document["MessageAttributes"]["text"] == {"Type": "String", "Value": "v"}
    message = raw.receive()
    assert message["Body"] == "h\u00e9llo"
    assert message["MessageAttributes"] == attributes


def test_a_fifo_topic_keeps_groups(node: Node) -> None:
    sns = node.client("sns")
    topic = sns.create_topic(Name=f"t-{uuid4().hex[:8]}.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    queue = Queue(node, ".fifo", FifoQueue="true")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    for _ in range(2):
        sns.publish(TopicArn=topic, Message="m", MessageGroupId="g", MessageDeduplicationId="d")
    told = queue.receive()["Attributes"]
    assert (told["MessageGroupId"], told["MessageDeduplicationId"]) == ("g", "d")
    assert queue.is_empty()
    plain = sns.create_topic(Name=f"t-{uuid4().hex[:8]}")["TopicArn"]
    with pytest.raises(ClientError, match="FIFO SQS Queues can not be subscribed to standard SNS topics"):
        sns.subscribe(TopicArn=plain, Protocol="sqs", Endpoint=queue.arn)


def test_a_rule_sends_events_to_queues(node: Node) -> None:
    events = node.client("events")
    queue, fifo = Queue(node), Queue(node, ".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    source = f"test.{uuid4().hex[:8]}"
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(
        Rule=source,
        Targets=[
            {"Id": "1", "Arn": queue.arn},
            {"Id": "2", "Arn": fifo.arn, "SqsParameters": {"MessageGroupId": "group"}},
        ],
    )
    answer = events.put_events(Entries=[{"Source": source, "DetailType": "d", "Detail": '{"a": 1}'}])
    assert answer["FailedEntryCount"] == 0
    event = json.loads(queue.receive()["Body"])
    assert (event["source"], event["detail-type"], event["detail"]) == (source, "d", {"a": 1})
    message = fifo.receive()
    assert json.loads(message["Body"])["detail"] == {"a": 1}
    assert message["Attributes"]["MessageGroupId"] == "group"


def test_a_bucket_tells_a_queue_what_is_put_into_it(node: Node) -> None:
    s3, bucket = node.client("s3"), f"bucket-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    queue = Queue(node)
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": queue.arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    assert json.loads(queue.receive()["Body"])["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    [record] = json.loads(queue.receive()["Body"])["Records"]
    assert (record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]) == (bucket, "k")


def test_what_cannot_be_delivered_is_said_in_the_log(node: Node, process: NodeProcess) -> None:
    s3, bucket, missing = node.client("s3"), f"bucket-{uuid4().hex[:8]}", f"missing-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    arn = f"arn:aws:sqs:us-east-1:000000000000:{missing}"
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    deadline_s = time.monotonic() + WAIT_LIMIT_S
    while f"a message for the queue {missing} was not delivered" not in process.log.read_text():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_stack_makes_changes_and_deletes_queues_of_the_node(node: Node) -> None:
    cloudformation, sqs, name = node.client("cloudformation"), node.client("sqs"), f"stack-{uuid4().hex[:8]}"

    def template(timeout_s: int) -> str:
        dead = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{name}-dead"}}
        policy = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}
        properties = {"QueueName": name, "VisibilityTimeout": timeout_s, "RedrivePolicy": policy}
        queue = {"Type": "AWS::SQS::Queue", "Properties": properties}
        return json.dumps(
            {"Resources": {"Dead": dead, "Queue": queue}, "Outputs": {"Url": {"Value": {"Ref": "Queue"}}}}
        )

    cloudformation.create_stack(StackName=name, TemplateBody=template(11))
    [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    url = stack["Outputs"][0]["OutputValue"]
    names = ["VisibilityTimeout", "RedrivePolicy"]
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert shown["VisibilityTimeout"] == "11"
    assert json.loads(shown["RedrivePolicy"])["deadLetterTargetArn"].endswith(f":{name}-dead")
    cloudformation.update_stack(StackName=name, TemplateBody=template(12))
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert shown["VisibilityTimeout"] == "12"
    cloudformation.delete_stack(StackName=name)
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name)


def test_deliveries_go_where_the_settings_send_the_node(node: Node, tmp_path: Path) -> None:
    """The queues of another node, for a node whose own are not used."""
    other = NodeProcess(
        tmp_path / "data", STOKER_ISOLATION="plain", STOKER_NEIGHBOURS=json.dumps({"sqs": node.endpoint})
    )
    try:
        sns, queue = other.wait_ready().client("sns"), Queue(node)
        topic = sns.create_topic(Name="t")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
        sns.publish(TopicArn=topic, Message="far")
        assert queue.receive()["Body"] == "far"
    finally:
        other.stop()
