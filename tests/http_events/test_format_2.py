"""Expected shapes: reference, invocation, 5.1 and 5.2."""

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.http_events.bodies import is_text
from stoker.http_events.format_2 import answer_of, event_of, query_parameters
from stoker.http_events.records import CallContext, HttpCall, IamCaller, InvalidAnswerError, RouteContext

CONTEXT = CallContext(
    account_id="anonymous",
    api_id="a" * 32,
    domain_name=f"{'a' * 32}.lambda-url.eu-west-1.localhost",
    request_id="e1506fd5-9e7b-434f-bd42-4f8fa224b599",
    trace="Root=1-62ecd163-5f302e550dcde3b12402207d",
    epoch_s=1659687279.885,
)
GET = HttpCall("GET", "/", "", [(b"host", b"h:4566")], b"", "127.0.0.1", "4566")


def event(call: HttpCall, context: CallContext = CONTEXT) -> dict[str, Any]:
    return json.loads(event_of(call, context))


def test_an_event_of_an_http_api_names_its_route() -> None:
    """Amazon API Gateway Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs"."""
    authorizer = {"jwt": {"claims": {"sub": "me"}, "scopes": None}}
    route = RouteContext("GET /pets/{id}", "dev", {"id": "7"}, {"color": "red"}, authorizer)
    context = CONTEXT._replace(account_id="123456789012", api_id="abc", domain_name="abc.execute-api.x.localhost")
    text = event_of(GET._replace(raw_path="/dev/pets/7"), context, route)
    assert list(json.loads(text).items()) == [
        ("version", "2.0"),
        ("routeKey", "GET /pets/{id}"),
        ("rawPath", "/dev/pets/7"),
        ("rawQueryString", ""),
        (
            "headers",
            {
                "host": "h:4566",
                "x-amzn-trace-id": "Root=1-62ecd163-5f302e550dcde3b12402207d",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-port": "4566",
                "x-forwarded-proto": "http",
                "content-length": "0",
            },
        ),
        (
            "requestContext",
            {
                "accountId": "123456789012",
                "apiId": "abc",
                "authorizer": authorizer,
                "domainName": "abc.execute-api.x.localhost",
                "domainPrefix": "abc",
                "http": {
                    "method": "GET",
                    "path": "/dev/pets/7",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "",
                },
                "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
                "routeKey": "GET /pets/{id}",
                "stage": "dev",
                "time": "05/Aug/2022:08:14:39 +0000",
                "timeEpoch": 1659687279885,
            },
        ),
        ("pathParameters", {"id": "7"}),
        ("stageVariables", {"color": "red"}),
        ("isBase64Encoded", False),
    ]


def test_an_event_in_full_has_its_keys_in_the_order_of_aws() -> None:
    headers = [
        (b"host", b"h:4566"),
        (b"cookie", b"a=1; b=2"),
        (b"user-agent", b"curl/8"),
        (b"x-many", b"one"),
        (b"content-type", b"application/json; charset=utf-8"),
        (b"x-many", b"two"),
        (b"cookie", b"c=3"),
        (b"transfer-encoding", b"chunked"),
        (b"connection", b"keep-alive"),
    ]
    call = HttpCall("POST", "/pa2%Fth/1", "b=1&a=%C3%A9+x&b=2&c", headers, '{"é":1}'.encode(), "203.0.113.9", "4566")
    document = event(call)
    assert list(document.items()) == [
        ("version", "2.0"),
        ("routeKey", "$default"),
        ("rawPath", "/pa2%Fth/1"),
        ("rawQueryString", "b=1&a=%C3%A9+x&b=2&c"),
        ("cookies", ["a=1", "b=2", "c=3"]),
        (
            "headers",
            {
                "host": "h:4566",
                "user-agent": "curl/8",
                "x-many": "one,two",
                "content-type": "application/json; charset=utf-8",
                "content-length": "8",
                "x-amzn-trace-id": "Root=1-62ecd163-5f302e550dcde3b12402207d",
                "x-forwarded-for": "203.0.113.9",
                "x-forwarded-port": "4566",
                "x-forwarded-proto": "http",
            },
        ),
        ("queryStringParameters", {"b": "1,2", "a": "é x", "c": ""}),
        (
            "requestContext",
            {
                "accountId": "anonymous",
                "apiId": "a" * 32,
                "domainName": f"{'a' * 32}.lambda-url.eu-west-1.localhost",
                "domainPrefix": "a" * 32,
                "http": {
                    "method": "POST",
                    "path": "/pa2%Fth/1",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.9",
                    "userAgent": "curl/8",
                },
                "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
                "routeKey": "$default",
                "stage": "$default",
                "time": "05/Aug/2022:08:14:39 +0000",
                "timeEpoch": 1659687279885,
            },
        ),
        ("body", '{"é":1}'),
        ("isBase64Encoded", False),
    ]


