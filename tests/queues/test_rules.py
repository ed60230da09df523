"""The rules of queues as tables: pure functions."""

import hashlib
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.queues import attributes
from stoker.queues.contents import contents_of, details_of, md5_of
from stoker.queues.errors import QueueError
from stoker.queues.permissions import allows, with_permission, without_permission
from stoker.queues.receipts import Receipt, handle_of, receipt_of
from stoker.queues.records import Queue
from stoker.queues.redrive_policy import allows_source, check_redrive_policy, read_redrive_policy

ARN = "arn:aws:sqs:us-east-1:000000000000:q"


def queue(name: str = "q", **given: str) -> Queue:
    return Queue("000000000000", "us-east-1", name, 1, 0, 0, given)


def string(value: str, kind: str = "String") -> dict[str, Any]:
    return {"DataType": kind, "StringValue": value}


def test_the_digest_of_attributes_is_that_of_the_documentation() -> None:
    """Amazon SQS Developer Guide, "Calculating the MD5 message digest for message attributes": sorted by name; each
    name, type and value with its length in four bytes, and a byte for the kind of value."""
    attributes_given = {"b": string("v\u00e4"), "a": {"DataType": "Binary.x", "BinaryValue": b"\0\1"}}
    spelled = b"".join(
        (
            struct.pack(">I", 1) + b"a" + struct.pack(">I", 8) + b"Binary.x" + b"\2" + struct.pack(">I", 2) + b"\0\1",
            struct.pack(">I", 1)
            + b"b"
            + struct.pack(">I", 6)
            + b"String"
            + b"\1"
            + struct.pack(">I", 3)
            + b"v\xc3\xa4",
        )
    )
    assert md5_of(attributes_given) == hashlib.md5(spelled, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("body", ["\t", "\n", "\r", " ", "a", "\ud7ff", "\ue000", "\ufffd", "\U00010000", "\U0010ffff"])
def test_allowed_characters_pass(body: str) -> None:
    assert contents_of({"MessageBody": body}).body == body


@pytest.mark.parametrize("body", ["\0", "\1", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_other_characters_are_refused(body: str) -> None:
    for members in (
        {"MessageBody": f"a{body}"},
        {"MessageBody": "a", "MessageAttributes": {"n": string(f"a{body}")}},
        {"MessageBody": "a", "MessageSystemAttributes": {"AWSTraceHeader": string(f"a{body}")}},
    ):
        with pytest.raises(QueueError) as refused:
            contents_of(members)
        assert refused.value.code == "InvalidMessageContents"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("", string("x"), "attribute name"),
        (".a", string("x"), "attribute name"),
        ("a..b", string("x"), "attribute name"),
        ("AWS.a", string("x"), "attribute name"),
        ("a b", string("x"), "attribute name"),
        ("a" * 257, string("x"), "attribute name"),
        ("a", {"StringValue": "x"}, "non-empty message attribute type"),
        ("a", string("x", "Text"), "supported type prefixes: Binary, Number, String."),
        ("a", string(""), "non-empty message attribute value"),
        ("a", {"DataType": "Binary", "BinaryValue": b""}, "non-empty message attribute value"),
        ("a", {"DataType": "String", "BinaryValue": b"x"}, "non-empty message attribute value"),
        ("a", {**string("x"), "BinaryValue": b"x"}, "non-empty message attribute value"),
        ("a", string("1e", "Number"), "to a number"),
        ("a", {**string("x"), "StringListValues": ["x"]}, "list values are not supported"),
    ],
)
def test_an_attribute_that_cannot_be_is_refused(name: str, value: dict[str, Any], text: str) -> None:
    with pytest.raises(QueueError, match=text):
        contents_of({"MessageBody": "x", "MessageAttributes": {name: value}})


def test_a_message_has_ten_attributes_and_counts_their_bytes() -> None:
    ten = {f"name{number}": string("\u00e4") for number in range(10)}
    assert contents_of({"MessageBody": "x", "MessageAttributes": ten}).size_bytes == 1 + 10 * (5 + 6 + 2)
    with pytest.raises(QueueError, match=r"\[11\] exceeds the allowed maximum \[10\]"):
        contents_of({"MessageBody": "x", "MessageAttributes": {**ten, "one-more": string("x")}})
    with pytest.raises(QueueError, match="AWSTraceHeader"):
        contents_of({"MessageBody": "x", "MessageSystemAttributes": {"Other": string("x")}})


@given(
    st.dictionaries(
        st.text("abcXYZ_-09", min_size=1),
        st.one_of(
            st.text(min_size=1, alphabet=st.characters(min_codepoint=32, max_codepoint=0xD7FF)).map(string),
            st.binary(min_size=1).map(lambda data: {"DataType": "Binary", "BinaryValue": data}),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_attributes_come_out_of_storage_as_they_went_in(sent: dict[str, Any]) -> None:
    contents = contents_of({"MessageBody": "x", "MessageAttributes": sent})
    kept = details_of(contents.details)
    assert (kept.attributes, kept.system) == (sent, {})
    assert md5_of(kept.attributes) == contents.md5_of_attributes


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**63))
def test_a_handle_says_what_it_stands_for(content_id: int, number: int, receives: int, received_ms: int) -> None:
    receipt = Receipt(content_id, number, receives, received_ms)
    assert receipt_of(handle_of(receipt)) == receipt


@given(st.text())
def test_other_texts_are_no_handles(text: str) -> None:
    assert receipt_of(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("{}", "mandatory attribute: deadLetterTargetArn"),
        (f'{{"deadLetterTargetArn":"{ARN}"}}', "mandatory attribute: maxReceiveCount"),
        (f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":0}}', "valid values are from 1 to 1000 both inclusive"),
        (f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":1001}}', "Invalid value for maxReceiveCount: 1001"),
        (f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":true}}', "valid values"),
        (f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":"x"}}', "valid values"),
    ],
)
def test_a_redrive_policy_that_cannot_be_is_refused(text: str, problem: str) -> None:
    with pytest.raises(QueueError, match=problem):
        read_redrive_policy(text)


def test_a_redrive_policy_needs_a_queue_that_takes_the_messages() -> None:
    text = json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": "5"})
    assert read_redrive_policy(text).receives_max == 5
    source = queue("source")
    check_redrive_policy(text, source, queue())
    only = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [f"{ARN}2"]})
    for target, problem in (
        (None, "Dead letter target does not exist."),
        (queue("q.fifo"), "same type of queue"),
        (source, "cannot be the source queue itself"),
        (queue(RedriveAllowPolicy='{"redrivePermission":"denyAll"}'), "permissions to redrive"),
        (queue(RedriveAllowPolicy=only), "permissions to redrive"),
    ):
        with pytest.raises(QueueError, match=problem):
            check_redrive_policy(text, source, target)
    assert allows_source(queue(RedriveAllowPolicy=only), f"{ARN}2")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VisibilityTimeout", "-1"),
        ("VisibilityTimeout", "43201"),
        ("VisibilityTimeout", "1.5"),
        ("VisibilityTimeout", "\u0661"),
        ("MaximumMessageSize", "1023"),
        ("MaximumMessageSize", "1048577"),
        ("MessageRetentionPeriod", "59"),
        ("ReceiveMessageWaitTimeSeconds", "21"),
        ("KmsDataKeyReusePeriodSeconds", "59"),
        ("SqsManagedSseEnabled", "yes"),
        ("Policy", "x"),
    ],
)
def test_attributes_have_ranges(name: str, value: str) -> None:
    with pytest.raises(QueueError) as refused:
        attributes.checked({name: value}, is_fifo=False)
    assert refused.value.code == "InvalidAttributeValue"
    assert name in str(refused.value)


def test_an_attribute_of_the_other_kind_of_queue_is_not_known() -> None:
    for name in ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit", "QueueArn"):
        with pytest.raises(QueueError, match=f"Unknown Attribute {name}"):
            attributes.checked({name: "true"}, is_fifo=False)
    with pytest.raises(QueueError, match="Modifying queue type is not supported"):
        attributes.checked({"FifoQueue": "false"}, is_fifo=True)
    with pytest.raises(QueueError, match="messageGroup"):
        attributes.check_together({"FifoThroughputLimit": "perMessageGroupId"})
    with pytest.raises(QueueError, match="one kind of encryption"):
        attributes.check_together({"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"})


def test_a_key_ends_the_queues_own_encryption_and_the_other_way_round() -> None:
    keyed = attributes.changed({}, {"KmsMasterKeyId": "alias/aws/sqs"})
    assert attributes.settings(queue(**keyed))["SqsManagedSseEnabled"] == "false"
    assert attributes.settings(queue(**keyed))["KmsDataKeyReusePeriodSeconds"] == "300"
    assert attributes.changed(keyed, {"SqsManagedSseEnabled": "true"}) == {"SqsManagedSseEnabled": "true"}


OTHER = "111111111111"


@pytest.mark.parametrize(
    ("statement", "action", "is_allowed"),
    [
        ({"Principal": "*", "Action": "sqs:*", "Resource": ARN}, "SendMessage", True),
        ({"Principal": {"AWS": OTHER}, "Action": ["SQS:SendMessage"], "Resource": ARN}, "SendMessage", True),
        (
            {"Principal": {"AWS": [f"arn:aws:iam::{OTHER}:root"]}, "Action": "*", "Resource": "*"},
            "ReceiveMessage",
            True,
        ),
        ({"Principal": {"AWS": OTHER}, "Action": "sqs:Send*", "Resource": ARN}, "SendMessage", True),
        ({"Principal": {"AWS": OTHER}, "Action": "sqs:SendMessage", "Resource": ARN}, "ReceiveMessage", False),
        ({"Principal": {"AWS": "222222222222"}, "Action": "sqs:*", "Resource": ARN}, "SendMessage", False),
        ({"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": ARN}, "SendMessage", False),
        ({"Principal": "*", "Action": "sqs:*", "Resource": f"{ARN}2"}, "SendMessage", False),
        (
            {"Principal": "*", "Action": "sqs:*", "Resource": ARN, "Condition": {"Bool": {"aws:x": "true"}}},
            "SendMessage",
            False,
        ),
    ],
)
def test_a_policy_lets_other_accounts_in(statement: dict[str, Any], action: str, is_allowed: bool) -> None:
    allowing = {"Effect": "Allow", **statement}
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowing})
    assert allows(queue(Policy=policy), OTHER, action) == is_allowed
    denying = json.dumps({"Statement": [allowing, {"Effect": "Deny", **statement}]})
    assert not allows(queue(Policy=denying), OTHER, action)


