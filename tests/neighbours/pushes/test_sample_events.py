"""What functions are given has every member of the sample events that the SAM CLI prints, of the same type."""

import base64
import gzip
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Node

from .conftest import ACCOUNT, REGION, Queue, Recorder

Recorders = Callable[..., Recorder]
LIMIT_S = 90
SAMPLES = "samcli/lib/generated_sample_events/events/"
# Their members are the user's: names of attributes, of messages and of columns.
THE_USERS = {"Keys", "NewImage", "OldImage", "MessageAttributes", "messageAttributes"}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """The templates of `sam local generate-event`, by their path."""
    folder = tmp_path_factory.mktemp("sam")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), "aws-sam-cli"]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT_S)
    if done.returncode:
        pytest.skip(f"the SAM CLI cannot be had: {done.stderr.decode()[-200:]}")
    (wheel,) = folder.glob("*.whl")

    def sample(path: str) -> Any:
        with zipfile.ZipFile(wheel) as archive:
            return json.loads(archive.read(SAMPLES + path))

    return sample


def missing(sample: Any, event: Any, path: str = "") -> list[str]:
    """The paths of what `sample` has and `event` has not, or has of another type."""
    if isinstance(sample, dict) and isinstance(event, dict):
        if path.rpartition(".")[2] in THE_USERS:
            return []
        found = [f"{path}.{name}" for name in sample.keys() - event.keys()]
        for name in sample.keys() & event.keys():
            found += missing(sample[name], event[name], f"{path}.{name}")
        return found
    if isinstance(sample, list) and isinstance(event, list):
        return missing(sample[0], event[0], f"{path}[0]") if sample and event else []
    numbers = (int, float)
    is_same = type(sample) is type(event) or (isinstance(sample, numbers) and isinstance(event, numbers))
    return [] if is_same else [f"{path}: {type(event).__name__}"]


def mapped(node: Node, recorder: Recorders, arn: str, **members: Any) -> Recorder:
    """A recorder that an event source mapping feeds."""
    function = recorder()
    client = node.client("lambda")
    client.create_event_source_mapping(FunctionName=function.name, EventSourceArn=arn, **members)
    return function


def test_a_queue(node: Node, recorder: Recorders, samples: Callable[[str], Any]) -> None:
    queue = Queue(node)
    function = mapped(node, recorder, queue.arn)
    node.client("sqs").send_message(QueueUrl=queue.url, MessageBody="hello")
    assert missing(samples("sqs/Sqs.json"), function.wait_seen()[0]) == []


def test_a_data_stream(node: Node, recorder: Recorders, samples: Callable[[str], Any]) -> None:
    kinesis, name = node.client("kinesis"), f"stream-{uuid4().hex[:8]}"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"
    function = mapped(node, recorder, arn, StartingPosition="TRIM_HORIZON")
    kinesis.put_record(StreamName=name, Data=b"hello", PartitionKey="key")
    assert missing(samples("kinesis/Kinesis.json"), function.wait_seen()[0]) == []


def test_a_table(node: Node, recorder: Recorders, samples: Callable[[str], Any]) -> None:
    dynamodb, name = node.client("dynamodb"), f"table-{uuid4().hex[:8]}"
    table = dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    arn = table["LatestStreamArn"]
    function = mapped(node, recorder, arn, StartingPosition="TRIM_HORIZON", BatchSize=1)
    for message in ("New item!", "This item has changed"):
        dynamodb.put_item(TableName=name, Item={"Id": {"N": "101"}, "Message": {"S": message}})
    dynamodb.delete_item(TableName=name, Key={"Id": {"N": "101"}})
    wanted = samples("dynamodb/DynamoDBUpdate.json")["Records"]
    got = [event["Records"][0] for event in function.wait_seen(3)]
    assert [record["eventName"] for record in got] == [record["eventName"] for record in wanted]
    assert [missing(sample, record) for sample, record in zip(wanted, got, strict=True)] == [[], [], []]


def test_a_bucket(node: Node, recorder: Recorders, samples: Callable[[str], Any]) -> None:
    s3, bucket, function = node.client("s3"), f"bucket-{uuid4().hex[:8]}", recorder()
    function.let_in("s3.amazonaws.com", f"arn:aws:s3:::{bucket}", SourceAccount=ACCOUNT)
    s3.create_bucket(Bucket=bucket)
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    configuration = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": function.arn, "Events": events}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    s3.put_object(Bucket=bucket, Key="key", Body=b"hello")
    s3.delete_object(Bucket=bucket, Key="key")
    seen = {event["Records"][0]["eventName"]: event for event in function.wait_seen(2)}
    assert missing(samples("s3/S3Put.json"), seen["ObjectCreated:Put"]) == []
    assert missing(samples("s3/S3Delete.json"), seen["ObjectRemoved:Delete"]) == []


def test_a_topic(node: Node, recorder: Recorders, samples: Callable[[str], Any]) -> None:
    sns, function = node.client("sns"), recorder()
    topic = sns.create_topic(Name=f"topic-{uuid4().hex[:8]}")["TopicArn"]
    function.let_in("sns.amazonaws.com", topic)
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.arn)
    attributes = {"Test": {"DataType": "String", "StringValue": "TestString"}}
    sns.publish(TopicArn=topic, Subject="hi", Message="hello", MessageAttributes=attributes)
    assert missing(samples("sns/Sns.json"), function.wait_seen()[0]) == []


def test_a_log_group(node: Node, recorder: Recorders, samples: Callable[[str], Any]) -> None:
    logs, group, function = node.client("logs"), f"group-{uuid4().hex[:8]}", recorder()
    function.let_in("logs.amazonaws.com")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    logs.put_subscription_filter(logGroupName=group, filterName="mine", filterPattern="", destinationArn=function.arn)
    event = {"timestamp": int(time.time() * 1000), "message": "hello"}
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=[event])
    sample, (seen, *_) = samples("cloudwatch/CloudwatchLogs.json"), function.wait_seen()
    assert missing(sample, seen) == []
    assert missing(data_of(sample), data_of(seen)) == []


def data_of(event: Any) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
