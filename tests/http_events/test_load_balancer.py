"""Expected shapes: reference, invocation, 7; the sample events of AWS's guides."""

import base64
import json
import re
from typing import Any

import pytest

from stoker.http_events.load_balancer import (
    BalancerAnswer,
    TargetForm,
    answer_of,
    event_of,
    health_check_event,
    trace_of,
)
from stoker.http_events.records import HttpCall, InvalidAnswerError

ARN = "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/lambda-279XGJDqGZ5rsrHC2Fjr/49e9d65c45c6791a"
TRACE = "Root=1-5c536348-3d683b8b04734faae651f476"
GET = HttpCall("GET", "/", "", [(b"host", b"h:80")], b"", "72.12.164.125", "80")
PLAIN, LISTS = TargetForm(ARN, has_lists=False), TargetForm(ARN, has_lists=True)


def event(call: HttpCall, form: TargetForm = PLAIN) -> dict[str, Any]:
    return json.loads(event_of(call, form, TRACE))


def test_an_event_in_full_has_its_keys_in_the_order_of_aws() -> None:
    headers = [
        (b"host", b"lambda-alb.example.com"),
        (b"cookie", b"a=1"),
        (b"x-many", b"one"),
        (b"connection", b"keep-alive"),
        (b"x-many", b"two"),
        (b"content-type", b"application/json"),
        (b"content-length", b"8"),
        (b"transfer-encoding", b"chunked"),
        (b"x-forwarded-for", b"10.0.0.1"),
    ]
    call = HttpCall("POST", "/pa%2Fth", "q=a%20b+c&q=%C3%A9&flag", headers, '{"é":1}'.encode(), "72.12.164.125", "80")
    document = event(call)
    assert list(document.items()) == [
        ("requestContext", {"elb": {"targetGroupArn": ARN}}),
        ("httpMethod", "POST"),
        ("path", "/pa%2Fth"),
        ("queryStringParameters", {"q": "%C3%A9", "flag": ""}),
        (
            "headers",
            {
                "host": "lambda-alb.example.com",
                "cookie": "a=1",
                "x-many": "two",
                "content-type": "application/json",
                "content-length": "8",
                "x-forwarded-for": "10.0.0.1, 72.12.164.125",
                "x-amzn-trace-id": TRACE,
                "x-forwarded-port": "80",
                "x-forwarded-proto": "http",
            },
        ),
        ("body", '{"é":1}'),
        ("isBase64Encoded", False),
    ]


def test_with_multi_value_headers_everything_is_a_list() -> None:
    headers = [(b"x-many", b"one"), (b"x-many", b"two")]
    document = event(GET._replace(headers=headers, raw_query="q=1&q=2"), LISTS)
    assert "headers" not in document
    assert "queryStringParameters" not in document
    assert document["multiValueQueryStringParameters"] == {"q": ["1", "2"]}
    assert document["multiValueHeaders"] == {
        "x-many": ["one", "two"],
        "x-forwarded-for": ["72.12.164.125"],
        "x-amzn-trace-id": [TRACE],
        "x-forwarded-port": ["80"],
        "x-forwarded-proto": ["http"],
    }


def test_what_is_not_there_is_empty_and_not_null() -> None:
    document = event(GET)
    assert (document["queryStringParameters"], document["body"], document["isBase64Encoded"]) == ({}, "", False)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("append", "10.0.0.1, 72.12.164.125"), ("preserve", "10.0.0.1"), ("remove", None)],
)
def test_forwarded_for_is_as_the_attribute_says(mode: Any, expected: str | None) -> None:
    call = GET._replace(headers=[(b"x-forwarded-for", b"10.0.0.1")])
    document = event(call, PLAIN._replace(forwarded_for=mode))
    assert document["headers"].get("x-forwarded-for") == expected


