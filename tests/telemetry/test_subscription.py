"""What may be subscribed to, and how (reference: runtime side, 8)."""

import json
from typing import Any

import pytest

from stoker.runtime_api.exchange import Reply
from stoker.telemetry.subscription import Subscription, subscription

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/logs?x=1"}


def asked(api: Any = "Telemetry", **members: Any) -> Subscription | Reply:
    return subscription(api, json.dumps({"types": ["platform"], "destination": HTTP, **members}).encode())


def test_what_is_not_asked_for_has_its_default() -> None:
    assert asked() == Subscription("Telemetry", "2022-07-01", ("platform",), 10_000, 262_144, 1_000, 8080, "/logs?x=1")


def test_tcp_has_a_port_and_no_path() -> None:
    found = asked("Logs", destination={"protocol": "TCP", "port": 9000}, schemaVersion="2021-03-18")
    assert isinstance(found, Subscription)
    assert (found.port, found.path, found.schema_version) == (9000, None, "2021-03-18")


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("maxItems", 1_000, 10_000),
        ("maxBytes", 262_144, 1_048_576),
        ("timeoutMs", 25, 30_000),
    ],
)
def test_buffering_has_its_ranges(name: str, least: int, most: int) -> None:
    for good in (least, most):
        assert isinstance(asked(buffering={name: good}), Subscription)
    for bad in (least - 1, most + 1, str(least), True, None, 30.5):
        refused = asked(buffering={name: bad})
        assert isinstance(refused, Reply)
        assert json.loads(refused.body) == {
            "errorMessage": f"buffering {name} should be between {least} and {most}",
            "errorType": "ValidationError",
        }


@pytest.mark.parametrize(
    "members",
    [
        {"schemaVersion": "2020-01-01"},
        {"schemaVersion": ["2022-07-01"]},
        {"types": []},
        {"types": None},
        {"types": ["metrics"]},
        {"types": "platform"},
        {"buffering": []},
        {"destination": None},
        {"destination": {"protocol": "UDP", "port": 1}},
        {"destination": {"protocol": "TCP"}},
        {"destination": {"protocol": "TCP", "port": 0}},
        {"destination": {"protocol": "TCP", "port": 65536}},
        {"destination": {"protocol": "TCP", "port": 9001}},
        {"destination": {"protocol": "HTTP", "URI": "http://example.com:8080"}},
        {"destination": {"protocol": "HTTP", "URI": "https://sandbox.localdomain:8080"}},
        {"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}},
        {"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:x"}},
        {"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/a b"}},
        {"destination": {"protocol": "HTTP", "URI": "http://[sandbox:8080"}},
        {"destination": {"protocol": "HTTP", "URI": 17}},
    ],
)
def test_what_is_wrong_is_refused(members: dict[str, Any]) -> None:
    refused = asked(**members)
    assert isinstance(refused, Reply)
    assert refused.status == 400
    assert json.loads(refused.body)["errorType"] == "ValidationError"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    refused = subscription("Telemetry", body)
    assert isinstance(refused, Reply)
    assert refused.status == 400
