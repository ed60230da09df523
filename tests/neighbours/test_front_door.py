"""Other services behind the node's endpoint, by the ordinary client."""

import os
import urllib.error
import urllib.request
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node


@pytest.fixture
def bucket(platform: Node) -> str:
    name = f"bucket-{uuid4().hex[:8]}"
    platform.client("s3").create_bucket(Bucket=name)
    return name


def test_a_large_object_goes_in_and_comes_out(platform: Node, bucket: str) -> None:
    s3 = platform.client("s3")
    body = os.urandom(50 << 20)
    before = resident_mb(platform.pid)
    s3.put_object(Bucket=bucket, Key="a//b/../ü +~%41", Body=body, Metadata={"my_key": "v"})
    answer = s3.get_object(Bucket=bucket, Key="a//b/../ü +~%41")
    assert answer["Body"].read() == body
    assert answer["Metadata"] == {"my_key": "v"}
    assert resident_mb(platform.pid) - before < 40, "the node held the object"


def test_answers_without_a_body_are_whole(platform: Node, bucket: str) -> None:
    s3 = platform.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentLength"] == 5
    with pytest.raises(ClientError, match="304"):
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=head["ETag"])
    assert s3.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_links_work_with_any_http_client(platform: Node, bucket: str, version: str) -> None:
    s3 = platform.client("s3", signature_version=version)
    where = {"Bucket": bucket, "Key": "k"}
    # urllib says that what it sends is a form; S3 does not care.
    put = urllib.request.Request(s3.generate_presigned_url("put_object", Params=where), b"a=b", method="PUT")
    assert urllib.request.urlopen(put).status == 200
    assert urllib.request.urlopen(s3.generate_presigned_url("get_object", Params=where)).read() == b"a=b"


def test_a_bucket_may_stand_in_the_hosts_name(platform: Node, bucket: str) -> None:
    port = platform.endpoint.rpartition(":")[2]
    platform.client("s3").put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    request = urllib.request.Request(f"{platform.endpoint}/k", headers={"Host": f"{bucket}.s3.localhost:{port}"})
    assert urllib.request.urlopen(request).read() == b"x"


def test_an_upload_in_parts_arrives(platform: Node, bucket: str, tmp_path: Any) -> None:
    file = tmp_path / "large"
    file.write_bytes(os.urandom(20 << 20))
    s3 = platform.client("s3")
    s3.upload_file(str(file), bucket, "large")
    s3.download_file(bucket, "large", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == file.read_bytes()


def test_the_account_is_the_callers(platform: Node) -> None:
    def account(access_key_id: str) -> str:
        sts = boto3.client(
            "sts",
            endpoint_url=platform.endpoint,
            region_name="us-east-1",
            aws_access_key_id=access_key_id,
            aws_secret_access_key="x",
        )
        return str(sts.get_caller_identity()["Account"])

    assert account("123456789012") == "123456789012"
    assert account("AKIAIOSFODNN7EXAMPLE") == "000000000000"


def test_many_services_answer(platform: Node) -> None:
    sqs = platform.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    assert url.startswith(f"{platform.endpoint}/000000000000/")
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"
    tables = platform.client("dynamodb")
    key = {"AttributeName": "id", "KeyType": "HASH"}
    kind = {"AttributeName": "id", "AttributeType": "S"}
    tables.create_table(TableName="t", KeySchema=[key], AttributeDefinitions=[kind], BillingMode="PAY_PER_REQUEST")
    tables.put_item(TableName="t", Item={"id": {"S": "1"}})
    assert tables.get_item(TableName="t", Key={"id": {"S": "1"}})["Item"] == {"id": {"S": "1"}}
    kms = platform.client("kms")
    secret = kms.encrypt(KeyId=kms.create_key()["KeyMetadata"]["KeyId"], Plaintext=b"text")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"text"
    assert platform.client("ec2").describe_vpcs()["Vpcs"]
    assert platform.client("sns").create_topic(Name="t")["TopicArn"].endswith(":000000000000:t")
    assert platform.client("cloudwatch").list_metrics()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert platform.client("ecr").describe_repositories()["repositories"] == []


def test_our_own_services_are_never_a_neighbours(platform: Node) -> None:
    assert "Functions" in platform.client("lambda").list_functions()
    assert "logGroups" in platform.client("logs").describe_log_groups()
    with pytest.raises(ClientError, match="does not implement the operation logs:PutDestination"):
        platform.client("logs").put_destination(destinationName="d", targetArn="arn:a", roleArn="arn:b")


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("braket", "search_jobs", {"filters": []}),
        ("polly", "list_speech_synthesis_tasks", {}),
        ("kms", "describe_custom_key_stores", {}),
        ("ec2", "describe_stale_security_groups", {"VpcId": "vpc-1"}),
    ],
)
def test_what_the_neighbours_do_not_have_is_refused_by_name(
    platform: Node, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match=f"does not provide the service {service}") as refused:
        getattr(platform.client(service), operation)(**parameters)
    assert refused.value.response["Error"]["Code"] == "NotImplementedException"


def test_the_neighbours_own_pages_are_out_of_reach(platform: Node, bucket: str) -> None:
    for method, path, status in (("POST", "/moto-api/reset", 500), ("GET", "/moto-api/data.json", 404)):
        with pytest.raises(urllib.error.HTTPError, match=str(status)):
            urllib.request.urlopen(urllib.request.Request(f"{platform.endpoint}{path}", method=method))
    platform.client("s3").head_bucket(Bucket=bucket)


def test_nothing_else_changes_for_requests_that_name_no_service(platform: Node) -> None:
    for path in ("/", "/health", "/favicon.ico", "/2099-01-01/functions"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{platform.endpoint}{path}")


def resident_mb(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS:"))
