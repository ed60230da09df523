"""Records field for field. Recorded: reference, event sources, 2 and 3."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from stoker.arn import split_arn
from stoker.event_sources.matching import Filters
from stoker.event_sources.sources import dynamodb_streams, kinesis
from stoker.event_sources.sources.sqs import message_of

QUEUE = "arn:aws:sqs:eu-west-1:111111111111:q"
STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/s"
TABLE = "arn:aws:dynamodb:eu-west-1:111111111111:table/t/stream/2025-01-01T00:00:00.000"
ROLE = "arn:aws:iam::111111111111:role/r"


def arn(text: str) -> Any:
    return split_arn(text)


def matches(pattern: str, document: Any) -> bool:
    return Filters({"Filters": [{"Pattern": pattern}]}).match(document)


MESSAGE = {
    "MessageId": "m-1",
    "ReceiptHandle": "r-1",
    "Body": '{"kind":"order","n":1}',
    "MD5OfBody": "d41d8",
    "Attributes": {
        "SenderId": "AIDA",
        "SentTimestamp": "1",
        "ApproximateFirstReceiveTimestamp": "2",
        "ApproximateReceiveCount": "1",
    },
}


def test_a_message_without_attributes_of_its_own() -> None:
    message = message_of(MESSAGE, arn(QUEUE), 7.0)
    assert json.loads(message.encoded) == {
        "messageId": "m-1",
        "receiptHandle": "r-1",
        "body": '{"kind":"order","n":1}',
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1",
            "SenderId": "AIDA",
            "ApproximateFirstReceiveTimestamp": "2",
        },
        "messageAttributes": {},
        "md5OfMessageAttributes": None,
        "md5OfBody": "d41d8",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE,
        "awsRegion": "eu-west-1",
    }
    assert next(iter(json.loads(message.encoded)["attributes"])) == "ApproximateReceiveCount"
    assert (message.message_id, message.receipt_handle, message.received_s) == ("m-1", "r-1", 7.0)
    assert matches('{"body":{"kind":["order"],"n":[{"numeric":[">",0]}]},"eventSource":["aws:sqs"]}', message.document)
    assert not matches('{"body":["order"]}', message.document)


def test_a_message_with_attributes() -> None:
    given = {
        "text": {"DataType": "String", "StringValue": "x"},
        "number": {"DataType": "Number.int", "StringValue": "1"},
        "bytes": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
    }
    trace = {"Attributes": {"AWSTraceHeader": "Root=1-00000000-000000000000000000000000"}}
    message = message_of(MESSAGE | trace | {"MessageAttributes": given, "MD5OfMessageAttributes": "abc"}, arn(QUEUE), 0)
    record = json.loads(message.encoded)
    empty = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"] == {
        "text": {"stringValue": "x", **empty, "dataType": "String"},
        "number": {"stringValue": "1", **empty, "dataType": "Number.int"},
        "bytes": {"binaryValue": base64.b64encode(b"\x00\xff").decode(), **empty, "dataType": "Binary.png"},
    }
    assert record["md5OfMessageAttributes"] == "abc"
    assert message.trace_header.startswith("Root=1-")


def test_a_record_of_kinesis() -> None:
    given = {
        "SequenceNumber": "4954",
        "PartitionKey": "k",
        "Data": b'{"n":1}',
        "ApproximateArrivalTimestamp": datetime.fromtimestamp(1545084650.987, UTC),
    }
    record = kinesis.record_of(given, "shardId-000000000006", ROLE, STREAM, arn(STREAM))
    assert json.loads(record.encoded) == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "k",
            "sequenceNumber": "4954",
            "data": base64.b64encode(b'{"n":1}').decode(),
            "approximateArrivalTimestamp": 1545084650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000006:4954",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": ROLE,
        "awsRegion": "eu-west-1",
        "eventSourceARN": STREAM,
    }
    assert matches('{"data":{"n":[1]},"partitionKey":["k"]}', record.document)
    plain = kinesis.record_of(given | {"Data": b"\xff plain"}, "s", ROLE, STREAM, arn(STREAM))
    assert not matches('{"data":{"n":[1]}}', plain.document)
    assert matches('{"data":[{"suffix":"plain"}]}', plain.document)


def test_a_record_of_a_table() -> None:
    given = {
        "eventID": "e",
        "eventName": "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "wherever",
        "dynamodb": {
            "ApproximateCreationDateTime": datetime.fromtimestamp(1479499740, UTC),
            "Keys": {"id": {"S": "1"}},
            "OldImage": {"id": {"S": "1"}, "b": {"B": b"\x01"}, "l": {"L": [{"BS": [b"\x02"]}]}, "n": {"N": "1"}},
            "SequenceNumber": "100",
            "SizeBytes": 8,
            "StreamViewType": "OLD_IMAGE",
        },
        "userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"},
    }
    record = dynamodb_streams.record_of(given, TABLE, arn(TABLE))
    old = {"id": {"S": "1"}, "b": {"B": "AQ=="}, "l": {"L": [{"BS": ["Ag=="]}]}, "n": {"N": "1"}}
    assert json.loads(record.encoded) == {
        "eventID": "e",
        "eventName": "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1479499740,
            "Keys": {"id": {"S": "1"}},
            "OldImage": old,
            "SequenceNumber": "100",
            "SizeBytes": 8,
            "StreamViewType": "OLD_IMAGE",
        },
        "eventSourceARN": TABLE,
        "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
    }
    assert matches('{"eventName":["REMOVE"],"dynamodb":{"OldImage":{"id":{"S":["1"]}}}}', record.document)
    assert not matches('{"dynamodb":{"OldImage":{"n":{"N":[{"numeric":["=",1]}]}}}}', record.document)
