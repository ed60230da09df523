"""The same queues by the query protocol, which older clients speak: forms in, XML out."""

import http.client
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conftest import Node, NodeProcess
from tests.queues.conftest import MakeQueue

NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"
OLD_AWS = "/usr/bin/aws"


def ask(
    url: str, action: str, method: str = "POST", keys: tuple[str, str] = ("000000000000", "x"), **fields: object
) -> ElementTree.Element:
    """The answer's document, of any status, after its root's name was checked."""
    form = urlencode({"Action": action, "Version": "2012-11-05", **fields})
    target, body = (url, form) if method == "POST" else (f"{url}?{form}", "")
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"} if body else {}
    request = AWSRequest(method, target, headers, body.encode() or None)
    SigV4Auth(Credentials(*keys), "sqs", "us-east-1").add_auth(request)
    sent = urllib.request.Request(target, body.encode() or None, dict(request.headers.items()), method=method)
    try:
        with urllib.request.urlopen(sent, timeout=30) as response:
            answer, name = response.read(), f"{action}Response"
            assert response.headers["content-type"] == "text/xml"
    except urllib.error.HTTPError as error:
        answer, name = error.read(), "ErrorResponse"
    root = ElementTree.fromstring(answer)
    assert root.tag == f"{NAMESPACE}{name}", answer
    assert len(root.findtext(f".//{NAMESPACE}RequestId") or "") == 36
    return root


def texts(root: ElementTree.Element, path: str) -> list[str | None]:
    return [found.text for found in root.findall(".//" + "/".join(NAMESPACE + part for part in path.split("/")))]


def error_of(root: ElementTree.Element) -> tuple[str | None, ...]:
    return tuple(texts(root, f"Error/{part}")[0] for part in ("Type", "Code", "Message"))