def test_permissions_are_added_and_taken_away() -> None:
    assert not allows(queue(), OTHER, "SendMessage")
    one = with_permission(queue(), "one", [OTHER], ["SendMessage"])
    both = with_permission(queue(Policy=one), "two", [OTHER, "222222222222"], ["*"])
    assert allows(queue(Policy=one), OTHER, "SendMessage")
    assert not allows(queue(Policy=one), OTHER, "ReceiveMessage")
    assert allows(queue(Policy=both), "222222222222", "ReceiveMessage")
    with pytest.raises(QueueError, match="Already exists"):
        with_permission(queue(Policy=one), "one", [OTHER], ["SendMessage"])
    for label, accounts, actions, problem in (
        ("a b", [OTHER], ["*"], "Label"),
        ("l", ["x"], ["*"], "Unable to verify"),
        ("l", [], ["*"], "AWSAccountIds"),
        ("l", [OTHER], [], "Actions"),
        ("l", [OTHER], ["SendMessage"] * 8, "8 Actions were found, maximum allowed is 7"),
    ):
        with pytest.raises(QueueError, match=problem):
            with_permission(queue(), label, accounts, actions)
    assert json.loads(without_permission(queue(Policy=both), "two")) == json.loads(one)
    assert without_permission(queue(Policy=one), "one") == ""
