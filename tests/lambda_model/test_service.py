"""Every operation's requests and answers, written by botocore and read by us, and the other way round."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.loaders import Loader
from botocore.model import ServiceModel as BotocoreModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stoker.errors import SerializationException, UnknownOperationException, ValidationException
from stoker.lambda_model.call import ApiAnswer
from stoker.lambda_model.event_stream import encode_event
from stoker.lambda_model.service import ServiceModel, load_service, parse_query

from .shape_values import json_values, plain, values

BOTOCORE = BotocoreModel(Loader().load_service_model("lambda", "service-2"), "lambda")
SERIALIZER = create_serializer("rest-json", include_validation=False)
OPERATIONS = list(BOTOCORE.operation_names)
BOUNDED = settings(
    max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
)
WITH_BODY = [name for name in OPERATIONS if BOTOCORE.operation_model(name).http["method"] in ("POST", "PUT")]
STREAMED = {"InvokeWithResponseStream"}


def read(model: ServiceModel, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The operation and members of a request as botocore's serializer gives it."""
    path, _, query_in_path = request["url_path"].partition("?")
    query = parse_query(
        "&".join(filter(None, (query_in_path, urlencode(request["query_string"], doseq=True)))).encode()
    )
    match = model.find(request["method"], path, query)
    headers = {name.lower(): value for name, value in request["headers"].items()}
    body = request["body"]
    return match.target.name, match.target.read(
        match.path_values, query, headers, body.encode() if isinstance(body, str) else bytes(body)
    )


def test_every_operation_of_the_service_is_there(model: ServiceModel) -> None:
    assert set(model.operations) == set(OPERATIONS)
    assert len(OPERATIONS) >= 85


@pytest.mark.parametrize("name", OPERATIONS)
@BOUNDED
@given(data=st.data())
def test_what_botocore_sends_is_what_we_read(model: ServiceModel, name: str, data: st.DataObject) -> None:
    operation = BOTOCORE.operation_model(name)
    given_members = data.draw(values(operation.input_shape))
    found, members = read(model, SERIALIZER.serialize_to_request(given_members, operation))

    expected = plain(given_members)
    for member in operation.input_shape.members:
        # An empty list in a query, like no list at all, is nothing on the wire; a payload is always there.
        if model.operations[name].input.members[member].location == "querystring" and expected.get(member) == []:
            del expected[member]
        if member == operation.input_shape.serialization.get("payload") and member not in expected:
            members.pop(member, None)
    for member in operation.input_shape.members:
        if operation.input_shape.members[member].metadata.get("idempotencyToken"):
            members.pop(member, None)
            expected.pop(member, None)
    assert (found, members) == (name, expected)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in STREAMED])
@BOUNDED
@given(data=st.data())
def test_what_we_answer_is_what_botocore_reads(model: ServiceModel, name: str, data: st.DataObject) -> None:
    operation = BOTOCORE.operation_model(name)
    if operation.output_shape is None:
        assert model.operations[name].encode(ApiAnswer()).body == b""
        return
    members = data.draw(values(operation.output_shape))
    if name == "Invoke":
        # A client gets this payload as a stream, which a parser without a connection cannot show.
        members["Payload"] = None
    for member, shape in operation.output_shape.members.items():
        if shape.serialization.get("location") == "statusCode" and member in members:
            members[member] = 202
    answer = model.operations[name].encode(ApiAnswer({**members, **dict.fromkeys(_absent(operation, members))}))

    response = {"body": answer.body, "headers": answer.headers, "status_code": answer.status}
    parsed = create_parser("rest-json").parse(response, operation.output_shape)
    del parsed["ResponseMetadata"]
    for member, shape in operation.output_shape.members.items():
        if shape.serialization.get("location") == "statusCode":
            assert parsed[member] == answer.status
            parsed.pop(member)
            members.pop(member, None)
    payload = operation.output_shape.serialization.get("payload")
    if payload is not None and members.get(payload) is None:
        parsed.pop(payload, None)
    assert plain(parsed) == {name: value for name, value in plain(members).items() if value is not None}


