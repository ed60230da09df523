"""Decision 57."""

import pytest

from stoker.functions.records import FunctionTarget
from stoker.gateways.addresses import Addressed, ApiAddresses
from stoker.gateways.functions import function_of, with_stage_variables

HOST = "abc123.execute-api.eu-west-1"


@pytest.mark.parametrize("host", [f"{HOST}.localhost", f"{HOST}.localhost:4566", f"{HOST.upper()}.Apis.Example"])
def test_an_api_is_known_by_its_host(host: str) -> None:
    found = ApiAddresses(["apis.example"]).find(host, "/a%2Fb")
    assert found == Addressed("abc123", "eu-west-1", host.lower().partition(":")[0], "/a%2Fb")


@pytest.mark.parametrize(("path", "left"), [("", "/"), ("/", "/"), ("/dev/a", "/dev/a"), ("//a", "//a")])
def test_an_api_is_known_by_a_path(path: str, left: str) -> None:
    assert ApiAddresses().find("h", f"/_stoker/api/abc123{path}") == Addressed("abc123", None, None, left)


@pytest.mark.parametrize(
    ("host", "path"), [(f"{HOST}.amazonaws.com", "/"), (f"x.{HOST}.localhost", "/"), ("localhost", "/_stoker/apis")]
)
def test_nothing_else_is_an_api(host: str, path: str) -> None:
    assert ApiAddresses().find(host, path) is None


async def test_the_url_that_is_shown_works() -> None:
    addresses = ApiAddresses(["apis.example"])
    assert (
        await addresses.url("abc", "eu-west-1", "http://node:4566")
        == "http://abc.execute-api.eu-west-1.apis.example:4566"
    )
    assert await ApiAddresses().url("abc", "eu-west-1", "http://node:4566") == "http://node:4566/_stoker/api/abc"


def test_a_uri_names_a_function() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
    target = FunctionTarget("000000000000", "us-east-1", "f", "live")
    assert function_of(arn) == target
    assert function_of(f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations") == target
    for other in (
        "f",
        "https://example.com",
        "arn:aws:sqs:us-east-1:000000000000:f",
        f"{arn}/invocations",
        "arn:" * 99,
    ):
        assert function_of(other) is None


def test_stage_variables_are_put_in() -> None:
    assert with_stage_variables("a${stageVariables.b}c${stageVariables.none}", {"b": "x"}) == "axc"
