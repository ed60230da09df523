"""URLs that answer whole, on a real node. Reference: invocation, 5.1 and 5.2."""

import json
import re
import socket
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from stoker.limits import MIB
from tests.conftest import Deploy, Node, deployer

from .conftest import ECHO, UrlClient, url_of

FORBIDDEN = {
    "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
}


def test_a_url_answers_as_it_is_given(echo: UrlClient) -> None:
    with urlopen(f"{echo.url}a/b?c=d", timeout=30) as response:
        event = json.load(response)
    assert (event["rawPath"], event["rawQueryString"]) == ("/a/b", "c=d")
    assert event["requestContext"]["domainName"] == echo.host


def test_a_function_gets_all_of_a_request(echo: UrlClient, platform: Node) -> None:
    headers = [("X-A", "1"), ("Cookie", "a=b; c=d"), ("x-a", "2"), ("User-Agent", "tests"), ("Content-Type", "text/x")]
    reply = echo.ask("PATCH", "/p%2Fq/?b=1&a=%20&b=2", "é".encode(), headers)
    event = reply.document
    port = str(urlsplit(platform.endpoint).port)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/p%2Fq/"
    assert event["rawQueryString"] == "b=1&a=%20&b=2"
    assert event["queryStringParameters"] == {"b": "1,2", "a": " "}
    assert event["cookies"] == ["a=b", "c=d"]
    assert (event["body"], event["isBase64Encoded"]) == ("é", False)
    assert event["headers"] == {
        "host": echo.host,
        "x-a": "1,2",
        "user-agent": "tests",
        "content-type": "text/x",
        "content-length": "2",
        "x-amzn-trace-id": event["headers"]["x-amzn-trace-id"],
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-port": port,
        "x-forwarded-proto": "http",
    }
    context = event["requestContext"]
    assert (context["accountId"], context["apiId"], context["domainPrefix"]) == ("anonymous", echo.id, echo.id)
    assert context["domainName"] == echo.host
    assert context["http"] | {"path": ""} == {
        "method": "PATCH",
        "path": "",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "tests",
    }
    assert context["requestId"] == reply.headers["x-amzn-requestid"]
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", event["headers"]["x-amzn-trace-id"])
    root = event["headers"]["x-amzn-trace-id"].removeprefix("Root=")
    assert reply.headers["x-amzn-trace-id"].startswith(f"root={root}")


def answer(echo: UrlClient, document: object, method: str = "POST") -> Any:
    headers = {"x-answer": "body", "content-type": "application/json"}
    return echo.ask(method, "/", json.dumps(document).encode(), headers)


def test_a_result_becomes_a_response(echo: UrlClient) -> None:
    reply = answer(
        echo,
        {
            "statusCode": 418,
            "headers": {"Content-Type": "image/png", "X-Text": "ü\r\nx-injected: 1", "Content-Length": "1"},
            "cookies": ["a=b; Secure", "c=d\r\nx-injected: 1"],
            "body": "AP8=",
            "isBase64Encoded": True,
        },
    )
    assert (reply.status, reply.body) == (418, b"\x00\xff")
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["x-text"] == "ü  x-injected: 1"
    assert [value for name, value in reply.pairs if name == "set-cookie"] == ["a=b; Secure", "c=d  x-injected: 1"]
    assert reply.headers["x-amzn-remapped-content-length"] == "1"
    assert "x-injected" not in reply.headers
    assert (answer(echo, "text").body, answer(echo, ["a", 1]).body) == (b"text", b'["a",1]')


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none_whatever_the_function_says(
    echo: UrlClient, platform: Node, status: int
) -> None:
    """A body would be taken for the next answer on the connection."""
    body = json.dumps({"statusCode": status, "body": "HTTP/1.1 200 OK\r\n\r\n"})
    request = (
        f"POST / HTTP/1.1\r\nHost: {echo.host}\r\nx-answer: body\r\ncontent-type: text/x\r\n"
        f"content-length: {len(body)}\r\n"
    )
    with socket.create_connection(("127.0.0.1", urlsplit(platform.endpoint).port or 80), timeout=30) as connection:
        connection.sendall(f"{request}\r\n{body}{request}connection: close\r\n\r\n{body}".encode())
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    assert data.count(b"HTTP/1.1 ") == data.count(f"HTTP/1.1 {status} ".encode()) == 2
    assert data.endswith(b"\r\n\r\n")


