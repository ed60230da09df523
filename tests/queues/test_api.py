"""The SQS API through boto3, which speaks JSON."""

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import Node
from tests.queues.conftest import MakeQueue, arn_of


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    """The code and the message of a refusal, which has the status 400."""
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400, response
    return response["Error"]["Code"], response["Error"]["Message"]


def receive(sqs: Any, url: str, count: int = 10, **parameters: Any) -> list[dict[str, Any]]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count, **parameters)
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def attributes(sqs: Any, url: str, *names: str) -> dict[str, str]:
    found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names) or ["All"])["Attributes"]
    return found


def counts(sqs: Any, url: str) -> tuple[int, int, int]:
    """How many messages can be seen, are in flight, and are delayed."""
    shown = attributes(sqs, url)
    names = ("", "NotVisible", "Delayed")
    visible, in_flight, delayed = (int(shown[f"ApproximateNumberOfMessages{name}"]) for name in names)
    return visible, in_flight, delayed


def test_a_message_goes_through_its_whole_life(sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue()
    given = {
        "text": {"DataType": "String", "StringValue": "\u00e4\r\n<&>"},
        "count": {"DataType": "Number.int", "StringValue": "-1.5e3"},
        "bytes": {"DataType": "Binary.gif", "BinaryValue": b"\0\xff"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    before_ms = int(time.time() * 1000)
    sent = sqs.send_message(
        QueueUrl=url, MessageBody="h\u00e9llo \U0001f600\n", MessageAttributes=given, MessageSystemAttributes=trace
    )
    assert counts(sqs, url) == (1, 0, 0)

    [message] = receive(sqs, url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])
    assert message["MessageId"] == sent["MessageId"]
    assert message["Body"] == "h\u00e9llo \U0001f600\n"
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"] == "6e3268e5bb2a8bc178f11f8938fb3060"
    assert message["MessageAttributes"] == given
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    told = message["Attributes"]
    assert before_ms <= int(told["SentTimestamp"]) <= int(told["ApproximateFirstReceiveTimestamp"])
    assert (told["ApproximateReceiveCount"], told["SenderId"]) == ("1", "000000000000")
    assert told["AWSTraceHeader"] == trace["AWSTraceHeader"]["StringValue"]
    assert counts(sqs, url) == (0, 1, 0)
    assert receive(sqs, url) == []

    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert counts(sqs, url) == (0, 0, 0)
    # A second time is no error, and changes nothing.
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert counts(sqs, url) == (0, 0, 0)


def test_attributes_are_given_as_they_are_asked_for(sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue(VisibilityTimeout="0")
    names = ("a.one", "a.two", "b")
    sqs.send_message(
        QueueUrl=url,
        MessageBody="x",
        MessageAttributes={name: {"DataType": "String", "StringValue": name} for name in names},
    )

    def given(*wanted: str) -> tuple[set[str], bool]:
        [message] = receive(sqs, url, MessageAttributeNames=list(wanted))
        return set(message.get("MessageAttributes", {})), "MD5OfMessageAttributes" in message

    assert given() == (set(), False)
    assert given("b") == ({"b"}, True)
    assert given("a.*") == ({"a.one", "a.two"}, True)
    assert given(".*") == given("All") == (set(names), True)
    assert given("c") == (set(), False)
    [message] = receive(sqs, url, AttributeNames=["SentTimestamp"])
    assert set(message["Attributes"]) == {"SentTimestamp"}
    assert refused(lambda: receive(sqs, url, AttributeNames=["Colour"])) == (
        "InvalidAttributeName",
        "Unknown Attribute Colour.",
    )


def test_queues_are_made_once_and_found_by_name(node: Node, sqs: Any) -> None:
    name = f"named-{uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "5"}, tags={"a": "b"})["QueueUrl"]
    assert url == f"{node.endpoint}/000000000000/{name}"
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == url
    assert sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "5"})["QueueUrl"] == url
    with pytest.raises(sqs.exceptions.QueueNameExists) as other:
        sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "6"})
    assert other.value.response["Error"]["Code"] == "QueueAlreadyExists"
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    sqs.tag_queue(QueueUrl=url, Tags={"c": "d"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a", "z"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"c": "d"}
    sqs.delete_queue(QueueUrl=url)
    for call in (
        lambda: sqs.get_queue_url(QueueName=name),
        lambda: sqs.send_message(QueueUrl=url, MessageBody="x"),
        lambda: sqs.delete_queue(QueueUrl=url),
    ):
        with pytest.raises(sqs.exceptions.QueueDoesNotExist) as missing:
            call()
        assert missing.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
        assert missing.value.response["Error"]["Message"] == "The specified queue does not exist."
    # Made anew it is empty.
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == url
    assert counts(sqs, url) == (0, 0, 0)


def test_queues_are_listed_in_pages(sqs: Any) -> None:
    prefix = f"list-{uuid4().hex[:8]}-"
    urls = [sqs.create_queue(QueueName=f"{prefix}{number}")["QueueUrl"] for number in range(5)]
    assert sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"] == urls
    pages = list(sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [len(page["QueueUrls"]) for page in pages] == [2, 2, 1]
    assert [url for page in pages for url in page["QueueUrls"]] == urls
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=f"{prefix}x")
    code, _ = refused(lambda: sqs.list_queues(MaxResults=1001))
    assert code == "InvalidParameterValue"


def test_a_queue_tells_all_of_its_attributes(sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue()
    shown = attributes(sqs, url)
    assert int(shown.pop("CreatedTimestamp")) == int(shown.pop("LastModifiedTimestamp"))
    assert shown == {
        "QueueArn": arn_of(url),
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "30",
    }
    fifo = attributes(sqs, make_queue(fifo=True))
    assert {
        name: fifo[name] for name in fifo.keys() - shown.keys() - {"CreatedTimestamp", "LastModifiedTimestamp"}
    } == {
        "FifoQueue": "true",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy, "VisibilityTimeout": "7"})
    assert attributes(sqs, url, "Policy", "VisibilityTimeout") == {"Policy": policy, "VisibilityTimeout": "7"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert attributes(sqs, url, "Policy", "VisibilityTimeout") == {"VisibilityTimeout": "7"}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "text"),
    [
        ("create_queue", {"QueueName": "a b"}, "InvalidParameterValue", "alphanumeric"),
        ("create_queue", {"QueueName": "a" * 81}, "InvalidParameterValue", "1 to 80"),
        ("create_queue", {"QueueName": "a.fifo"}, "InvalidParameterValue", "alphanumeric"),
        (
            "create_queue",
            {"QueueName": "a", "Attributes": {"FifoQueue": "true"}},
            "InvalidParameterValue",
            "must end with .fifo suffix",
        ),
        ("create_queue", {"QueueName": "a", "Attributes": {"X": "1"}}, "InvalidAttributeName", "Unknown Attribute X."),
        (
            "create_queue",
            {"QueueName": "a", "Attributes": {"ContentBasedDeduplication": "true"}},
            "InvalidAttributeName",
            "Unknown Attribute ContentBasedDeduplication.",
        ),
        (
            "create_queue",
            {"QueueName": "a", "Attributes": {"DelaySeconds": "901"}},
            "InvalidAttributeValue",
            "DelaySeconds",
        ),
        (
            "create_queue",
            {"QueueName": "a", "Attributes": {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:1:x"}'}},
            "InvalidParameterValue",
            "Redrive policy does not contain mandatory attribute: maxReceiveCount.",
        ),
        ("send_message", {"MessageBody": "a\ufffe"}, "InvalidMessageContents", "Invalid characters found."),
        ("send_message", {"MessageBody": "a\0"}, "InvalidMessageContents", "Invalid characters found."),
        ("send_message", {"MessageBody": ""}, "MissingParameter", "must contain the parameter MessageBody."),
        ("send_message", {"MessageBody": "a" * 1_048_577}, "InvalidParameterValue", "shorter than 1048576 bytes."),
        ("send_message", {"MessageBody": "a", "DelaySeconds": 901}, "InvalidParameterValue", "<= 900"),
        (
            "send_message",
            {"MessageBody": "a", "MessageDeduplicationId": "x"},
            "InvalidParameterValue",
            "not valid for this queue type",
        ),
        (
            "send_message",
            {"MessageBody": "a", "MessageAttributes": {"b": {"DataType": "Number", "StringValue": "one"}}},
            "InvalidParameterValue",
            "Can't cast the value of message (user) attribute 'b' to a number.",
        ),
        ("receive_message", {"MaxNumberOfMessages": 11}, "InvalidParameterValue", "between 1 and 10"),
        ("receive_message", {"MaxNumberOfMessages": 0}, "InvalidParameterValue", "between 1 and 10"),
        ("receive_message", {"WaitTimeSeconds": 21}, "InvalidParameterValue", "between 0 and 20"),
        ("receive_message", {"VisibilityTimeout": 43_201}, "InvalidParameterValue", "between 0 and 43200"),
        ("delete_message", {"ReceiptHandle": "x"}, "ReceiptHandleIsInvalid", 'The input receipt handle "x" is not'),
        (
            "change_message_visibility",
            {"ReceiptHandle": "x", "VisibilityTimeout": 1},
            "ReceiptHandleIsInvalid",
            "is not a valid receipt handle",
        ),
        ("remove_permission", {"Label": "x"}, "InvalidParameterValue", "can't find label on existing policy."),
        (
            "add_permission",
            {"Label": "x", "AWSAccountIds": ["111111111111"], "Actions": ["CreateQueue"]},
            "InvalidParameterValue",
            "Only the queue owner is allowed to invoke this action.",
        ),
        ("send_message_batch", {"Entries": []}, "AWS.SimpleQueueService.EmptyBatchRequest", "at least one"),
        (
            "send_message_batch",
            {"Entries": [{"Id": str(number), "MessageBody": "a"} for number in range(11)]},
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            "You have sent 11.",
        ),
        (
            "send_message_batch",
            {"Entries": [{"Id": "1", "MessageBody": "a"}, {"Id": "1", "MessageBody": "b"}]},
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            "Id 1 repeated.",
        ),
        (
            "send_message_batch",
            {"Entries": [{"Id": "a b", "MessageBody": "a"}]},
            "AWS.SimpleQueueService.InvalidBatchEntryId",
            "alphanumeric",
        ),
        (
            "send_message_batch",
            {"Entries": [{"Id": str(number), "MessageBody": "a" * 600_000} for number in range(2)]},
            "AWS.SimpleQueueService.BatchRequestTooLong",
            "You have sent 1200000 bytes.",
        ),
        ("list_queue_tags", {"QueueUrl": "no-url"}, "InvalidAddress", "not valid for this endpoint"),
    ],
)
def test_what_cannot_be_is_refused_in_awss_words(
    sqs: Any, make_queue: MakeQueue, operation: str, parameters: dict[str, Any], code: str, text: str
) -> None:
    if operation != "create_queue":
        parameters = {"QueueUrl": make_queue(), **parameters}
    found, message = refused(lambda: getattr(sqs, operation)(**parameters))
    assert found == code
    assert text in message


@pytest.mark.parametrize(
    ("operation", "members", "missing"),
    [
        ("SendMessage", {"MessageBody": "x"}, "QueueUrl"),
        ("SendMessage", {"QueueUrl": "http://h/000000000000/q"}, "MessageBody"),
        ("CreateQueue", {}, "QueueName"),
        ("StartMessageMoveTask", {}, "SourceArn"),
    ],
)
def test_a_member_that_is_missing_is_named(node: Node, operation: str, members: dict[str, str], missing: str) -> None:
    loose = node.client("sqs", parameter_validation=False)
    with pytest.raises(ClientError) as caught:
        loose._make_api_call(operation, members)
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == (
        "MissingParameter",
        f"The request must contain the parameter {missing}.",
    )


def test_a_batch_ends_in_parts(sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue()
    sent = sqs.send_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "good", "MessageBody": "1"},
            {"Id": "bad", "MessageBody": "\1"},
            {"Id": "late", "MessageBody": "2", "DelaySeconds": 900},
        ],
    )
    assert [entry["Id"] for entry in sent["Successful"]] == ["good", "late"]
    [failure] = sent["Failed"]
    assert (failure["Id"], failure["SenderFault"], failure["Code"]) == ("bad", True, "InvalidMessageContents")
    assert counts(sqs, url) == (1, 0, 1)
    [message] = receive(sqs, url)
    handles = {"1": message["ReceiptHandle"], "2": "nonsense"}
    changed = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[{"Id": key, "ReceiptHandle": handle, "VisibilityTimeout": 60} for key, handle in handles.items()],
    )
    deleted = sqs.delete_message_batch(
        QueueUrl=url, Entries=[{"Id": key, "ReceiptHandle": handle} for key, handle in handles.items()]
    )
    for answer in (changed, deleted):
        assert answer["Successful"] == [{"Id": "1"}]
        assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("2", "ReceiptHandleIsInvalid")]
    assert counts(sqs, url) == (0, 0, 1)


