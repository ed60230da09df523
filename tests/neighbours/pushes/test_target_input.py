"""Inputs of EventBridge's targets."""

import json
from typing import Any

import pytest

from stoker.neighbours.pushes.target_input import FiredRule, envelope, target_input

RULE = FiredRule("arn:aws:events:us-east-1:000000000000:rule/r", "r", 0.0)
EVENT = envelope(
    {
        "version": "0",
        "id": "i",
        "detail-type": "t",
        "source": "s",
        "account": "000000000000",
        "time": 1735689600.5,
        "region": "us-east-1",
        "resources": ["a", "b"],
        "detail": {"name": 'say "x"', "n": 1.5, "list": [{"k": 1}], "a.b": True},
        "ingestion-time": 1.0,
    }
)


def transformed(template: str, **paths: str) -> str:
    target = {"InputTransformer": {"InputTemplate": template, "InputPathsMap": paths}}
    return target_input(target, EVENT, RULE)


def test_the_envelope_has_awss_members_in_awss_order() -> None:
    assert list(EVENT) == ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"]
    assert EVENT["time"] == "2025-01-01T00:00:00Z"
    assert json.loads(target_input({}, EVENT, RULE)) == EVENT


def test_an_input_replaces_the_event() -> None:
    assert target_input({"Input": '{"a": 1}'}, EVENT, RULE) == '{"a": 1}'


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.detail.n", 1.5),
        ("$.detail-type", "t"),
        ("$.resources[1]", "b"),
        ("$.detail.list[0].k", 1),
        ("$.detail['a.b']", True),
        ("$.resources[*]", ["a", "b"]),
        ("$", EVENT),
        ("$.none", {}),
    ],
)
def test_a_path_takes_a_part(path: str, found: Any) -> None:
    assert json.loads(target_input({"InputPath": path}, EVENT, RULE)) == found


def test_a_template_takes_values_outside_and_text_inside_of_quotes() -> None:
    made = transformed('{"n": <n>, "name": <name>, "said": "<name>: <n>"}', n="$.detail.n", name="$.detail.name")
    assert json.loads(made) == {"n": 1.5, "name": 'say "x"', "said": 'say "x": 1.5'}


def test_a_template_may_be_a_text() -> None:
    assert json.loads(transformed('"<source> in <where>"', source="$.source", where="$.region")) == "s in us-east-1"


def test_what_is_not_there_is_nothing() -> None:
    assert json.loads(transformed('{"a": <x>, "b": "-<x>-", "c": "<y>"}', x="$.none")) == {
        "a": None,
        "b": "--",
        "c": "<y>",
    }


def test_the_rule_and_the_event_have_names() -> None:
    made = transformed('{"rule": <aws.events.rule-arn>, "event": <aws.events.event.json>, "head": <aws.events.event>}')
    assert json.loads(made) == {
        "rule": RULE.arn,
        "event": EVENT,
        "head": {name: value for name, value in EVENT.items() if name != "detail"},
    }
