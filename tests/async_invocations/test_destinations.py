"""What queues, topics, buses and buckets are told, as their own consumers read it, on a real node."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Deploy, Node

from .conftest import WAIT_LIMIT_S, arn_of, send

Recorder = Callable[..., str]
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:"


class Queue:
    """A queue of the test's own."""

    def __init__(self, node: Node) -> None:
        self._client = node.client("sqs")
        name = f"q-{uuid.uuid4().hex[:8]}"
        self.url = self._client.create_queue(QueueName=name)["QueueUrl"]
        self.arn = QUEUE_ARN + name

    def receive(self) -> dict[str, Any]:
        """The next message, with all its attributes."""
        deadline_s = time.monotonic() + WAIT_LIMIT_S
        while time.monotonic() < deadline_s:
            answer = self._client.receive_message(
                QueueUrl=self.url, MessageAttributeNames=["All"], AttributeNames=["All"], WaitTimeSeconds=1
            )
            for message in answer.get("Messages", []):
                self._client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                return dict(message)
        raise AssertionError("nothing has come")


@pytest.fixture
def queue(node: Node) -> Queue:
    return Queue(node)


def fail_to(client: Any, name: str, destination: str) -> None:
    client.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": destination}}
    )


def succeed_to(client: Any, name: str, destination: str) -> None:
    client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": destination}}
    )


def test_a_queue_gets_the_record_with_the_trace(client: Any, recorder: Recorder, queue: Queue) -> None:
    name = recorder()
    succeed_to(client, name, queue.arn)
    request_id = send(client, name, {"n": 1})
    message = queue.receive()
    record = json.loads(message["Body"])
    assert record["requestContext"]["requestId"] == request_id
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"answered": True}
    trace = message["Attributes"]["AWSTraceHeader"]
    assert trace.startswith("Root=1-")
    assert trace.endswith(":1"), "the lineage says that one function was run so far"
    assert not message.get("MessageAttributes")


def test_records_reach_a_queue_in_the_order_in_which_events_ended(
    client: Any, recorder: Recorder, queue: Queue
) -> None:
    name = recorder()
    succeed_to(client, name, queue.arn)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    for number in range(5):
        send(client, name, number)
    assert [json.loads(queue.receive()["Body"])["requestPayload"] for _ in range(5)] == list(range(5))


def test_a_topic_gets_the_record_as_its_message(node: Node, client: Any, recorder: Recorder, queue: Queue) -> None:
    sns = node.client("sns")
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    name = recorder()
    fail_to(client, name, topic)
    send(client, name, {"fails": "no"})
    message = json.loads(json.loads(queue.receive()["Body"])["Message"])
    assert message["requestContext"]["condition"] == "RetriesExhausted"
    assert message["responsePayload"]["errorMessage"] == "no"


def test_a_bus_gets_an_event_from_lambda(node: Node, client: Any, recorder: Recorder, queue: Queue) -> None:
    events = node.client("events")
    bus_name = f"b-{uuid.uuid4().hex[:8]}"
    bus = events.create_event_bus(Name=bus_name)["EventBusArn"]
    events.put_rule(Name="all", EventBusName=bus_name, EventPattern='{"source": ["lambda"]}')
    events.put_targets(Rule="all", EventBusName=bus_name, Targets=[{"Id": "q", "Arn": queue.arn}])
    name = recorder()
    succeed_to(client, name, bus)
    send(client, name, {"n": 1})
    event = json.loads(queue.receive()["Body"])
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["resources"] == [bus, f"{arn_of(name)}:$LATEST"]
    assert event["detail"]["requestPayload"] == {"n": 1}


def test_a_bucket_gets_a_dated_object_for_a_failure(node: Node, client: Any, recorder: Recorder) -> None:
    s3 = node.client("s3", s3={"addressing_style": "path"})
    bucket = f"bucket-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    name = recorder()
    fail_to(client, name, f"arn:aws:s3:::{bucket}")
    request_id = send(client, name, {"fails": "no"})
    deadline_s = time.monotonic() + WAIT_LIMIT_S
    while not (found := s3.list_objects_v2(Bucket=bucket).get("Contents")):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    (key,) = (item["Key"] for item in found)
    assert key.startswith(f"aws/lambda/async/{name}/2")
    record = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert record["requestContext"]["requestId"] == request_id


def test_a_dead_letter_is_the_event_itself_and_a_destination_hears_of_it_too(
    node: Node, client: Any, recorder: Recorder, queue: Queue
) -> None:
    destination = Queue(node)
    name = recorder(DeadLetterConfig={"TargetArn": queue.arn})
    fail_to(client, name, destination.arn)
    request_id = client.invoke(FunctionName=name, InvocationType="Event", Payload=b'{ "fails":"no luck",  "n":1.50}')[
        "ResponseMetadata"
    ]["RequestId"]
    letter = queue.receive()
    assert letter["Body"] == '{ "fails":"no luck",  "n":1.50}'
    attributes = {key: (value["DataType"], value["StringValue"]) for key, value in letter["MessageAttributes"].items()}
    assert attributes == {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "no luck"),
    }
    assert json.loads(destination.receive()["Body"])["requestContext"]["requestId"] == request_id


def test_a_destination_that_is_gone_does_not_hold_up_the_others(
    node: Node, client: Any, deploy: Deploy, recorder: Recorder, queue: Queue
) -> None:
    lost, found = recorder(), recorder()
    succeed_to(client, lost, f"{QUEUE_ARN}nobody-{uuid.uuid4().hex}")
    succeed_to(client, found, queue.arn)
    send(client, lost, {"n": 1})
    send(client, found, {"n": 2})
    assert json.loads(queue.receive()["Body"])["requestPayload"] == {"n": 2}
