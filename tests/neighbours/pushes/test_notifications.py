"""S3 invokes functions: whole events by every name, filters, and the check of destinations, on a real node."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node

from .conftest import Queue, Recorder

Recorders = Callable[..., Recorder]
S3 = "s3.amazonaws.com"


@pytest.fixture
def s3(node: Node) -> Any:
    return node.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"bucket-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    return name


def notify(s3: Any, bucket: str, function: Recorder, *events: str, **filters: str) -> None:
    rules = [{"Name": name, "Value": value} for name, value in filters.items()]
    configuration: dict[str, Any] = {"Id": "mine", "LambdaFunctionArn": function.arn, "Events": list(events)}
    if rules:
        configuration["Filter"] = {"Key": {"FilterRules": rules}}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [configuration]}
    )


@pytest.fixture
def function(recorder: Recorders, bucket: str) -> Recorder:
    made = recorder()
    made.let_in(S3, f"arn:aws:s3:::{bucket}", SourceAccount="000000000000")
    return made


def test_a_function_gets_the_whole_event(s3: Any, bucket: str, function: Recorder) -> None:
    notify(s3, bucket, function, "s3:ObjectCreated:*")
    s3.put_object(Bucket=bucket, Key="a folder/grüße+1.txt", Body=b"hello")
    (event,) = function.wait_seen()
    record = event["Records"][0]
    responses, sequencer = record["responseElements"], record["s3"]["object"]["sequencer"]
    principal = record["s3"]["bucket"]["ownerIdentity"]["principalId"]
    assert event == {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "us-east-1",
                "eventTime": record["eventTime"],
                "eventName": "ObjectCreated:Put",
                "userIdentity": {"principalId": f"AWS:{principal}"},
                "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "responseElements": {
                    "x-amz-request-id": responses["x-amz-request-id"],
                    "x-amz-id-2": responses["x-amz-id-2"],
                },
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "mine",
                    "bucket": {
                        "name": bucket,
                        "ownerIdentity": {"principalId": principal},
                        "arn": f"arn:aws:s3:::{bucket}",
                    },
                    "object": {
                        "key": "a+folder/gr%C3%BC%C3%9Fe%2B1.txt",
                        "size": 5,
                        "eTag": "5d41402abc4b2a76b9719d911017c592",
                        "sequencer": sequencer,
                    },
                },
            }
        ]
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["eventTime"])
    assert re.fullmatch(r"[0-9A-F]{16}", responses["x-amz-request-id"])
    assert re.fullmatch(r"[0-9A-F]{18}", sequencer)
    assert re.fullmatch(r"A[A-Z2-7]{13}", principal)


def test_every_way_to_make_and_remove_an_object_has_its_name(s3: Any, bucket: str, function: Recorder) -> None:
    events = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put")
    notify(s3, bucket, function, *events)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"2")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}]})
    records = [event["Records"][0] for event in function.wait_seen(8)]
    assert {(record["eventName"], record["s3"]["object"]["key"]) for record in records} == {
        ("ObjectCreated:Put", "k"),
        ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "parts"),
        ("ObjectTagging:Put", "k"),
        ("ObjectTagging:Delete", "k"),
        ("ObjectAcl:Put", "k"),
        ("ObjectRemoved:Delete", "k"),
        ("ObjectRemoved:Delete", "copy"),
    }
    removed = [record for record in records if record["eventName"] == "ObjectRemoved:Delete"]
    assert all(record["s3"]["object"].keys() == {"key", "sequencer"} for record in removed)
    tagged = next(record for record in records if record["eventName"] == "ObjectTagging:Put")
    assert tagged["eventVersion"] == "2.3"
    assert "sequencer" not in tagged["s3"]["object"]


def test_versions_are_named(s3: Any, bucket: str, function: Recorder) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    notify(s3, bucket, function, "s3:ObjectCreated:Put", "s3:ObjectRemoved:*")
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    records = [event["Records"][0] for event in function.wait_seen(3)]
    records.sort(key=lambda record: str(record["s3"]["object"]["sequencer"]))
    assert [(record["eventName"], record["s3"]["object"]["versionId"]) for record in records] == [
        ("ObjectCreated:Put", version),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
        ("ObjectRemoved:Delete", version),
    ]
    assert records[1]["s3"]["object"]["eTag"] == "d41d8cd98f00b204e9800998ecf8427e"


def test_prefix_and_suffix_choose(s3: Any, bucket: str, function: Recorder) -> None:
    notify(s3, bucket, function, "s3:ObjectCreated:Put", prefix="images/", suffix=".png")
    for key in ("images/a.jpg", "texts/a.png", "images/a.png"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    s3.delete_object(Bucket=bucket, Key="images/a.png")
    s3.put_object(Bucket=bucket, Key="images/b.png", Body=b"")
    events = function.wait_seen(2)
    keys = sorted(event["Records"][0]["s3"]["object"]["key"] for event in events)
    assert keys == ["images/a.png", "images/b.png"]


def test_a_configuration_that_could_not_be_delivered_is_refused(
    node: Node, s3: Any, bucket: str, recorder: Recorders
) -> None:
    other = recorder()
    other.let_in(S3, "arn:aws:s3:::another-bucket")
    gone = Recorder(node, "gone")
    for function in (other, gone):
        with pytest.raises(ClientError) as refusal:
            notify(s3, bucket, function, "s3:ObjectCreated:*")
        error = refusal.value.response["Error"]
        assert error["Code"] == "InvalidArgument"
        assert error["Message"] == "Unable to validate the following destination configurations"
    assert "LambdaFunctionConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    configuration = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": other.arn, "Events": ["s3:ObjectAcl:Put"]}]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=configuration, SkipDestinationValidation=True
    )


def test_configurations_that_overlap_are_refused(s3: Any, bucket: str, function: Recorder, queue: Queue) -> None:
    configuration = {
        "LambdaFunctionConfigurations": [{"LambdaFunctionArn": function.arn, "Events": ["s3:ObjectCreated:*"]}],
        "QueueConfigurations": [{"QueueArn": queue.arn, "Events": ["s3:ObjectCreated:Put"]}],
    }
    with pytest.raises(ClientError) as refusal:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    assert refusal.value.response["Error"]["Code"] == "InvalidArgument"
    assert "Configurations overlap" in refusal.value.response["Error"]["Message"]


def test_a_queue_gets_the_whole_record_too(s3: Any, bucket: str, queue: Queue) -> None:
    configuration = {"QueueConfigurations": [{"QueueArn": queue.arn, "Events": ["s3:ObjectCreated:Put"]}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    assert json.loads(queue.receive()["Body"])["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    record = json.loads(queue.receive()["Body"])["Records"][0]
    assert record["s3"]["object"].keys() == {"key", "size", "eTag", "sequencer"}


def test_a_loop_through_a_bucket_ends(node: Node, s3: Any, bucket: str, recorder: Recorders) -> None:
    """The function's own SDK says how long the chain is, and S3 passes it on."""
    code = """
import boto3
def handler(event, context):
    print("SEEN 1")
    boto3.client("s3").put_object(Bucket=event["Records"][0]["s3"]["bucket"]["name"], Key="again", Body=b"")
"""
    function = recorder(code, MemorySize=512)
    function.let_in(S3)
    queue = Queue(node)
    node.client("lambda").put_function_event_invoke_config(
        FunctionName=function.name, DestinationConfig={"OnFailure": {"Destination": queue.arn}}
    )
    notify(s3, bucket, function, "s3:ObjectCreated:*")
    s3.put_object(Bucket=bucket, Key="first", Body=b"")
    record = json.loads(queue.receive()["Body"])
    assert record["requestContext"]["condition"] == "RecursiveInvocation"
    assert len(function.wait_seen(16)) == 16
