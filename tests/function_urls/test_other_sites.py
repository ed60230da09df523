"""Pages of other sites (CORS), on a real node. Reference: invocation, 5.3."""

import json

import pytest

from tests.conftest import Deploy, Node

from .conftest import ECHO, UrlClient, url_of
from .test_buffered import answer

ORIGIN = "https://a.example.com"
PREFLIGHT = {"origin": ORIGIN, "access-control-request-method": "PUT"}


@pytest.fixture(scope="module")
def url(deploy_module: Deploy, platform: Node) -> UrlClient:
    cors = {
        "AllowOrigins": ["https://*.example.com"],
        "AllowMethods": ["PUT"],
        "ExposeHeaders": ["x-shown"],
        "MaxAge": 60,
    }
    return url_of(platform, deploy_module(None, ECHO), Cors=cors)


def test_a_preflight_is_answered_without_the_function(url: UrlClient) -> None:
    reply = url.ask("OPTIONS", headers=PREFLIGHT)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["access-control-allow-methods"] == "PUT"
    assert reply.headers["access-control-max-age"] == "60"
    other = url.ask("OPTIONS", headers={**PREFLIGHT, "origin": "https://b.example"})
    assert (other.status, other.body) == (200, b"")
    assert not [name for name in other.headers if name.startswith("access-control-")]


def test_the_settings_rule_over_what_the_function_says(url: UrlClient) -> None:
    headers = {"Access-Control-Allow-Origin": "*", "access-control-allow-methods": "GET", "Vary": "Accept"}
    body = json.dumps({"statusCode": 200, "headers": headers}).encode()
    asked = {"x-answer": "body", "content-type": "application/json", "origin": ORIGIN}
    reply = url.ask("POST", "/", body, asked)
    assert [value for name, value in reply.pairs if name == "access-control-allow-origin"] == [ORIGIN]
    assert reply.headers["access-control-expose-headers"] == "x-shown"
    assert "access-control-allow-methods" not in reply.headers
    assert reply.headers["vary"] == "Accept, Origin"
    del asked["origin"]
    assert "access-control-allow-origin" not in url.ask("POST", "/", body, asked).headers


def test_a_page_may_read_that_the_function_failed(url: UrlClient) -> None:
    reply = url.ask(headers={"x-answer": "error", "origin": ORIGIN})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (502, ORIGIN)


def test_without_settings_all_of_it_is_the_functions(echo: UrlClient) -> None:
    assert echo.ask("OPTIONS", headers=PREFLIGHT).document["requestContext"]["http"]["method"] == "OPTIONS"
    headers = {"Access-Control-Allow-Origin": "https://own.example"}
    reply = answer(echo, {"statusCode": 200, "headers": headers})
    assert reply.headers["access-control-allow-origin"] == "https://own.example"


def test_a_preflight_needs_no_signature(deploy: Deploy, platform: Node) -> None:
    """A browser cannot sign it. Everything else of a page of another site is refused by a node without credentials."""
    cors = {"AllowOrigins": ["*"], "AllowHeaders": ["authorization", "x-amz-date"]}
    url = url_of(platform, deploy(None, ECHO), "AWS_IAM", is_public=False, Cors=cors)
    reply = url.ask("OPTIONS", headers=PREFLIGHT)
    assert reply.headers["access-control-allow-headers"] == "authorization,x-amz-date"
    stated = "AWS4-HMAC-SHA256 Credential=000000000000/20250101/us-east-1/lambda/aws4_request"
    refused = url.ask(headers={"origin": ORIGIN, "authorization": stated})
    assert refused.status == 403
    assert "no credentials" in refused.document["Message"]
    assert "access-control-allow-origin" not in refused.headers
