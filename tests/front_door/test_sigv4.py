"""Signatures, made by botocore and by hand, right and wrong in every way that matters."""

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from stoker.lambda_model.call import ApiAnswer

from .conftest import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Door

CREDENTIALS = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
INVALID_FOR_LOGS = {
    "__type": "InvalidSignatureException",
    "message": "Credential should be scoped to correct service: 'logs'.",
}
INVOKE = "/2015-03-31/functions/f/invocations"


def signed(door: Door, path: str = INVOKE, method: str = "POST", body: bytes = b"{}", **headers: str) -> AWSRequest:
    """A request signed by botocore; keyword arguments are headers with `_` for `-`."""
    request = AWSRequest(method, door.url + path, data=body)
    for name, value in headers.items():
        request.headers[name.replace("_", "-")] = value
    SigV4Auth(CREDENTIALS, "lambda", "eu-west-1").add_auth(request)
    return request


def signed_at_s(request: AWSRequest) -> float:
    """The time that a signature by botocore names."""
    return datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def send(request: AWSRequest) -> tuple[int, dict[str, Any]]:
    """Status and error of a request as it stands."""
    raw = urllib.request.Request(
        request.url,
        data=request.data or None,
        headers={"Content-Type": "application/octet-stream", **dict(request.headers.items())},
        method=request.method,
    )
    try:
        with urllib.request.urlopen(raw) as response:
            return response.status, {}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {"code": error.headers["x-amzn-ErrorType"], **json.loads(error.read())}


@pytest.mark.parametrize(
    "members",
    [
        {"FunctionName": "f", "Payload": b'{"a": 1}'},
        {"FunctionName": "arn:aws:lambda:eu-west-1:000000000000:function:f", "Qualifier": "$LATEST"},
        {"FunctionName": "f", "LogType": "Tail", "ClientContext": "e30="},
        {"FunctionName": "f", "Payload": b"x" * 2_000_000},
    ],
)
def test_a_client_with_the_keys_is_let_in(locked_door: Door, members: dict[str, Any]) -> None:
    locked_door.outcomes["Invoke"] = lambda _: ApiAnswer({"StatusCode": 200, "Payload": b"{}"})
    assert locked_door.client().invoke(**members)["StatusCode"] == 200
    assert len(locked_door.calls) == 1


def test_odd_characters_in_path_and_query_are_signed_as_they_are(locked_door: Door) -> None:
    arn = "arn:aws:lambda:eu-west-1:000000000000:function:f"
    locked_door.client().untag_resource(Resource=arn, TagKeys=["b b", "a+a", "ü=/@", ".:_-", "a+a"])
    assert locked_door.calls[0].members["TagKeys"] == ["b b", "a+a", "ü=/@", ".:_-", "a+a"]


def test_a_logs_client_with_the_keys_is_let_in(locked_door: Door) -> None:
    locked_door.client("logs").describe_log_groups()
    assert locked_door.calls[0].operation == "DescribeLogGroups"