@pytest.mark.parametrize("name", WITH_BODY)
@settings(BOUNDED, max_examples=30)
@given(data=st.data())
def test_a_body_that_is_wrong_is_refused_and_never_a_failure(
    model: ServiceModel, name: str, data: st.DataObject
) -> None:
    body = json.dumps(data.draw(json_values(BOTOCORE.operation_model(name).input_shape))).encode()
    operation = model.operations[name]
    with contextlib.suppress(SerializationException, ValidationException):
        members = operation.read({member.name: "x" for member in operation.path_members}, {}, {}, body)
        operation.validate(members)


def _absent(operation: Any, members: dict[str, Any]) -> list[str]:
    return [name for name in operation.output_shape.members if name not in members]


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/2018-10-31/layers", b"find=LayerVersion&Arn=x", "GetLayerVersionByArn"),
        ("/2018-10-31/layers", b"", "ListLayers"),
        ("/2018-10-31/layers", b"find=Something", "ListLayers"),
        ("/2019-09-30/functions/f/provisioned-concurrency", b"List=ALL", "ListProvisionedConcurrencyConfigs"),
        ("/2019-09-30/functions/f/provisioned-concurrency", b"Qualifier=1", "GetProvisionedConcurrencyConfig"),
        ("/2015-03-31/functions/", b"", "ListFunctions"),
        ("/2019-09-25/functions/f/event-invoke-config/list", b"", "ListFunctionEventInvokeConfigs"),
    ],
)
def test_the_query_tells_operations_on_one_path_apart(model: ServiceModel, path: str, query: bytes, name: str) -> None:
    """reference: control plane, 3.1"""
    assert model.find("GET", path, parse_query(query)).target.name == name


@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
def test_an_arn_in_the_path_may_be_encoded_or_not(model: ServiceModel, colon: str) -> None:
    """reference: control plane, 1"""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f:live"
    match = model.find("GET", f"/2015-03-31/functions/{arn.replace(':', colon)}/configuration", {})
    assert match.path_values == {"FunctionName": arn}


def test_an_encoded_slash_is_part_of_the_name(model: ServiceModel) -> None:
    match = model.find("GET", "/2025-12-01/durable-executions/arn%3Ax%2Fdurable-execution%2Fa%2Fb/history", {})
    assert match.target.name == "GetDurableExecutionHistory"
    assert match.path_values == {"DurableExecutionArn": "arn:x/durable-execution/a/b"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/2015-03-31"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "*"),
        ("GET", "//"),
    ],
)
def test_what_no_operation_has_is_unknown(model: ServiceModel, method: str, path: str) -> None:
    with pytest.raises(UnknownOperationException):
        model.find(method, path, {})


def test_a_path_that_is_not_utf_8_is_refused(model: ServiceModel) -> None:
    with pytest.raises(SerializationException):
        model.find("GET", "/2015-03-31/functions/%ff%fe", {})