def test_head_and_options_are_the_functions(echo: UrlClient) -> None:
    head = echo.ask("HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) > 100
    assert echo.ask("OPTIONS", headers={"origin": "https://a.example"}).document["requestContext"]["http"][
        "method"
    ] == ("OPTIONS")


def test_a_function_that_fails_or_answers_nonsense_is_a_bad_gateway(echo: UrlClient) -> None:
    for reply in (
        echo.ask(headers={"x-answer": "error"}),
        answer(echo, {"statusCode": "x"}),
        answer(echo, {"statusCode": 200, "headers": {"a b": "c"}}),
    ):
        assert (reply.status, reply.body) == (502, b"Internal Server Error")
        assert reply.headers["content-type"] == "text/plain"


def test_a_function_that_takes_too_long_is_a_bad_gateway(deploy: Deploy, platform: Node) -> None:
    name = deploy(None, {"handler.py": "import time\ndef handler(event, context):\n    time.sleep(30)\n"}, Timeout=1)
    reply = url_of(platform, name).ask()
    assert (reply.status, reply.body) == (502, b"Internal Server Error")


def test_a_throttled_function_says_so(deploy: Deploy, platform: Node, lambda_client: Any) -> None:
    name = deploy(None, ECHO)
    url = url_of(platform, name)
    lambda_client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    reply = url.ask()
    assert reply.status == 429
    assert reply.headers["x-amzn-errortype"] == "TooManyRequestsException"
    assert reply.document == {
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
        "message": "Rate Exceeded.",
    }


@pytest.mark.parametrize(
    ("size_bytes", "content_type", "status"),
    [
        (6 * MIB + 1, "text/plain", 413),
        (6 * MIB, "text/plain", 413),
        (5 * MIB, "image/png", 413),
        (4 * MIB, "a/b", 200),
    ],
)
def test_six_megabytes_are_the_limit_of_an_event(
    echo: UrlClient, size_bytes: int, content_type: str, status: int
) -> None:
    headers = {"x-answer": "body", "content-type": content_type}
    if status == 200:
        del headers["x-answer"]
    reply = echo.ask("POST", "/", b"1" * size_bytes, headers)
    # An answer that has the whole event as text in JSON is within the limit, too.
    assert reply.status == status
    if status == 413:
        assert reply.document["message"].startswith("Request must be smaller than 6291456 bytes")


def test_an_alias_has_a_url_of_its_own(deploy: Deploy, platform: Node, lambda_client: Any) -> None:
    name = deploy(None, {"handler.py": "def handler(event, context):\n    return context.invoked_function_arn\n"})
    lambda_client.publish_version(FunctionName=name)
    lambda_client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    whole, alias = url_of(platform, name), url_of(platform, name, Qualifier="live")
    assert whole.ask().body.endswith(f":function:{name}".encode())
    assert alias.ask().body.endswith(f":function:{name}:live".encode())
    lambda_client.delete_function_url_config(FunctionName=name)
    assert (whole.ask().status, alias.ask().status) == (403, 200)
    lambda_client.delete_alias(FunctionName=name, Name="live")
    assert alias.ask().status == 403


@pytest.mark.parametrize("host", [f"{'a' * 32}.lambda-url.us-east-1.localhost", "{id}.lambda-url.eu-west-1.localhost"])
def test_where_there_is_no_url_nothing_is_told(echo: UrlClient, host: str) -> None:
    reply = echo.ask(host=host.format(id=echo.id))
    assert (reply.status, reply.document) == (403, {"Message": None})
    assert reply.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert reply.headers["content-type"] == "application/json"


def test_a_host_of_no_url_is_the_api_as_ever(echo: UrlClient) -> None:
    assert echo.ask(path="/2015-03-31/functions", host="localhost").document["Functions"]
    # Beneath the host of a URL there is nothing but the function.
    assert echo.ask(path="/2015-03-31/functions").document["rawPath"] == "/2015-03-31/functions"
    assert echo.ask(path="/_stoker/health").document["rawPath"] == "/_stoker/health"


def test_requests_that_could_be_read_in_two_ways_do_not_reach_a_function(echo: UrlClient, platform: Node) -> None:
    for lines in (
        "content-length: 3\r\ncontent-length: 4",
        "content-length: 3\r\ntransfer-encoding: chunked",
        "transfer-encoding: gzip, chunked",
        f"host: {echo.host}",
        "x-a : b",
        "x-a: \0",
    ):
        request = f"POST / HTTP/1.1\r\nHost: {echo.host}\r\nconnection: close\r\n{lines}\r\n\r\nabcd"
        with socket.create_connection(("127.0.0.1", urlsplit(platform.endpoint).port or 80), timeout=30) as connection:
            connection.sendall(request.encode())
            data = b"".join(iter(lambda: connection.recv(65536), b""))
        assert data.startswith(b"HTTP/1.1 400 "), lines
        assert data.count(b"HTTP/1.1 ") == 1, lines


def test_a_url_and_who_may_call_it_outlive_the_node(start_node: Any) -> None:
    process, node = start_node()
    deploy, _ = deployer(node.client("lambda"))
    name = deploy(None, ECHO)
    url = url_of(node, name)
    process.stop()
    _, again = start_node(data=node.data, STOKER_FUNCTION_URL_DOMAINS="urls.example localhost")
    reached = UrlClient(again, url.url)
    assert reached.ask(host=f"{url.id}.lambda-url.us-east-1.urls.example:80").document["requestContext"][
        "domainName"
    ] == (f"{url.id}.lambda-url.us-east-1.urls.example")
    shown = again.client("lambda").get_function_url_config(FunctionName=name)["FunctionUrl"]
    port = urlsplit(again.endpoint).port
    assert shown == f"http://{url.id}.lambda-url.us-east-1.urls.example:{port}/"
