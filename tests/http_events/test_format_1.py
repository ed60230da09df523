"""Expected shapes: reference, invocation, 6."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.http_events.bodies import is_one_of
from stoker.http_events.format_1 import ApiKind, ProxyRoute, answer_of, decodes_base64, event_of
from stoker.http_events.records import CallContext, HttpCall, IamCaller, InvalidAnswerError

CONTEXT = CallContext(
    account_id="111122223333",
    api_id="1234567890",
    domain_name="1234567890.execute-api.eu-west-1.localhost",
    request_id="e1506fd5-9e7b-434f-bd42-4f8fa224b599",
    trace="Root=1-62ecd163-5f302e550dcde3b12402207d",
    epoch_s=1659687279.885,
)
ROUTE = ProxyRoute(
    stage="prod",
    resource_path="/items/{id}",
    resource_id="qvs94d",
    path="/items/a%20b",
    request_path="/prod/items/a%20b",
    path_parameters={"id": "a%20b"},
    stage_variables={},
    extended_request_id="JKJaXmPLvHcESHA=",
)
GET = HttpCall("GET", "/items/a%20b", "", [(b"Host", b"h:4566")], b"", "127.0.0.1", "4566")
KINDS: tuple[ApiKind, ...] = ("REST", "HTTP")


def event(
    call: HttpCall, kind: ApiKind = "REST", binary: tuple[str, ...] = (), context: CallContext = CONTEXT
) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(event_of(call, context, ROUTE, kind, binary))
    return document


def test_an_event_in_full_has_its_keys_in_the_order_of_aws() -> None:
    headers = [
        (b"Host", b"h:4566"),
        (b"User-Agent", b"curl/8"),
        (b"X-Many", b"one"),
        (b"content-type", b"application/json"),
        (b"x-many", b"two"),
        (b"Cookie", b"a=1; b=2"),
        (b"Content-Length", b"8"),
        (b"Connection", b"keep-alive"),
    ]
    call = HttpCall("POST", "/items/a%20b", "b=1&a=%C3%A9+x&b=2&c", headers, '{"é":1}'.encode(), "203.0.113.9", "80")
    document = event(call)
    values = {
        "Host": ["h:4566"],
        "User-Agent": ["curl/8"],
        "X-Many": ["one", "two"],
        "content-type": ["application/json"],
        "Cookie": ["a=1; b=2"],
        "X-Amzn-Trace-Id": ["Root=1-62ecd163-5f302e550dcde3b12402207d"],
        "X-Forwarded-For": ["203.0.113.9"],
        "X-Forwarded-Port": ["80"],
        "X-Forwarded-Proto": ["http"],
    }
    identity = dict.fromkeys(
        (
            "accessKey",
            "accountId",
            "caller",
            "cognitoAuthenticationProvider",
            "cognitoAuthenticationType",
            "cognitoIdentityId",
            "cognitoIdentityPoolId",
            "principalOrgId",
        )
    )
    assert list(document.items()) == [
        ("resource", "/items/{id}"),
        ("path", "/items/a%20b"),
        ("httpMethod", "POST"),
        ("headers", {name: found[-1] for name, found in values.items()}),
        ("multiValueHeaders", values),
        ("queryStringParameters", {"b": "2", "a": "é x", "c": ""}),
        ("multiValueQueryStringParameters", {"b": ["1", "2"], "a": ["é x"], "c": [""]}),
        ("pathParameters", {"id": "a%20b"}),
        ("stageVariables", None),
        (
            "requestContext",
            {
                "accountId": "111122223333",
                "apiId": "1234567890",
                "domainName": "1234567890.execute-api.eu-west-1.localhost",
                "domainPrefix": "1234567890",
                "extendedRequestId": "JKJaXmPLvHcESHA=",
                "httpMethod": "POST",
                "identity": {
                    **identity,
                    "sourceIp": "203.0.113.9",
                    "user": None,
                    "userAgent": "curl/8",
                    "userArn": None,
                },
                "path": "/prod/items/a%20b",
                "protocol": "HTTP/1.1",
                "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
                "requestTime": "05/Aug/2022:08:14:39 +0000",
                "requestTimeEpoch": 1659687279885,
                "resourceId": "qvs94d",
                "resourcePath": "/items/{id}",
                "stage": "prod",
            },
        ),
        ("body", '{"é":1}'),
        ("isBase64Encoded", False),
    ]


def test_http_apis_say_their_version_and_the_length_of_a_body() -> None:
    document = event(GET._replace(body=b"x"), "HTTP")
    assert next(iter(document.items())) == ("version", "1.0")
    assert document["headers"]["Content-Length"] == "1"
    assert "version" not in event(GET)


def test_what_a_request_has_not_is_null() -> None:
    document = event(GET)
    absent = ("queryStringParameters", "multiValueQueryStringParameters", "stageVariables", "body")
    assert [document[name] for name in absent] == [None] * 4
    assert document["isBase64Encoded"] is False
    assert {"authorizer", "deploymentId"}.isdisjoint(document["requestContext"])


def test_what_the_front_end_found_out_is_shown() -> None:
    route = ROUTE._replace(
        authorizer={"principalId": "me"},
        deployment_id="abc123",
        stage_variables={"table": "t"},
        identity={"apiKey": "k" * 20, "apiKeyId": "id"},
    )
    document = json.loads(event_of(GET, CONTEXT, route, "REST"))
    context = document["requestContext"]
    assert (context["authorizer"], context["deploymentId"]) == ({"principalId": "me"}, "abc123")
    assert (context["identity"]["apiKey"], context["identity"]["sourceIp"]) == ("k" * 20, "127.0.0.1")
    assert document["stageVariables"] == {"table": "t"}


def test_a_signed_request_says_who_signed_it_and_hides_the_signature() -> None:
    caller = IamCaller("AKIA", "111122223333", "arn:aws:iam::111122223333:root", "111122223333")
    signed = GET._replace(headers=[(b"Authorization", b"AWS4-HMAC-SHA256 ..."), (b"X-Amz-Date", b"20250101T000000Z")])
    document = event(signed, context=CONTEXT._replace(caller=caller))
    identity = document["requestContext"]["identity"]
    assert (
        identity["accessKey"],
        identity["accountId"],
        identity["caller"],
        identity["user"],
        identity["userArn"],
    ) == (
        "AKIA",
        "111122223333",
        "111122223333",
        "111122223333",
        "arn:aws:iam::111122223333:root",
    )
    assert "Authorization" not in document["headers"]
    assert document["headers"]["X-Amz-Date"] == "20250101T000000Z"
    assert event(signed)["headers"]["Authorization"] == "AWS4-HMAC-SHA256 ..."


def test_addresses_that_a_proxy_put_there_stay_in_front() -> None:
    headers = [(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-proto", b"https")]
    document = event(GET._replace(headers=headers))
    assert document["headers"]["X-Forwarded-For"] == "198.51.100.1, 127.0.0.1"
    assert document["headers"]["X-Forwarded-Proto"] == "http"
    assert {"x-forwarded-for", "x-forwarded-proto"}.isdisjoint(document["headers"])


@pytest.mark.parametrize(
    ("media_types", "header", "expected"),
    [
        (("image/png",), "image/png", True),
        (("image/png",), "Image/PNG; q=1, text/html", True),
        (("image/png",), "text/html, image/png", False),
        (("image/*",), "image/webp", True),
        (("*/*",), "", True),
        (("image/png",), "", False),
        ((), "image/png", False),
    ],
)
def test_an_api_says_which_types_are_binary(media_types: tuple[str, ...], header: str, expected: bool) -> None:
    assert is_one_of(media_types, header) is expected
    assert decodes_base64(media_types, header) is expected
    call = GET._replace(body=b"\xff", headers=[(b"Content-Type", header.encode())])
    document = event(call, binary=media_types)
    assert (document["body"], document["isBase64Encoded"]) == (("/w==", True) if expected else ("\ufffd", False))


def test_of_http_apis_the_content_type_says_it() -> None:
    call = GET._replace(body=b"\xff", headers=[(b"Content-Type", b"image/png")])
    assert (event(call, "HTTP")["body"], event(call, "HTTP")["isBase64Encoded"]) == ("/w==", True)


def test_a_result_says_status_headers_cookies_and_body() -> None:
    result = {
        "statusCode": "201",
        "headers": {"X-Bool": True, "x-both": "solo", "x-number": 1.5, "x-none": None, "Set-Cookie": "c=3"},
        "multiValueHeaders": {"X-Both": ["multi"], "Set-Cookie": ["a=1; Secure", "b=2"], "x-empty": []},
        "body": "hello",
    }
    expected = {"x-both": "multi, solo", "x-bool": "true", "x-number": "1.5", "content-type": "application/json"}
    answer = answer_of(json.dumps(result).encode(), "REST")
    assert answer == (201, expected, ("a=1; Secure", "b=2", "c=3"), b"hello")


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        ({"headers": {}}, 200, b""),
        ({"headers": None}, 200, b""),
        ({"body": None, "statusCode": 204}, 204, b""),
        ({"body": 3}, 200, b"3"),
        ({"body": True}, 200, b"true"),
        ({"body": "", "isBase64Encoded": None}, 200, b""),
    ],
)
def test_of_a_rest_api_nothing_is_mandatory(result: object, status: int, body: bytes) -> None:
    answer = answer_of(json.dumps(result).encode(), "REST")
    assert (answer.status, answer.body, answer.headers) == (status, body, {"content-type": "application/json"})


def test_base64_is_decoded_if_the_api_may() -> None:
    result = json.dumps({"statusCode": 200, "body": "/w==", "isBase64Encoded": True}).encode()
    assert answer_of(result, "REST").body == b"\xff"
    assert answer_of(result, "REST", decodes_base64=False).body == b"/w=="
    assert answer_of(result, "HTTP", decodes_base64=False).body == b"\xff"


def test_an_http_api_ignores_what_it_does_not_know_and_takes_cookies() -> None:
    result = {"statusCode": 200, "other": 1, "cookies": ["a=1"], "multiValueHeaders": {"set-cookie": ["b=2"]}}
    answer = answer_of(json.dumps(result).encode(), "HTTP")
    assert answer == (200, {"content-type": "text/plain; charset=utf-8"}, ("b=2", "a=1"), b"")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "result",
    [
        b"",
        b"no json",
        b"null",
        b'"hello"',
        b"3",
        b"[]",
        *(
            json.dumps(document).encode()
            for document in (
                {},
                {"statusCode": None},
                {"statusCode": True},
                {"statusCode": "ok"},
                {"statusCode": 99},
                {"statusCode": 600},
                {"statusCode": 200, "headers": []},
                {"statusCode": 200, "headers": {"a": ["b"]}},
                {"statusCode": 200, "headers": {"a\r\nb": "c"}},
                {"statusCode": 200, "multiValueHeaders": {"a": "b"}},
                {"statusCode": 200, "multiValueHeaders": {"a": None}},
                {"statusCode": 200, "multiValueHeaders": {"a": [None]}},
                {"statusCode": 200, "body": {}},
                {"statusCode": 200, "body": []},
                {"statusCode": 200, "body": "?", "isBase64Encoded": True},
                {"statusCode": 200, "isBase64Encoded": "true"},
            )
        ),
    ],
)
def test_what_is_no_response_is_refused(result: bytes, kind: ApiKind) -> None:
    with pytest.raises(InvalidAnswerError):
        answer_of(result, kind)


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("REST", {"statusCode": 200, "other": 1}),
        ("REST", {"statusCode": 200, "cookies": ["a=1"]}),
        ("HTTP", {"body": "x"}),
        ("HTTP", {"statusCode": 200, "cookies": "a=1"}),
    ],
)
def test_each_kind_refuses_more(kind: ApiKind, result: object) -> None:
    with pytest.raises(InvalidAnswerError):
        answer_of(json.dumps(result).encode(), kind)


TOKEN = st.text("abcdefghijklmnopqrstuvwxyz-_0123456789", min_size=1, max_size=12)
VALUE = st.binary(max_size=24).map(lambda value: bytes(byte for byte in value if byte >= 32 and byte != 127).strip())


@given(
    body=st.binary(max_size=300),
    extra=st.dictionaries(TOKEN.map("x-t-".__add__), st.lists(VALUE, min_size=1, max_size=3), max_size=5),
    query=st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), max_size=6),
    kind=st.sampled_from(KINDS),
)
def test_any_request_survives_an_echo(
    body: bytes, extra: dict[str, list[bytes]], query: list[tuple[str, str]], kind: ApiKind
) -> None:
    """What a function gets says all of the request, and what it returns of it is the same again."""
    raw_query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    headers = [(name.encode(), value) for name, values in extra.items() for value in values]
    headers.append((b"content-type", b"image/png"))
    document = event(HttpCall("PUT", "/", raw_query, headers, body, "::1", "80"), kind, ("image/*",))

    shown = document["multiValueQueryStringParameters"] or {}
    assert shown == {name: [value for other, value in query if other == name] for name, _ in query}
    assert (document["queryStringParameters"] or {}) == {name: values[-1] for name, values in shown.items()}
    multi = {name: found for name, found in document["multiValueHeaders"].items() if name.startswith("x-t-")}
    echo = {
        "statusCode": 200,
        "multiValueHeaders": multi,
        "body": document["body"],
        "isBase64Encoded": document["isBase64Encoded"],
    }
    answer = answer_of(json.dumps(echo).encode(), kind, decodes_base64=True)
    assert answer.body == body
    assert {name: value.encode("latin-1") for name, value in answer.headers.items() if name != "content-type"} == {
        name: b", ".join(values) for name, values in extra.items()
    }
    assert base64.b64decode(document["body"] or "") == body


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"]), inner
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from(KINDS),
)
def test_no_result_does_anything_but_answer_or_be_refused(result: bytes, kind: ApiKind) -> None:
    try:
        answer = answer_of(result, kind)
    except InvalidAnswerError:
        return
    assert 200 <= answer.status <= 599
    assert isinstance(answer.body, bytes)