@pytest.mark.parametrize("query", [b"a=%ff", "ä=1".encode(), b"&".join(b"a=%d" % n for n in range(2000))])
def test_a_query_that_cannot_be_read_is_refused(query: bytes) -> None:
    with pytest.raises(SerializationException):
        parse_query(query)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"FunctionName": 5}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"Description": true}', "TRUE_VALUE can not be converted to a String"),
        (b'{"Timeout": "3"}', "STRING_VALUE can not be converted to an Integer"),
        (b'{"Timeout": 3.5}', "NUMBER_VALUE can not be converted to an Integer"),
        (b'{"Timeout": 9999999999}', "NUMBER_VALUE can not be converted to an Integer"),
        (b'{"Publish": "true"}', "STRING_VALUE can not be converted to a Boolean"),
        (b'{"TracingConfig": 5}', "Expected map or null"),
        (b'{"Layers": {}}', "Start of structure or map found where not expected."),
        (b'{"Description": []}', "Start of list found where not expected"),
        (b'{"Environment": {"Variables": {"A": 1}}}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"Code": {"ZipFile": "not base64!"}}', "Invalid Base64 in a binary member."),
        (b'{"Description": "\\ud800"}', "Invalid Unicode in a text member."),
        (b"[]", "Start of list found where not expected"),
        (b'"text"', "Expected map or null"),
        (b"null", "Expected map or null"),
        (b"{", "Could not parse request body into json."),
        (b"{}{}", "Could not parse request body into json."),
        (b"\xff", "Could not parse request body into json."),
        (b'{"Timeout": NaN}', "Could not parse request body into json."),
        (b'{"x": ' + b"9" * 5000 + b"}", "Could not parse request body into json."),
        (b'{"x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "Could not parse request body into json."),
    ],
)
def test_a_body_of_wrong_types_is_a_serialization_error(model: ServiceModel, body: bytes, message: str) -> None:
    with pytest.raises(SerializationException) as caught:
        model.operations["CreateFunction"].read({}, {}, {}, body)
    assert caught.value.message == message


def test_unknown_members_and_nulls_are_as_if_absent(model: ServiceModel) -> None:
    body = b'{"Tomorrow": {"x": 1}, "Runtime": null, "VpcConfig": {"SubnetIds": null}, "Timeout": 3.0}'
    members = model.operations["CreateFunction"].read({}, {}, {}, body)
    assert members == {"VpcConfig": {}, "Timeout": 3}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (b"MaxItems=ten", "STRING_VALUE can not be converted to an Integer"),
        (b"MaxItems=1_0", "STRING_VALUE can not be converted to an Integer"),
        (b"MaxItems=%D9%A1", "STRING_VALUE can not be converted to an Integer"),
        (b"MaxItems=", "STRING_VALUE can not be converted to an Integer"),
        (b"MaxItems=99999999999", "NUMBER_VALUE can not be converted to an Integer"),
    ],
)
def test_a_query_of_wrong_types_is_a_serialization_error(model: ServiceModel, query: bytes, message: str) -> None:
    with pytest.raises(SerializationException) as caught:
        model.operations["ListFunctions"].read({}, parse_query(query), {}, b"")
    assert caught.value.message == message


def test_a_payload_is_the_body_itself(model: ServiceModel) -> None:
    body = b'{"not": "parsed'
    members = model.operations["Invoke"].read({"FunctionName": "f"}, {}, {"x-amz-log-type": "Tail"}, body)
    assert members["Payload"] is body
    assert members["LogType"] == "Tail"


def test_timestamps_in_a_body_may_be_numbers_or_texts(model: ServiceModel) -> None:
    operation = model.operations["CreateEventSourceMapping"]
    for text in ("1735689600", '"2025-01-01T00:00:00Z"', '"Wed, 01 Jan 2025 00:00:00 GMT"', "1735689600.0"):
        members = operation.read({}, {}, {}, b'{"StartingPositionTimestamp": %s}' % text.encode())
        assert members == {"StartingPositionTimestamp": 1735689600.0}
    with pytest.raises(SerializationException):
        operation.read({}, {}, {}, b'{"StartingPositionTimestamp": "yesterday"}')


def test_an_answer_leaves_out_none_at_every_depth(model: ServiceModel) -> None:
    answer = ApiAnswer({"FunctionName": "f", "Runtime": None, "VpcConfig": {"VpcId": "", "SubnetIds": None}})
    assert (
        model.operations["GetFunctionConfiguration"].encode(answer).body
        == b'{"FunctionName":"f","VpcConfig":{"VpcId":""}}'
    )


def test_an_answer_with_a_member_that_aws_lacks_is_a_mistake(model: ServiceModel) -> None:
    with pytest.raises(ValueError, match="has no member Runtyme"):
        model.operations["GetFunctionConfiguration"].encode(ApiAnswer({"Runtyme": "x"}))


