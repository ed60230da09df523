"""SNS invokes functions: whole events, filters, policies and dead letters, on a real node."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1

from tests.conftest import Node, NodeProcess

from .conftest import Queue, Recorder, wait_until

Recorders = Callable[..., Recorder]
SNS = "sns.amazonaws.com"


@pytest.fixture
def sns(node: Node) -> Any:
    return node.client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name=f"t-{uuid4().hex[:8]}")["TopicArn"])


def subscribe(sns: Any, topic: str, recorder: Recorder, **attributes: str) -> str:
    answer = sns.subscribe(
        TopicArn=topic, Protocol="lambda", Endpoint=recorder.arn, Attributes=attributes, ReturnSubscriptionArn=True
    )
    return str(answer["SubscriptionArn"])


def test_a_function_gets_the_whole_event(node: Node, sns: Any, topic: str, recorder: Recorders) -> None:
    function = recorder()
    function.let_in(SNS, topic)
    subscription = subscribe(sns, topic, function)
    sent = sns.publish(
        TopicArn=topic,
        Message="grüße",
        Subject="hello",
        MessageAttributes={
            "text": {"DataType": "String", "StringValue": "x"},
            "number": {"DataType": "Number", "StringValue": "1.50"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\0\1"},
        },
    )
    (event,) = function.wait_seen()
    notification = event["Records"][0]["Sns"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", notification["Timestamp"])
    assert event == {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription,
                "Sns": {
                    "Type": "Notification",
                    "MessageId": sent["MessageId"],
                    "TopicArn": topic,
                    "Subject": "hello",
                    "Message": "grüße",
                    "Timestamp": notification["Timestamp"],
                    "SignatureVersion": "1",
                    "Signature": notification["Signature"],
                    "SigningCertUrl": notification["SigningCertUrl"],
                    "UnsubscribeUrl": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn="
                    + subscription,
                    "MessageAttributes": {
                        "text": {"Type": "String", "Value": "x"},
                        "number": {"Type": "Number", "Value": "1.50"},
                        "bytes": {"Type": "Binary", "Value": "AAE="},
                    },
                },
            }
        ]
    }
    assert re.fullmatch(
        r"https://sns\.us-east-1\.amazonaws\.com/SimpleNotificationService-[0-9a-f]{32}\.pem",
        notification["SigningCertUrl"],
    )


def test_without_subject_and_attributes_there_is_null_and_nothing(sns: Any, topic: str, recorder: Recorders) -> None:
    function = recorder()
    function.let_in(SNS)
    subscribe(sns, topic, function)
    sns.publish(TopicArn=topic, Message=json.dumps({"default": "no", "lambda": "yes"}), MessageStructure="json")
    (event,) = function.wait_seen()
    notification = event["Records"][0]["Sns"]
    assert (notification["Subject"], notification["MessageAttributes"]) == (None, {})
    assert notification["Message"] == "yes"


def test_a_filter_policy_chooses_by_attributes_or_body(sns: Any, topic: str, recorder: Recorders) -> None:
    by_attribute, by_body = recorder(), recorder()
    for function in (by_attribute, by_body):
        function.let_in(SNS, topic)
    subscribe(sns, topic, by_attribute, FilterPolicy=json.dumps({"kind": ["a"]}))
    subscribe(sns, topic, by_body, FilterPolicy=json.dumps({"n": [2]}), FilterPolicyScope="MessageBody")
    for number, kind in ((1, "a"), (2, "b"), (3, "a")):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        sns.publish(TopicArn=topic, Message=json.dumps({"n": number}), MessageAttributes=attributes)
    assert {record["Message"] for record in _notifications(by_attribute.wait_seen(2))} == {'{"n": 1}', '{"n": 3}'}
    assert {record["Message"] for record in _notifications(by_body.wait_seen(1))} == {'{"n": 2}'}


def test_a_policy_for_another_topic_lets_nothing_in_and_the_log_says_so_once(
    process: NodeProcess, sns: Any, topic: str, recorder: Recorders, queue: Queue
) -> None:
    function = recorder()
    function.let_in(SNS, f"{topic}-other")
    function.let_in("s3.amazonaws.com")
    subscribe(sns, topic, function, RedrivePolicy=json.dumps({"deadLetterTargetArn": queue.arn}))
    for message in ("first", "second"):
        sns.publish(TopicArn=topic, Message=message)
    letter = json.loads(queue.receive()["Body"])
    assert letter["Records"][0]["Sns"]["TopicArn"] == topic
    lines = [line for line in process.log.read_text().splitlines() if topic in line]
    assert len(lines) == 1
    assert "AccessDeniedException" in lines[0]
    assert function.seen() == []


def test_a_message_for_a_function_that_is_gone_is_told(process: NodeProcess, sns: Any, topic: str) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:gone"
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="m")
    wait_until(
        lambda: any(topic in line and "Function not found" in line for line in process.log.read_text().splitlines()),
        "the log says nothing",
    )


def test_an_alias_has_a_policy_of_its_own(node: Node, sns: Any, topic: str, recorder: Recorders) -> None:
    function = recorder()
    client = node.client("lambda")
    version = client.publish_version(FunctionName=function.name)["Version"]
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)
    client.get_waiter("published_version_active").wait(FunctionName=function.name, Qualifier=version)
    client.add_permission(
        FunctionName=function.name,
        Qualifier="live",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal=SNS,
    )
    subscribe(sns, topic, function)  # let in by nobody
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=f"{function.arn}:live")
    sns.publish(TopicArn=topic, Message="m")
    assert len(function.wait_seen()) == 1


def test_raw_delivery_is_refused(sns: Any, topic: str, recorder: Recorders) -> None:
    subscription = subscribe(sns, topic, recorder())
    with pytest.raises(ClientError) as refusal:
        sns.set_subscription_attributes(
            SubscriptionArn=subscription, AttributeName="RawMessageDelivery", AttributeValue="true"
        )
    assert refusal.value.response["Error"]["Code"] == "InvalidParameter"
    assert "does not support raw message delivery" in refusal.value.response["Error"]["Message"]


def test_a_fifo_topic_takes_no_function(sns: Any, recorder: Recorders) -> None:
    topic = sns.create_topic(Name=f"t-{uuid4().hex[:8]}.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    with pytest.raises(ClientError, match="Invalid protocol type: lambda"):
        subscribe(sns, topic, recorder())


def test_the_signature_is_that_of_the_certificate(node: Node, sns: Any, topic: str, recorder: Recorders) -> None:
    function = recorder()
    function.let_in(SNS)
    subscribe(sns, topic, function)
    sns.publish(TopicArn=topic, Message="signed", Subject="s")
    (said,) = _notifications(function.wait_seen())
    request = AWSRequest(
        "GET", node.endpoint + said["SigningCertUrl"].removeprefix("https://sns.us-east-1.amazonaws.com")
    )
    SigV4Auth(Credentials("000000000000", "test"), "sns", "us-east-1").add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    assert answer.status_code == 200, answer.content
    certificate = x509.load_pem_x509_certificate(answer.content)
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    text = "".join(f"{name}\n{said[name]}\n" for name in names)
    key.verify(base64.b64decode(said["Signature"]), text.encode(), PKCS1v15(), SHA1())


def _notifications(events: list[Any]) -> list[dict[str, Any]]:
    return [record["Sns"] for event in events for record in event["Records"]]
