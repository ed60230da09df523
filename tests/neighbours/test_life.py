"""When the neighbours' process is there, when it is not, and who else may answer."""

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import Node, NodeProcess
from tests.neighbours.processes import neighbours_of, wait_gone

StartNode = Callable[..., tuple[NodeProcess, Node]]
KEYS = {"STOKER_ACCESS_KEY_ID": "AKIDOFTHETEST", "STOKER_SECRET_ACCESS_KEY": "secret"}


def signed_client(node: Node, service: str, secret: str = "secret", **config: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=node.endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIDOFTHETEST",
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}, **config),
    )


def test_the_process_comes_with_the_first_request_and_goes_with_the_node(start_node: StartNode) -> None:
    process, node = start_node()
    node.client("lambda").list_functions()
    assert neighbours_of(node.pid) == []
    node.client("s3").create_bucket(Bucket="bucket")
    [first] = neighbours_of(node.pid)

    os.kill(first, signal.SIGKILL)
    assert node.client("s3").list_buckets()["Buckets"] == []
    [second] = neighbours_of(node.pid)
    assert process.stop() == 0
    wait_gone(second)
    assert not (node.data / "run" / "neighbours.sock").exists()
    log = process.log.read_text()
    assert "the embedded neighbours ended (status -9); all they kept is gone" in log
    assert "gone with the embedded neighbours, but for rules with a schedule: all in s3" in log


def test_a_killed_node_leaves_nothing_that_disturbs_the_next(start_node: StartNode) -> None:
    process, node = start_node()
    node.client("sns").create_topic(Name="t")
    [left] = neighbours_of(node.pid)
    process.kill()
    wait_gone(left)
    _, node = start_node(data=node.data)
    assert node.client("sns").list_topics()["Topics"] == []


def test_a_node_with_credentials_wants_signatures_for_neighbours_too(start_node: StartNode) -> None:
    _, node = start_node(**KEYS)
    s3 = signed_client(node, "s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a//b/../ü +~%41", Body=os.urandom(3 << 20))
    where = {"Bucket": "bucket", "Key": "a//b/../ü +~%41"}
    link = signed_client(node, "s3", signature_version="s3v4").generate_presigned_url("get_object", Params=where)
    assert len(urllib.request.urlopen(link).read()) == 3 << 20
    assert signed_client(node, "sqs").list_queues()

    wrong = signed_client(node, "s3", "wrong")
    for call in (
        lambda: wrong.put_object(**where, Body=os.urandom(1 << 20)),
        lambda: wrong.get_object(**where),
        lambda: signed_client(node, "dynamodb", "wrong").list_tables(),
    ):
        with pytest.raises(ClientError, match="InvalidSignatureException"):
            call()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link.replace("X-Amz-Signature=", "X-Amz-Signature=0"))
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{node.endpoint}/bucket/a")


def test_a_body_that_is_not_what_was_signed_does_not_arrive(start_node: StartNode) -> None:
    _, node = start_node(**KEYS)
    s3 = signed_client(node, "s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"right")

    def replace_body(request: Any, **_: Any) -> None:
        request.body = b"wrong"

    s3.meta.events.register("before-send.s3.PutObject", replace_body)
    with pytest.raises(ClientError, match="x-amz-content-sha256"):
        s3.put_object(Bucket="bucket", Key="k", Body=b"right")
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"right"


def test_a_service_can_be_off_and_another_be_elsewhere_signed_anew(start_node: StartNode, tmp_path: Path) -> None:
    """The other endpoint is a second node, which wants signatures of its own."""
    _, other = start_node(**KEYS)
    _, node = start_node(
        STOKER_NEIGHBOURS=f'{{"s3": "{other.endpoint}", "sqs": "{other.endpoint}", "sns": "off"}}',
        AWS_ACCESS_KEY_ID="AKIDOFTHETEST",
        AWS_SECRET_ACCESS_KEY="secret",
    )
    s3 = node.client("s3")
    s3.create_bucket(Bucket="bucket")
    body = os.urandom(20 << 20)
    (tmp_path / "file").write_bytes(body)
    s3.upload_file(str(tmp_path / "file"), "bucket", "a//ü +")
    assert signed_client(other, "s3").get_object(Bucket="bucket", Key="a//ü +")["Body"].read() == body
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a//ü +"})
    assert urllib.request.urlopen(link).read() == body
    node.client("sqs").create_queue(QueueName="q")
    assert signed_client(other, "sqs").list_queues()["QueueUrls"]
    with pytest.raises(ClientError, match=r"service sns. It is off on this node \(setting neighbours.sns\)"):
        node.client("sns").list_topics()
    assert neighbours_of(node.pid) == []


def test_an_endpoint_that_is_not_there_is_said_to_be_unavailable(start_node: StartNode) -> None:
    _, node = start_node(STOKER_NEIGHBOURS='{"s3": "http://127.0.0.1:1"}')
    with pytest.raises(ClientError, match="cannot be reached just now") as refused:
        node.client("s3").list_buckets()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_a_setting_that_cannot_be_meant_stops_the_start(tmp_path: Path) -> None:
    process = NodeProcess(tmp_path / "data", STOKER_NEIGHBOURS='{"s3": "nowhere"}')
    assert process.process.wait(60) == 1
    assert "stoker: setting 'neighbours.s3': 'nowhere' is neither" in process.log.read_text()
