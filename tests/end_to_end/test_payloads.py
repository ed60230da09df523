"""Payloads at and beyond what may go in and out, and those that are no JSON."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Deploy
from tests.handlers import folder

from .calls import invoke

REQUEST_BYTES_MAX = 6_291_456
RESPONSE_BYTES_MAX = 6_291_556
SOURCE = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]"
VALUE = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


@pytest.fixture(scope="module")
def echo(lambda_client: Any, deploy_module: Deploy) -> str:
    return deploy_module(None, folder("echo_python"), handler="index.handler", MemorySize=512, Timeout=30)


def test_a_payload_of_six_megabytes_goes_in_and_comes_back(lambda_client: Any, echo: str) -> None:
    payload = json.dumps("x" * (REQUEST_BYTES_MAX - 2)).encode()
    assert len(payload) == REQUEST_BYTES_MAX
    assert invoke(lambda_client, echo, Payload=payload).body == payload


def test_one_byte_more_is_refused_before_anything_runs(lambda_client: Any, echo: str) -> None:
    """Reference: control plane, 3.3."""
    with pytest.raises(ClientError) as raised:
        lambda_client.invoke(FunctionName=echo, Payload=json.dumps("x" * (REQUEST_BYTES_MAX - 1)))
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert raised.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    expected = f"Request must be smaller than {REQUEST_BYTES_MAX} bytes for the InvokeFunction operation"
    assert raised.value.response["Error"]["Message"] == expected


def test_a_response_may_have_a_hundred_bytes_more_and_not_one_beyond(lambda_client: Any, deploy: Deploy) -> None:
    """Reference: runtime side, 2.2: the environment survives."""
    name = deploy(None, folder("huge"), handler="index.handler", MemorySize=512, Timeout=30)
    whole = invoke(lambda_client, name, {"bytes": RESPONSE_BYTES_MAX})
    assert whole.error is None
    assert len(whole.body) == RESPONSE_BYTES_MAX
    for size in (RESPONSE_BYTES_MAX + 1, 20_000_000):
        answer = invoke(lambda_client, name, {"bytes": size})
        assert (answer.status, answer.error) == (200, "Unhandled")
        assert answer.body == (
            b'{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).",'
            b'"errorType":"Function.ResponseSizeTooLarge"}'
        )
    after = invoke(lambda_client, name, {"bytes": 10})
    assert after.value == "x" * 8
    assert "Init Duration" not in after.report


@pytest.mark.parametrize(
    ("payload", "problem", "column"),
    [
        (b"\x99", f"Unexpected character ((CTRL-CHAR, code 153)): expected a valid value {VALUE}", 1),
        (b'"\xe9"', None, 3),
        (b'"\x87"', "Invalid UTF-8 start byte 0x87", 3),
    ],
)
def test_a_payload_that_is_no_json_is_refused_in_aws_own_words(
    lambda_client: Any, echo: str, payload: bytes, problem: str | None, column: int
) -> None:
    """Reference: control plane, 3.3 (recorded)."""
    with pytest.raises(ClientError) as raised:
        lambda_client.invoke(FunctionName=echo, Payload=payload)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert raised.value.response["Error"]["Code"] == "InvalidRequestContentException"
    message = raised.value.response["Error"]["Message"]
    assert message.startswith("Could not parse request body into json: Could not parse payload into json: ")
    if problem is not None:
        assert message == (
            "Could not parse request body into json: Could not parse payload into json: "
            f"{problem}\n at {SOURCE.format(1, column)}"
        )


@pytest.mark.parametrize("payload", [b"{", b'{"a" 1}', b"[1,]", b"nul", b"NaN", b"'a'", b'{"a": 1} x', b'"\n"', b"{]"])
def test_what_no_parser_takes_is_refused(lambda_client: Any, echo: str, payload: bytes) -> None:
    with pytest.raises(ClientError) as raised:
        lambda_client.invoke(FunctionName=echo, Payload=payload)
    assert raised.value.response["Error"]["Code"] == "InvalidRequestContentException"


@pytest.mark.parametrize("payload", [b"null", b" 1 ", b'"\\ud800"', b"1e999", b"[]", '"ü"'.encode()])
def test_every_kind_of_json_is_accepted(lambda_client: Any, echo: str, payload: bytes) -> None:
    assert invoke(lambda_client, echo, Payload=payload).error is None


def test_an_empty_payload_becomes_an_empty_object(lambda_client: Any, echo: str) -> None:
    """Reference: control plane, 3.3."""
    assert invoke(lambda_client, echo, Payload=b"").value == {}
    assert json.loads(lambda_client.invoke(FunctionName=echo)["Payload"].read()) == {}
