"""Statements of IoT's rules."""

import json
from typing import Any

import pytest

from stoker.neighbours.pushes.iot_sql import SqlError, meets, parse


@pytest.mark.parametrize(
    ("topics", "topic", "does"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/b/c", "a/b", False),
        ("a/+/c", "a/b/c", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("#", "a", True),
    ],
)
def test_topics_meet_filters(topics: str, topic: str, does: bool) -> None:
    assert meets(topics, topic) is does


@pytest.mark.parametrize(
    ("sql", "result"),
    [
        ("SELECT * FROM 'a/#'", {"t": 1, "in": {"x": "y"}}),
        ("select t, in.x as y, none FROM 'a/b'", {"t": 1, "y": "y"}),
        ("SELECT topic() AS whole, topic(2) AS second FROM 'a/b'", {"whole": "a/b", "second": "b"}),
    ],
)
def test_columns_are_selected(sql: str, result: Any) -> None:
    made = parse(sql).result("a/b", b'{"t": 1, "in": {"x": "y"}}')
    assert made is not None
    assert json.loads(made) == result


def test_other_topics_and_other_payloads_make_nothing() -> None:
    statement = parse("SELECT * FROM 'a'")
    assert statement.result("b", b"{}") is None
    assert statement.result("a", b"\xff") is None


@pytest.mark.parametrize("sql", ["SELECT * FROM 'a' WHERE t > 1", "SELECT abs(t) FROM 'a'", "nothing"])
def test_the_rest_is_refused(sql: str) -> None:
    with pytest.raises(SqlError):
        parse(sql)
