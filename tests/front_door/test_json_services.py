"""CloudWatch Logs by `X-Amz-Target`, other services refused by name, and raw routes."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stoker import errors
from stoker.lambda_model.call import ApiAnswer, ApiCall

from .conftest import Door


def test_a_logs_client_is_understood(door: Door) -> None:
    door.outcomes["DescribeLogGroups"] = lambda _: ApiAnswer(
        {"logGroups": [{"logGroupName": "/aws/lambda/f", "creationTime": 5, "kmsKeyId": None}], "nextToken": None}
    )
    response = door.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda", limit=3)
    assert response["logGroups"] == [{"logGroupName": "/aws/lambda/f", "creationTime": 5}]
    assert response["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/x-amz-json-1.1"
    assert door.calls[0].members == {"logGroupNamePrefix": "/aws/lambda", "limit": 3}
    assert door.calls[0].operation == "DescribeLogGroups"


def test_an_answer_without_members_is_an_empty_body(door: Door) -> None:
    door.client("logs").put_log_events(
        logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1, "message": "hallo"}]
    )
    assert door.calls[0].members["logEvents"] == [{"timestamp": 1, "message": "hallo"}]


def test_a_broken_constraint_has_the_name_that_logs_gives_it(door: Door) -> None:
    with pytest.raises(ClientError) as caught:
        door.client("logs").describe_log_groups(limit=0)
    assert caught.value.response["Error"] == {
        "Code": "InvalidParameterException",
        "Message": "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
    }
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_client_fault_is_always_a_400(door: Door) -> None:
    def fail(_: ApiCall) -> ApiAnswer:
        raise errors.ResourceNotFoundException("The specified log group does not exist.")

    door.outcomes["DescribeLogGroups"] = fail
    status, headers, body = post(door, {"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, b"{}")
    assert (status, headers["content-type"]) == (400, "application/x-amz-json-1.1")
    assert json.loads(body) == {
        "__type": "ResourceNotFoundException",
        "message": "The specified log group does not exist.",
    }


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("Logs_20140328.GetQueryResults", 501, "NotImplementedException"),
        ("Logs_20140328.Nonsense", 400, "UnknownOperationException"),
        ("Logs_20140328.", 400, "UnknownOperationException"),
        ("DynamoDB_20120810.ListTables", 501, "NotImplementedException"),
    ],
)
def test_what_is_not_there_is_refused_by_name(door: Door, target: str, status: int, code: str) -> None:
    found, _, body = post(door, {"X-Amz-Target": target}, b"{}")
    assert (found, json.loads(body)["__type"]) == (status, code)


def test_a_target_without_an_operation_is_refused(door: Door) -> None:
    assert post(door, {"X-Amz-Target": "nonsense"}, b"{}")[0] == 400


def test_a_body_of_wrong_types_is_a_serialization_error(door: Door) -> None:
    status, _, body = post(door, {"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, b'{"limit": "x"}')
    assert (status, json.loads(body)["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize(
    ("service", "operation"),
    [("s3", "list_buckets"), ("sqs", "list_queues"), ("sns", "list_topics"), ("apigateway", "get_rest_apis")],
)
def test_another_service_is_refused_in_a_form_its_client_reads(door: Door, service: str, operation: str) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(door.client(service), operation)()
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert response["Error"]["Code"] == "NotImplementedException"
    assert f"does not provide the service {service}" in str(caught.value) or service == "apigateway"


def test_a_raw_route_gets_the_path_and_answers_what_it_likes(door: Door) -> None:
    with urllib.request.urlopen(f"{door.url}/_stoker/health") as response:
        assert response.read() == b"GET /_stoker/health"
        assert response.headers["content-type"] == "text/plain"
        assert response.headers["x-amzn-requestid"]


def test_a_raw_route_may_stream(door: Door) -> None:
    with urllib.request.urlopen(f"{door.url}/_stoker/stream") as response:
        assert response.read() == b"one,two"


def test_a_stream_that_breaks_is_seen_to_break(door: Door) -> None:
    with door.connect() as connection:
        connection.sendall(b"GET /_stoker/stream?fail HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert received.endswith(b"two\r\n"), "the last chunk, which would say that all is there, must be missing"


@pytest.mark.parametrize("path", ["/_stoker/nothing", "/_stoker/healthy", "/_stoker/health/x", "/_stoker/"])
def test_an_unknown_raw_path_is_not_found(door: Door, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{door.url}{path}")
    assert caught.value.code == 404
    caught.value.close()


def post(door: Door, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
    """Status, headers and body of a POST to `/`."""
    request = urllib.request.Request(f"{door.url}/", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()