def test_a_long_poll_wakes_as_soon_as_a_message_comes(node: Node, sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue(ReceiveMessageWaitTimeSeconds="20")
    found: list[tuple[str, float]] = []

    def wait() -> None:
        [message] = receive(node.client("sqs"), url, 1)
        found.append((message["Body"], time.monotonic()))

    waiters = [threading.Thread(target=wait) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    time.sleep(0.5)
    assert not found
    sent_s = time.monotonic()
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    for waiter in waiters:
        waiter.join(10)
    assert sorted(body for body, _ in found) == ["0", "1", "2"]
    assert all(woken_s - sent_s < 5 for _, woken_s in found)


def test_a_long_poll_sees_what_becomes_visible_meanwhile(sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=1)
    [delayed] = receive(sqs, url, WaitTimeSeconds=20, VisibilityTimeout=1)
    [again] = receive(sqs, url, WaitTimeSeconds=20, MessageSystemAttributeNames=["All"])
    assert again["MessageId"] == delayed["MessageId"]
    assert again["ReceiptHandle"] != delayed["ReceiptHandle"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    assert receive(sqs, url, WaitTimeSeconds=1) == []


def test_who_hangs_up_in_a_long_poll_gets_no_message(node: Node, sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue()
    impatient = boto3.client(
        "sqs",
        endpoint_url=node.endpoint,
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key="x",
        config=Config(read_timeout=0.5, retries={"total_max_attempts": 1}),
    )
    with pytest.raises(Exception, match="Read timeout"):
        receive(impatient, url, WaitTimeSeconds=20)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert [message["Body"] for message in receive(sqs, url)] == ["x"]


def test_what_was_received_too_often_goes_to_the_dead_letter_queue(sqs: Any, make_queue: MakeQueue) -> None:
    dead = make_queue()
    policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 2})
    url = make_queue(RedrivePolicy=policy, VisibilityTimeout="0")
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    sent = sqs.send_message(QueueUrl=url, MessageBody="poison")
    for _ in range(2):
        assert len(receive(sqs, url)) == 1
    assert receive(sqs, url) == []
    [message] = receive(sqs, dead, WaitTimeSeconds=5, MessageSystemAttributeNames=["All"])
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "poison")
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(url)
    # Counted over all queues that it was in.
    assert message["Attributes"]["ApproximateReceiveCount"] == "3"
    assert counts(sqs, url) == (0, 0, 0)


def test_dead_letters_are_moved_back_to_where_they_came_from(sqs: Any, make_queue: MakeQueue) -> None:
    dead = make_queue()
    policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 1})
    urls = [make_queue(RedrivePolicy=policy, VisibilityTimeout="0") for _ in range(2)]
    for number, url in enumerate(urls):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
        receive(sqs, url)
        assert receive(sqs, url) == []
    wait_until(lambda: counts(sqs, dead)[0] == 2)
    task = sqs.start_message_move_task(SourceArn=arn_of(dead))["TaskHandle"]
    listed = wait_for_task(sqs, dead)
    assert (listed["Status"], listed["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    assert "TaskHandle" not in listed
    assert [[message["Body"] for message in receive(sqs, url)] for url in urls] == [["0"], ["1"]]
    assert refused(lambda: sqs.cancel_message_move_task(TaskHandle=task))[0] == (
        "AWS.SimpleQueueService.UnsupportedOperation"
    )
    assert refused(lambda: sqs.start_message_move_task(SourceArn=arn_of(urls[0]))) == (
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
    )


def test_a_move_to_another_queue_keeps_its_pace_and_can_be_cancelled(sqs: Any, make_queue: MakeQueue) -> None:
    dead, other = make_queue(), make_queue()
    make_queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 1}))
    for _ in range(2):
        sqs.send_message_batch(QueueUrl=dead, Entries=[{"Id": str(number), "MessageBody": "x"} for number in range(10)])
    task = sqs.start_message_move_task(
        SourceArn=arn_of(dead), DestinationArn=arn_of(other), MaxNumberOfMessagesPerSecond=5
    )["TaskHandle"]
    assert refused(lambda: sqs.start_message_move_task(SourceArn=arn_of(dead)))[0] == (
        "AWS.SimpleQueueService.UnsupportedOperation"
    )
    [running] = sqs.list_message_move_tasks(SourceArn=arn_of(dead))["Results"]
    assert (running["TaskHandle"], running["Status"], running["ApproximateNumberOfMessagesToMove"]) == (
        task,
        "RUNNING",
        20,
    )
    wait_until(lambda: counts(sqs, other)[0] > 0)
    assert sqs.cancel_message_move_task(TaskHandle=task)["ApproximateNumberOfMessagesMoved"] < 20
    assert wait_for_task(sqs, dead)["Status"] == "CANCELLED"
    assert counts(sqs, other)[0] + counts(sqs, dead)[0] == 20