@pytest.mark.parametrize(
    ("content_type", "encoding", "is_base64"),
    [
        (b"text/csv; charset=utf-8", None, False),
        (b"application/json", None, False),
        (b"application/javascript", None, False),
        (b"Application/XML", None, False),
        (b"application/vnd.api+json", None, True),
        (b"application/x-www-form-urlencoded", None, True),
        (None, None, True),
        (b"text/plain", b"gzip", True),
        (b"text/plain", b"identity", True),
    ],
)
def test_bodies_are_base64_unless_their_type_is_text(
    content_type: bytes | None, encoding: bytes | None, is_base64: bool
) -> None:
    headers = [(b"content-type", content_type)] if content_type else []
    headers += [(b"content-encoding", encoding)] if encoding else []
    document = event(GET._replace(headers=headers, body=b"abc"))
    assert document["isBase64Encoded"] is is_base64
    assert document["body"] == (base64.b64encode(b"abc").decode() if is_base64 else "abc")


def test_text_that_is_not_utf_8_is_base64() -> None:
    document = event(GET._replace(headers=[(b"content-type", b"text/plain")], body=b"\xff"))
    assert (document["body"], document["isBase64Encoded"]) == ("/w==", True)


def test_a_health_check_is_the_event_of_the_guide() -> None:
    assert json.loads(health_check_event("/health", PLAIN)) == {
        "requestContext": {"elb": {"targetGroupArn": ARN}},
        "httpMethod": "GET",
        "path": "/health",
        "queryStringParameters": {},
        "headers": {"user-agent": "ELB-HealthChecker/2.0"},
        "body": "",
        "isBase64Encoded": False,
    }
    lists = json.loads(health_check_event("/", LISTS))
    assert lists["multiValueHeaders"] == {"user-agent": ["ELB-HealthChecker/2.0"]}


NEW = r"1-[0-9a-f]{8}-[0-9a-f]{24}"


@pytest.mark.parametrize(
    ("incoming", "pattern"),
    [
        ("", f"Root={NEW}"),
        ("Root=1-67891233-abcdef012345678912345678", f"Self={NEW};Root=1-67891233-abcdef012345678912345678"),
        ("Self=1-1-1;Root=1-2-3;CalledFrom=app", f"Self={NEW};Root=1-2-3;CalledFrom=app"),
        ("TotalTimeSoFar=112ms", f"Root={NEW};TotalTimeSoFar=112ms"),
    ],
)
def test_a_trace_is_begun_or_marked(incoming: str, pattern: str) -> None:
    assert re.fullmatch(pattern, trace_of(incoming))


def result(**members: Any) -> bytes:
    return json.dumps({"statusCode": 200, **members}).encode()


def test_a_response_in_full() -> None:
    headers = {"Content-Type": "text/html", "Set-cookie": "a=b", "Connection": "close", "Content-Length": "99"}
    answer = answer_of(result(statusDescription="200 Fine", headers=headers, body="<p>é"), has_lists=False)
    assert answer == BalancerAnswer(200, {"content-type": "text/html"}, ["a=b"], "<p>é".encode(), "Fine")


def test_headers_are_read_in_the_form_of_the_group_alone() -> None:
    both = result(headers={"x-a": "1"}, multiValueHeaders={"x-b": ["2", "3"], "Set-Cookie": ["a=b", "c=d"]})
    default = {"content-type": "application/octet-stream"}
    assert answer_of(both, has_lists=False).headers == {"x-a": "1", **default}
    lists = answer_of(both, has_lists=True)
    assert (lists.headers, lists.cookies) == ({"x-b": "2, 3", **default}, ["a=b", "c=d"])


def test_a_base64_body_is_decoded() -> None:
    assert answer_of(result(body="AP8=", isBase64Encoded=True), has_lists=False).body == b"\x00\xff"


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b'"hello"',
        b"[]",
        b"{}",
        b'{"statusCode":"200"}',
        b'{"statusCode":true}',
        b'{"statusCode":200.5}',
        b'{"statusCode":101}',
        b'{"statusCode":700}',
        b'{"statusCode":200,"headers":[]}',
        b'{"statusCode":200,"headers":{"x":1}}',
        b'{"statusCode":200,"headers":{"x y":"1"}}',
        b'{"statusCode":200,"body":{}}',
        b'{"statusCode":200,"body":"?","isBase64Encoded":true}',
        b'{"statusCode":200,"statusDescription":200}',
    ],
)
def test_what_is_no_response_is_refused(bad: bytes) -> None:
    with pytest.raises(InvalidAnswerError):
        answer_of(bad, has_lists=False)