def test_what_a_request_has_not_is_absent() -> None:
    document = event(GET)
    assert document.keys() == {
        "version",
        "routeKey",
        "rawPath",
        "rawQueryString",
        "headers",
        "requestContext",
        "isBase64Encoded",
    }
    assert document["rawQueryString"] == ""
    assert "authorizer" not in document["requestContext"]


def test_a_signed_request_says_who_signed_it_and_hides_the_signature() -> None:
    caller = IamCaller("111122223333", "111122223333", "arn:aws:iam::111122223333:root", "111122223333")
    signed = GET._replace(headers=[(b"authorization", b"AWS4-HMAC-SHA256 ..."), (b"x-amz-date", b"20250101T000000Z")])
    document = event(signed, CONTEXT._replace(account_id="111122223333", caller=caller))
    assert document["requestContext"]["accountId"] == "111122223333"
    assert document["requestContext"]["authentication"] is None
    assert document["requestContext"]["authorizer"] == {
        "iam": {
            "accessKey": "111122223333",
            "accountId": "111122223333",
            "callerId": "111122223333",
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": "arn:aws:iam::111122223333:root",
            "userId": "111122223333",
        }
    }
    assert "authorization" not in document["headers"]
    assert document["headers"]["x-amz-date"] == "20250101T000000Z"
    # Where no signature is asked for, the header is the function's own affair.
    assert event(signed)["headers"]["authorization"] == "AWS4-HMAC-SHA256 ..."


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("Application/Problem+JSON; charset=utf-8", True),
        ("text/plain", True),
        ("text/event-stream", True),
        ("application/xml", True),
        ("image/svg+xml", True),
        ("application/javascript", True),
        ("multipart/form-data; boundary=x", False),
        ("application/x-www-form-urlencoded", False),
        ("application/octet-stream", False),
        ("image/png", False),
        ("", False),
    ],
)
def test_the_content_type_says_which_bodies_are_text(content_type: str, expected: bool) -> None:
    assert is_text(content_type) is expected
    document = event(GET._replace(body=b"x", headers=[(b"content-type", content_type.encode())]))
    assert document["isBase64Encoded"] is not expected
    assert document["body"] == ("x" if expected else "eA==")


@pytest.mark.parametrize("headers", [[(b"content-encoding", b"gzip")], []])
def test_text_that_is_compressed_or_no_utf8_is_base64(headers: list[tuple[bytes, bytes]]) -> None:
    document = event(GET._replace(body=b"\x1f\x8b", headers=[(b"content-type", b"text/plain"), *headers]))
    assert (document["body"], document["isBase64Encoded"]) == ("H4s=", True)