def test_a_move_fails_for_messages_that_came_from_no_queue(sqs: Any, make_queue: MakeQueue) -> None:
    dead = make_queue()
    make_queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 1}))
    sqs.send_message(QueueUrl=dead, MessageBody="x")
    sqs.start_message_move_task(SourceArn=arn_of(dead))
    task = wait_for_task(sqs, dead)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert [message["Body"] for message in receive(sqs, dead)] == ["x"]


def wait_for_task(sqs: Any, url: str) -> dict[str, Any]:
    """The latest task, once it has ended."""

    def latest() -> dict[str, Any]:
        [task] = sqs.list_message_move_tasks(SourceArn=arn_of(url))["Results"]
        found: dict[str, Any] = task
        return found

    wait_until(lambda: latest()["Status"] not in ("RUNNING", "CANCELLING"))
    return latest()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


def test_a_purge_empties_a_queue_once_a_minute(sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue()
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    [held] = receive(sqs, url, 1)
    sqs.purge_queue(QueueUrl=url)
    assert counts(sqs, url) == (0, 0, 0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"])
    sqs.send_message(QueueUrl=url, MessageBody="new")
    assert [message["Body"] for message in receive(sqs, url)] == ["new"]
    code, _ = refused(lambda: sqs.purge_queue(QueueUrl=url))
    assert code == "AWS.SimpleQueueService.PurgeQueueInProgress"


def test_the_visibility_of_a_message_is_changed_by_its_holder_alone(sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    [first] = receive(sqs, url)
    change = {"QueueUrl": url, "ReceiptHandle": first["ReceiptHandle"]}
    assert (
        "beyond the limit [43200 seconds]"
        in refused(lambda: [time.sleep(0.01), sqs.change_message_visibility(**change, VisibilityTimeout=43_200)])[1]
    )
    sqs.change_message_visibility(**change, VisibilityTimeout=0)
    assert refused(lambda: sqs.change_message_visibility(**change, VisibilityTimeout=1))[0] == (
        "AWS.SimpleQueueService.MessageNotInflight"
    )
    [second] = receive(sqs, url)
    # The old handle deletes nothing: the message is somebody else's now.
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert counts(sqs, url) == (0, 1, 0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
    code, message = refused(
        lambda: sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=1)
    )
    assert code == "InvalidParameterValue"
    assert message.endswith("Reason: Message does not exist or is not available for visibility timeout change.")


def test_a_handle_of_another_queue_is_none(sqs: Any, make_queue: MakeQueue) -> None:
    one, other = make_queue(), make_queue()
    sqs.send_message(QueueUrl=one, MessageBody="x")
    [message] = receive(sqs, one)
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=other, ReceiptHandle=message["ReceiptHandle"])
    tampered = base64.b64encode(base64.b64decode(message["ReceiptHandle"])[::-1]).decode()
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=one, ReceiptHandle=tampered)


def test_another_account_needs_the_queues_policy(node: Node, sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue()
    name = url.rpartition("/")[2]
    other = boto3.client(
        "sqs",
        endpoint_url=node.endpoint,
        region_name="us-east-1",
        aws_access_key_id="111111111111",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )

    def check_denied(call: Callable[[], Any]) -> None:
        with pytest.raises(ClientError) as caught:
            call()
        response = caught.value.response
        assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == ("AccessDenied", 403)

    def send() -> None:
        other.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}])

    check_denied(send)
    check_denied(lambda: other.get_queue_url(QueueName=name, QueueOwnerAWSAccountId="000000000000"))
    sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage", "GetQueueUrl"])
    statement = json.loads(attributes(sqs, url, "Policy")["Policy"])["Statement"][0]
    assert statement == {
        "Sid": "l",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": ["SQS:SendMessage", "SQS:GetQueueUrl"],
        "Resource": arn_of(url),
    }
    send()
    assert other.get_queue_url(QueueName=name, QueueOwnerAWSAccountId="000000000000")["QueueUrl"] == url
    check_denied(lambda: receive(other, url))
    check_denied(lambda: other.delete_queue(QueueUrl=url))
    assert receive(sqs, url, MessageSystemAttributeNames=["All"])[0]["Attributes"]["SenderId"] == "111111111111"
    sqs.remove_permission(QueueUrl=url, Label="l")
    check_denied(send)
    assert "Policy" not in attributes(sqs, url)