def test_a_message_goes_through_its_whole_life(node: Node) -> None:
    name = f"query-{uuid4().hex[:8]}"
    created = ask(
        node.endpoint,
        "CreateQueue",
        QueueName=name,
        **{"Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "60", "Tag.1.Key": "k", "Tag.1.Value": "v&"},
    )
    [url] = texts(created, "CreateQueueResult/QueueUrl")
    assert url == f"{node.endpoint}/000000000000/{name}"
    sent = ask(
        url,  # the queue's own URL stands for QueueUrl
        "SendMessage",
        MessageBody="<a>&\r\n\u00e9",
        **{
            "MessageAttribute.1.Name": "text",
            "MessageAttribute.1.Value.DataType": "String",
            "MessageAttribute.1.Value.StringValue": "x",
            "MessageAttribute.2.Name": "bytes",
            "MessageAttribute.2.Value.DataType": "Binary",
            "MessageAttribute.2.Value.BinaryValue": "AAE=",
            "MessageSystemAttribute.1.Name": "AWSTraceHeader",
            "MessageSystemAttribute.1.Value.DataType": "String",
            "MessageSystemAttribute.1.Value.StringValue": "Root=1",
        },
    )
    received = ask(
        node.endpoint,
        "ReceiveMessage",
        QueueUrl=url,
        **{"AttributeName.1": "All", "MessageAttributeName.1": "All", "MaxNumberOfMessages": 10},
    )
    assert texts(received, "ReceiveMessageResult/Message/Body") == ["<a>&\r\n\u00e9"]
    for member, of_sender in (
        ("MessageId", "MessageId"),
        ("MD5OfBody", "MD5OfMessageBody"),
        ("MD5OfMessageAttributes", "MD5OfMessageAttributes"),
    ):
        assert texts(received, f"Message/{member}") == texts(sent, f"SendMessageResult/{of_sender}") != []
    assert texts(received, "Message/MessageAttribute/Name") == ["text", "bytes"]
    assert texts(received, "Message/MessageAttribute/Value/StringValue") == ["x"]
    assert texts(received, "Message/MessageAttribute/Value/BinaryValue") == ["AAE="]
    told = dict(zip(texts(received, "Message/Attribute/Name"), texts(received, "Message/Attribute/Value"), strict=True))
    assert (told["ApproximateReceiveCount"], told["AWSTraceHeader"]) == ("1", "Root=1")
    [handle] = texts(received, "Message/ReceiptHandle")
    ask(url, "DeleteMessage", ReceiptHandle=handle)
    shown = ask(url, "GetQueueAttributes", **{"AttributeName.1": "All"})
    names = texts(shown, "GetQueueAttributesResult/Attribute/Name")
    found = dict(zip(names, texts(shown, "GetQueueAttributesResult/Attribute/Value"), strict=True))
    assert (found["VisibilityTimeout"], found["ApproximateNumberOfMessagesNotVisible"]) == ("60", "0")
    tags = ask(url, "ListQueueTags")
    assert (texts(tags, "Tag/Key"), texts(tags, "Tag/Value")) == (["k"], ["v&"])
    assert url in texts(ask(node.endpoint, "ListQueues"), "ListQueuesResult/QueueUrl")
    ask(url, "DeleteQueue", method="GET")
    assert url not in texts(ask(node.endpoint, "ListQueues"), "ListQueuesResult/QueueUrl")


def test_batches_are_numbered(make_queue: MakeQueue) -> None:
    url = make_queue()
    fields: Mapping[str, str] = {
        "SendMessageBatchRequestEntry.2.Id": "b",
        "SendMessageBatchRequestEntry.2.MessageBody": "\1",
        "SendMessageBatchRequestEntry.10.Id": "c",
        "SendMessageBatchRequestEntry.10.MessageBody": "third",
        "SendMessageBatchRequestEntry.1.Id": "a",
        "SendMessageBatchRequestEntry.1.MessageBody": "first",
        "SendMessageBatchRequestEntry.1.MessageAttribute.1.Name": "n",
        "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType": "Number",
        "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue": "1",
    }
    sent = ask(url, "SendMessageBatch", **fields)
    assert texts(sent, "SendMessageBatchResultEntry/Id") == ["a", "c"]
    assert texts(sent, "BatchResultErrorEntry/Id") == ["b"]
    assert texts(sent, "BatchResultErrorEntry/SenderFault") == ["true"]
    received = ask(url, "ReceiveMessage", MaxNumberOfMessages=10)
    deletes = {}
    for number, handle in enumerate(texts(received, "Message/ReceiptHandle"), start=1):
        deletes |= {
            f"DeleteMessageBatchRequestEntry.{number}.Id": str(number),
            f"DeleteMessageBatchRequestEntry.{number}.ReceiptHandle": handle,
        }
    assert texts(ask(url, "DeleteMessageBatch", **deletes), "DeleteMessageBatchResultEntry/Id") == ["1", "2"]


@pytest.mark.parametrize(
    ("action", "fields", "code", "message"),
    [
        (
            "GetQueueUrl",
            {"QueueName": "none"},
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
        ),
        ("CreateQueue", {}, "MissingParameter", "The request must contain the parameter QueueName."),
        ("", {}, "MissingAction", "The request must contain the parameter Action."),
        ("Nonsense", {}, "InvalidAction", "The action Nonsense is not valid for this endpoint. (version 2012-11-05)"),
        ("SendMessage", {"QueueUrl": "none", "MessageBody": "x"}, "InvalidAddress", None),
        ("ListQueues", {"MaxResults": "x"}, "SerializationException", None),
        ("SendMessage", {"QueueUrl.1": "x", "QueueUrl": "y"}, "SerializationException", None),
        ("CreateQueue", {"QueueName": "x", "Attribute.a.Name": "x"}, "SerializationException", None),
        ("CreateQueue", {"QueueName": "x", "Attribute.1.Value": "x"}, "SerializationException", None),
        ("CreateQueue", {"a." * 20 + "b": "x"}, "SerializationException", None),
    ],
)
def test_refusals_have_the_names_of_the_query_protocol(
    node: Node, action: str, fields: dict[str, str], code: str, message: str | None
) -> None:
    kind, found, text = error_of(ask(node.endpoint, action, **fields))
    assert (kind, found) == ("Sender", code)
    assert message in (None, text)


def test_an_empty_batch_is_told_as_such(make_queue: MakeQueue) -> None:
    url = make_queue()
    assert error_of(ask(url, "DeleteMessageBatch"))[1] == "AWS.SimpleQueueService.EmptyBatchRequest"


def test_a_form_with_too_many_fields_is_refused(node: Node) -> None:
    fields = {f"AttributeName.{number}": "All" for number in range(3_000)}
    assert error_of(ask(node.endpoint, "GetQueueAttributes", **fields))[1] == "SerializationException"


def test_a_node_with_credentials_wants_forms_to_be_signed(tmp_path: Any) -> None:
    keys = ("AKIDOFTHETEST", "secret")
    process = NodeProcess(
        tmp_path / "data", STOKER_ISOLATION="plain", STOKER_ACCESS_KEY_ID=keys[0], STOKER_SECRET_ACCESS_KEY=keys[1]
    )
    try:
        node = process.wait_ready()
        [url] = texts(ask(node.endpoint, "CreateQueue", keys=keys, QueueName="q"), "QueueUrl")
        assert url is not None
        assert texts(ask(url, "SendMessage", keys=keys, MessageBody="a b&c"), "MD5OfMessageBody")
        assert texts(ask(url, "ReceiveMessage", "GET", keys=keys), "Message/Body") == ["a b&c"]
        wrong = ask(url, "SendMessage", keys=(keys[0], "wrong"), MessageBody="x")
        assert error_of(wrong)[1] == "InvalidSignatureException"
        connection = http.client.HTTPConnection(node.endpoint.removeprefix("http://"), timeout=10)
        connection.request("POST", "/", b"Action=ListQueues", {"Content-Type": "application/x-www-form-urlencoded"})
        assert connection.getresponse().status == 403
        connection.close()
    finally:
        process.stop()


@pytest.mark.skipif(shutil.which(OLD_AWS) is None, reason="awscli is missing")
def test_the_aws_command_of_debian_speaks_it(node: Node, make_queue: MakeQueue) -> None:
    url = make_queue(fifo=True)

    def aws(*arguments: str) -> Any:
        command = [OLD_AWS, "--endpoint-url", node.endpoint, "--output", "json", "--debug", "sqs", *arguments]
        keys = {"AWS_ACCESS_KEY_ID": "000000000000", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
        done = subprocess.run(command, env={**os.environ, **keys}, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
        assert "application/x-www-form-urlencoded" in done.stderr, "this release of the command speaks JSON"
        return json.loads(done.stdout) if done.stdout.strip() else {}

    attributes = json.dumps({"n": {"DataType": "Number", "StringValue": "1"}})
    sent = aws(
        *("send-message", "--queue-url", url, "--message-body", "<&>", "--message-attributes", attributes),
        *("--message-group-id", "g", "--message-deduplication-id", "d"),
    )
    answer = aws("receive-message", "--queue-url", url, "--attribute-names", "All", "--message-attribute-names", "All")
    [message] = answer["Messages"]
    assert (message["Body"], message["MessageId"]) == ("<&>", sent["MessageId"])
    assert message["MessageAttributes"] == {"n": {"StringValue": "1", "DataType": "Number"}}
    assert message["Attributes"]["SequenceNumber"] == sent["SequenceNumber"]
    aws("delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    shown = aws("get-queue-attributes", "--queue-url", url, "--attribute-names", *names)
    assert shown == {"Attributes": dict.fromkeys(names, "0")}