def test_a_timestamp_is_answered_as_seconds_with_their_fraction(model: ServiceModel) -> None:
    moment = datetime(2025, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    for value in (moment, moment.timestamp()):
        answer = model.operations["GetFunctionEventInvokeConfig"].encode(ApiAnswer({"LastModified": value}))
        assert answer.body == b'{"LastModified":1735689600.5}'
    answer = model.operations["GetFunctionEventInvokeConfig"].encode(ApiAnswer({"LastModified": 1735689600.1234567}))
    assert answer.body == b'{"LastModified":1735689600.123}'


def test_members_of_invoke_go_into_headers_and_status(model: ServiceModel) -> None:
    """reference: invocation, 1"""
    payload = b'{"errorMessage":"x"}'
    answer = model.operations["Invoke"].encode(
        ApiAnswer(
            {
                "StatusCode": 200,
                "FunctionError": "Unhandled",
                "LogResult": "bG9n",
                "ExecutedVersion": "$LATEST",
                "Payload": payload,
            },
            headers={"X-Amzn-Trace-Id": "root=1"},
        )
    )
    assert answer.body is payload
    assert answer.status == 200
    assert answer.headers == {
        "content-type": "application/json",
        "X-Amz-Function-Error": "Unhandled",
        "X-Amz-Log-Result": "bG9n",
        "X-Amz-Executed-Version": "$LATEST",
        "X-Amzn-Trace-Id": "root=1",
    }


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("DeleteFunction", 204, b""),
        ("CreateFunction", 201, b"{}"),
        ("TagResource", 204, b""),
        ("GetFunctionConcurrency", 200, b"{}"),
        ("PutProvisionedConcurrencyConfig", 202, b"{}"),
    ],
)
def test_the_status_is_what_aws_sends(model: ServiceModel, name: str, status: int, body: bytes) -> None:
    """reference: control plane, 3.1"""
    answer = model.operations[name].encode(ApiAnswer())
    assert (answer.status, answer.body) == (status, body)


def test_a_service_without_paths_is_read_by_the_same_code() -> None:
    logs = load_service("logs")
    members = logs.operations["DescribeLogGroups"].read({}, {}, {}, b'{"logGroupNamePrefix": "/aws", "limit": 5}')
    assert members == {"logGroupNamePrefix": "/aws", "limit": 5}
    assert logs.target_prefix == "Logs_20140328"


def test_a_shape_that_contains_itself_is_read() -> None:
    dynamodb = load_service("dynamodb")
    body = b'{"TableName": "t", "Item": {"a": {"L": [{"M": {"b": {"B": "AAE="}}}]}}}'
    members = dynamodb.operations["PutItem"].read({}, {}, {}, body)
    assert members["Item"] == {"a": {"L": [{"M": {"b": {"B": b"\x00\x01"}}}]}}


def test_a_shape_that_contains_itself_too_often_is_refused() -> None:
    deep = b'{"L":[' * 450 + b"{}" + b"]}" * 450
    with pytest.raises(SerializationException):
        load_service("dynamodb").operations["PutItem"].read({}, {}, {}, b'{"TableName": "t", "Item": {"a": %s}}' % deep)


def test_botocore_reads_our_event_stream(model: ServiceModel) -> None:
    frames = encode_event("PayloadChunk", {"Payload": b"hello"}) + encode_event("InvokeComplete", {"ErrorCode": None})
    operation = BOTOCORE.operation_model("InvokeWithResponseStream")
    buffer = EventStreamBuffer()
    buffer.add_data(frames)
    parser = create_parser("rest-json")._event_stream_parser
    shape = operation.output_shape.members["EventStream"]
    events = [parser.parse(event.to_response_dict(), shape) for event in buffer]
    assert events == [{"PayloadChunk": {"Payload": b"hello"}}, {"InvokeComplete": {}}]