@pytest.mark.parametrize(
    ("access_key_id", "secret", "code"),
    [
        ("AKIDOTHER", SECRET_ACCESS_KEY, "UnrecognizedClientException"),
        ("000000000000", SECRET_ACCESS_KEY, "UnrecognizedClientException"),
        (ACCESS_KEY_ID, "wrong", "InvalidSignatureException"),
    ],
)
def test_a_client_with_other_keys_is_not_let_in(locked_door: Door, access_key_id: str, secret: str, code: str) -> None:
    for client, call in (
        (locked_door.client("lambda", access_key_id, secret), "list_functions"),
        (locked_door.client("logs", access_key_id, secret), "describe_log_groups"),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(client, call)()
        assert caught.value.response["Error"]["Code"] == code
    assert locked_door.calls == []


@pytest.mark.parametrize("path", ["/2015-03-31/functions", "/_stoker/stream"])
def test_an_unsigned_request_is_not_let_in(locked_door: Door, path: str) -> None:
    status, error = send(AWSRequest("GET", locked_door.url + path))
    assert (status, error) == (
        403,
        {"code": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"},
    )


def test_health_needs_no_signature(locked_door: Door) -> None:
    assert send(AWSRequest("GET", f"{locked_door.url}/_stoker/health")) == (200, {})


def test_a_raw_route_takes_a_signature_for_any_service(locked_door: Door) -> None:
    assert send(signed(locked_door, "/_stoker/stream", "GET", b"")) == (200, {})


def test_a_request_changed_on_its_way_is_refused(locked_door: Door) -> None:
    def altered(**changes: Any) -> AWSRequest:
        request = signed(locked_door, f"{INVOKE}?Qualifier=1", X_Amz_Log_Type="Tail")
        for name, value in changes.items():
            setattr(request, name, value)
        return request

    other_header = altered()
    other_header.headers.replace_header("X-Amz-Log-Type", "None")
    other_scope = altered()
    authorization = other_scope.headers["Authorization"].replace("eu-west-1", "us-east-1")
    other_scope.headers.replace_header("Authorization", authorization)
    other_host = altered()
    other_host.headers["Host"] = "elsewhere"
    cases = [
        altered(data=b"[]"),
        altered(data=b""),
        altered(url=f"{locked_door.url}{INVOKE}?Qualifier=2"),
        altered(url=f"{locked_door.url}{INVOKE}?Qualifier=1&Qualifier=2"),
        altered(url=f"{locked_door.url}{INVOKE.replace('/f/', '/g/')}?Qualifier=1"),
        other_header,
        other_scope,
        other_host,
    ]
    for request in cases:
        status, error = send(request)
        assert (status, error["code"]) == (403, "InvalidSignatureException")
        assert error["message"].startswith("The request signature we calculated does not match the signature you prov")
    assert send(altered()) == (200, {})


def test_a_header_with_a_meaning_must_be_signed(locked_door: Door) -> None:
    request = signed(locked_door)
    request.headers["X-Amz-Invocation-Type"] = "Event"
    status, error = send(request)
    assert (status, error["code"]) == (403, "InvalidSignatureException")
    assert "X-Amz-Invocation-Type".lower() in error["message"]


def test_the_host_must_be_signed(locked_door: Door) -> None:
    class WithoutHost(SigV4Auth):
        def headers_to_sign(self, request: AWSRequest) -> Any:
            headers = super().headers_to_sign(request)
            del headers["host"]
            return headers

    request = AWSRequest("POST", locked_door.url + INVOKE, data=b"{}")
    WithoutHost(CREDENTIALS, "lambda", "eu-west-1").add_auth(request)
    status, error = send(request)
    assert (status, error["code"]) == (403, "InvalidSignatureException")
    assert error["message"].startswith("'Host' or ':authority' must be a 'SignedHeader'")


def test_a_signed_header_must_be_there(locked_door: Door) -> None:
    request = signed(locked_door, Tenant="a")
    del request.headers["Tenant"]
    status, error = send(request)
    assert (status, error["code"]) == (403, "InvalidSignatureException")


def test_a_stated_hash_does_not_stand_in_for_the_body(locked_door: Door) -> None:
    request = signed(locked_door, X_Amz_Content_SHA256="0" * 64)
    assert send(request)[1]["code"] == "InvalidSignatureException"


def test_an_unsigned_payload_may_be_anything_if_that_is_what_was_signed(locked_door: Door) -> None:
    request = signed(locked_door, X_Amz_Content_SHA256="UNSIGNED-PAYLOAD")
    request.data = b'{"another": "body"}'
    assert send(request) == (200, {})

    not_signed_so = signed(locked_door)
    not_signed_so.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    assert send(not_signed_so)[1]["code"] == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("later_s", "text"), [(301, "Signature expired: "), (-301, "Signature not yet current: "), (300, ""), (-300, "")]
)
def test_a_signature_is_good_for_five_minutes_either_way(locked_door: Door, later_s: float, text: str) -> None:
    request = signed(locked_door)
    locked_door.clock.stopped_at_s = signed_at_s(request) + later_s
    status, error = send(request)
    if not text:
        assert status == 200
        return
    assert (status, error["code"]) == (403, "InvalidSignatureException")
    assert error["message"].startswith(text)
    assert "5 min." in error["message"]


@pytest.mark.parametrize(("later_s", "status"), [(0, 200), (3600, 200), (3601, 403), (-301, 403), (7 * 86400, 403)])
def test_a_presigned_request_is_good_until_it_says(locked_door: Door, later_s: float, status: int) -> None:
    request = AWSRequest("GET", f"{locked_door.url}/2015-03-31/functions?MaxItems=5")
    SigV4QueryAuth(CREDENTIALS, "lambda", "eu-west-1", expires=3600).add_auth(request)
    locked_door.clock.stopped_at_s = signed_at_s(request) + later_s
    found, error = send(request)
    assert found == status
    if status == 403:
        assert error["code"] == "InvalidSignatureException"
    else:
        assert locked_door.calls[0].caller.region == "eu-west-1"
        assert locked_door.calls[0].members == {"MaxItems": 5}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("X-Amz-Signature=", "X-Amz-Signature=0", "InvalidSignatureException"),
        ("MaxItems=5", "MaxItems=6", "InvalidSignatureException"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=7200", "InvalidSignatureException"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=604801", "IncompleteSignatureException"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=-1", "IncompleteSignatureException"),
        ("X-Amz-Expires=3600", "", "IncompleteSignatureException"),
        ("X-Amz-Date=", "X-Amz-Data=", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "IncompleteSignatureException"),
        ("SignedHeaders=host", "SignedHeaders=date", "InvalidSignatureException"),
    ],
)
def test_a_presigned_request_that_was_changed_is_refused(locked_door: Door, old: str, new: str, code: str) -> None:
    request = AWSRequest("GET", f"{locked_door.url}/2015-03-31/functions?MaxItems=5")
    SigV4QueryAuth(CREDENTIALS, "lambda", "eu-west-1", expires=3600).add_auth(request)
    assert old in request.url
    request.url = request.url.replace(old, new)
    status, error = send(request)
    assert (status, error["code"]) == (403, code)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer abc", "IncompleteSignatureException"),
        ("AWS AKIDEXAMPLE:sig", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=a, Signature=b", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b", "IncompleteSignatureException"),
        (
            f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/x/y/lambda/aws4_request, SignedHeaders=host, Signature=b",
            "InvalidSignatureException",
        ),
        (
            f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20250101/y/lambda/aws5, SignedHeaders=host, Signature=b",
            "InvalidSignatureException",
        ),
        ("=,=,,;" * 50, "IncompleteSignatureException"),
    ],
)
def test_a_malformed_signature_is_refused_by_name(locked_door: Door, authorization: str, code: str) -> None:
    request = AWSRequest("GET", f"{locked_door.url}/2015-03-31/functions")
    request.headers["Authorization"] = authorization
    request.headers["X-Amz-Date"] = "20250101T000000Z"
    status, error = send(request)
    assert (status, error["code"]) == (403, code)