def test_a_region_has_queues_of_its_own(node: Node, sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue()
    elsewhere = boto3.client(
        "sqs",
        endpoint_url=node.endpoint,
        region_name="eu-west-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key="x",
    )
    with pytest.raises(elsewhere.exceptions.QueueDoesNotExist):
        elsewhere.send_message(QueueUrl=url, MessageBody="x")


def test_a_fifo_queue_keeps_groups_in_order_and_takes_nothing_twice(sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue(fifo=True, ContentBasedDeduplication="true")
    sent = [
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)
        for body, group in (("1", "a"), ("2", "a"), ("1b", "b"), ("1", "a"))
    ]
    assert [int(one["SequenceNumber"]) for one in sent[:3]] == sorted(int(one["SequenceNumber"]) for one in sent[:3])
    assert len(sent[0]["SequenceNumber"]) == 20
    assert (sent[3]["MessageId"], sent[3]["SequenceNumber"]) == (sent[0]["MessageId"], sent[0]["SequenceNumber"])
    [first] = receive(sqs, url, 1, MessageSystemAttributeNames=["All"])
    assert first["Body"] == "1"
    told = first["Attributes"]
    assert (told["MessageGroupId"], told["SequenceNumber"]) == ("a", sent[0]["SequenceNumber"])
    assert len(told["MessageDeduplicationId"]) == 64
    assert [message["Body"] for message in receive(sqs, url)] == ["1b"], "the group a is blocked"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    [second] = receive(sqs, url)
    assert second["Body"] == "2"
    # Deleted, and still not to be sent again.
    assert sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="a")["MessageId"] == sent[0]["MessageId"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0)
    code, message = refused(lambda: sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"]))
    assert (code, message.endswith("Reason: The receipt handle has expired.")) == ("InvalidParameterValue", True)
    assert counts(sqs, url) == (1, 1, 0)


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        ({}, "MissingParameter", "MessageGroupId"),
        ({"MessageGroupId": "a"}, "InvalidParameterValue", "ContentBasedDeduplication enabled"),
        ({"MessageGroupId": "a b", "MessageDeduplicationId": "c"}, "InvalidParameterValue", "MessageGroupId"),
        (
            {"MessageGroupId": "a", "MessageDeduplicationId": "c", "DelaySeconds": 1},
            "InvalidParameterValue",
            "not valid for this queue type",
        ),
    ],
)
def test_a_fifo_queue_wants_to_know_group_and_duplicates(
    sqs: Any, make_queue: MakeQueue, members: dict[str, Any], code: str, text: str
) -> None:
    url = make_queue(fifo=True)
    found, message = refused(lambda: sqs.send_message(QueueUrl=url, MessageBody="x", **members))
    assert (found, text in message) == (code, True)


def test_duplicates_may_be_looked_for_within_a_group_only(sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue(fifo=True, DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    ids = [
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId=group, MessageDeduplicationId="d")["MessageId"]
        for group in ("a", "b", "a")
    ]
    assert ids[0] == ids[2] != ids[1]


def test_a_named_attempt_gets_the_same_messages_again(sqs: Any, make_queue: MakeQueue) -> None:
    url = make_queue(fifo=True, ContentBasedDeduplication="true")
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), MessageGroupId="g")
    first = receive(sqs, url, 2, ReceiveRequestAttemptId="attempt")
    again = receive(sqs, url, 2, ReceiveRequestAttemptId="attempt")
    assert [message["Body"] for message in first] == ["0", "1"]
    assert [message["ReceiptHandle"] for message in again] == [message["ReceiptHandle"] for message in first]
    assert receive(sqs, url, 2, ReceiveRequestAttemptId="another") == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"])
    assert receive(sqs, url, 2, ReceiveRequestAttemptId="attempt") == []