def test_addresses_that_a_proxy_put_there_stay_in_front() -> None:
    document = event(GET._replace(headers=[(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-proto", b"https")]))
    assert document["headers"]["x-forwarded-for"] == "198.51.100.1, 127.0.0.1"
    assert document["headers"]["x-forwarded-proto"] == "http"


@pytest.mark.parametrize(
    ("result", "body"),
    [
        (b'{"hello": "world"}', b'{"hello":"world"}'),
        (b'["hello", 3, true]', b'["hello",3,true]'),
        (b'"hello"', b"hello"),
        (b'"\\u00e9"', "é".encode()),
        (b"12345678901234567890123", b"12345678901234567890123"),
        (b"1.50", b"1.5"),
        (b"true", b"true"),
        (b"null", b"null"),
        (b"", b"null"),
        (b'{"body": "x"}', b'{"body":"x"}'),
    ],
)
def test_a_value_that_says_nothing_of_http_is_a_body(result: bytes, body: bytes) -> None:
    assert answer_of(result) == (200, {"content-type": "application/json"}, (), body)


def test_a_result_says_status_headers_cookies_and_body() -> None:
    result = {
        "statusCode": "418",
        "headers": {"Content-Type": "text/html", "X-Bool": True, "x-number": 1.5, "x-none": None},
        "cookies": ["a=1; Secure", "b=2"],
        "body": base64.b64encode(b"\x00\xff").decode(),
        "isBase64Encoded": True,
    }
    headers = {"content-type": "text/html", "x-bool": "true", "x-number": "1.5"}
    assert answer_of(json.dumps(result).encode()) == (418, headers, ("a=1; Secure", "b=2"), b"\x00\xff")


@pytest.mark.parametrize(
    ("body", "expected"), [("as it is", b"as it is"), ({"a": [1]}, b'{"a":[1]}'), (3, b"3"), (None, b"")]
)
def test_a_body_that_is_no_text_becomes_json(body: object, expected: bytes) -> None:
    answer = answer_of(json.dumps({"statusCode": 200, "body": body}).encode())
    assert (answer.body, answer.headers) == (expected, {"content-type": "application/json"})


def test_headers_of_the_connection_are_renamed_or_dropped() -> None:
    given = {
        "Connection": "close",
        "Content-Length": "3",
        "Date": "x",
        "Server": "x",
        "WWW-Authenticate": "Basic",
        "x-amzn-RequestId": "x",
        "Transfer-Encoding": "chunked",
        "Upgrade": "h2c",
        "Keep-Alive": "timeout=5",
        "Trailer": "x",
    }
    assert answer_of(json.dumps({"statusCode": 200, "headers": given}).encode()).headers == {
        "x-amzn-remapped-connection": "close",
        "x-amzn-remapped-content-length": "3",
        "x-amzn-remapped-date": "x",
        "x-amzn-remapped-server": "x",
        "x-amzn-remapped-www-authenticate": "Basic",
        "x-amzn-remapped-x-amzn-requestid": "x",
        "content-type": "application/json",
    }


@pytest.mark.parametrize(
    "result",
    [
        b"no json",
        b'"\xff"',
        b"NaN",
        *(
            json.dumps(document).encode()
            for document in (
                {"statusCode": None},
                {"statusCode": True},
                {"statusCode": 200.5},
                {"statusCode": "ok"},
                {"statusCode": "2000"},
                {"statusCode": 101},
                {"statusCode": 600},
                {"statusCode": 200, "headers": []},
                {"statusCode": 200, "headers": {"a": ["b"]}},
                {"statusCode": 200, "headers": {"a b": "c"}},
                {"statusCode": 200, "headers": {"a\r\nb": "c"}},
                {"statusCode": 200, "headers": {"": "c"}},
                {"statusCode": 200, "cookies": "a=1"},
                {"statusCode": 200, "cookies": [1]},
                {"statusCode": 200, "isBase64Encoded": True, "body": "?"},
                {"statusCode": 200, "isBase64Encoded": True, "body": {}},
                {"statusCode": 200, "isBase64Encoded": True, "body": "é"},
            )
        ),
    ],
)
def test_what_is_no_response_is_refused(result: bytes) -> None:
    with pytest.raises(InvalidAnswerError):
        answer_of(result)


TOKEN = st.text("abcdefghijklmnopqrstuvwxyz-_0123456789", min_size=1, max_size=12)
VALUE = st.binary(max_size=24).map(lambda value: bytes(byte for byte in value if byte >= 32 and byte != 127).strip())
COOKIE = st.tuples(TOKEN, TOKEN).map("=".join)


@given(
    body=st.binary(max_size=300) | st.text(max_size=100).map(str.encode),
    content_type=st.sampled_from(["text/plain", "application/json", "image/png", "", "multipart/form-data"]),
    extra=st.dictionaries(TOKEN.map("x-t-".__add__), VALUE, max_size=6),
    cookies=st.lists(COOKIE, max_size=4),
    query=st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), max_size=6),
)
def test_any_request_survives_an_echo(
    body: bytes, content_type: str, extra: dict[str, bytes], cookies: list[str], query: list[tuple[str, str]]
) -> None:
    """What a function gets says all of the request, and what it returns of it is the same again."""
    raw_query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    headers = [*((name.encode(), value) for name, value in extra.items())]
    headers += [(b"content-type", content_type.encode())] if content_type else []
    headers += [(b"cookie", "; ".join(cookies).encode())] if cookies else []
    document = event(HttpCall("PUT", "/%F0%00/x", raw_query, headers, body, "::1", "80"))

    assert parse_qsl(document["rawQueryString"], keep_blank_values=True) == query
    assert document["rawPath"] == "/%F0%00/x"
    echo = {
        "statusCode": 200,
        "headers": {
            name: value for name, value in document["headers"].items() if name.startswith(("x-t-", "content-t"))
        },
        "cookies": document.get("cookies", []),
        "body": document.get("body", ""),
        "isBase64Encoded": document["isBase64Encoded"],
    }
    answer = answer_of(json.dumps(echo).encode())
    assert answer.body == body
    assert list(answer.cookies) == cookies
    assert {name.encode(): value.encode("latin-1") for name, value in answer.headers.items()} == {
        b"content-type": b"application/json",
        **{name: value for name, value in headers if name != b"cookie"},
    }


@given(st.lists(st.tuples(st.text(min_size=1, max_size=3), st.text(max_size=3)), max_size=6))
def test_values_of_a_repeated_name_are_joined_in_their_order(query: list[tuple[str, str]]) -> None:
    raw_query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    assert query_parameters(raw_query) == {
        name: ",".join(value for other, value in query if other == name) for name, _ in query
    }


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["statusCode", "headers", "cookies", "body", "isBase64Encoded"]), inner)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_result_does_anything_but_answer_or_be_refused(result: bytes) -> None:
    try:
        answer = answer_of(result)
    except InvalidAnswerError:
        return
    assert 200 <= answer.status <= 599
    assert isinstance(answer.body, bytes)