@pytest.mark.parametrize("date", ["", "yesterday", "20259999T000000Z", "2025-01-01T00:00:00Z", "20250101"])
def test_a_date_that_is_none_is_refused(locked_door: Door, date: str) -> None:
    request = signed(locked_door)
    request.headers.replace_header("X-Amz-Date", date)
    assert send(request)[0] == 403


def test_a_signature_for_another_service_opens_nothing(locked_door: Door) -> None:
    for service in ("logs", "sts"):
        request = AWSRequest("GET", f"{locked_door.url}/2015-03-31/functions")
        SigV4Auth(CREDENTIALS, service, "eu-west-1").add_auth(request)
        assert send(request)[0] in (403, 501)
    crossed = AWSRequest("POST", f"{locked_door.url}/", data=b"{}")
    crossed.headers["X-Amz-Target"] = "Logs_20140328.DescribeLogGroups"
    SigV4Auth(CREDENTIALS, "lambda", "eu-west-1").add_auth(crossed)
    assert send(crossed) == (400, {"code": None, **INVALID_FOR_LOGS})
    assert locked_door.calls == []


def test_a_stranger_is_turned_away_before_sending_a_large_body(locked_door: Door) -> None:
    with locked_door.connect() as connection:
        connection.sendall(
            b"POST /2015-03-31/functions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000000\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 403 ")
