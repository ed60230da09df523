"""Which route a message selects. Source: API Gateway Developer Guide, "Route selection expressions"."""

import pytest

from stoker.http_apis.selection import BadExpressionError, parsed, selected


@pytest.mark.parametrize(
    ("expression", "message", "key"),
    [
        ("$request.body.action", '{"action": "send"}', "send"),
        ("${request.body.action}", '{"action": "send"}', "send"),
        ("$request.body.a.b", '{"a": {"b": "c"}}', "c"),
        ("$request.body.a", '{"a": 5}', "5"),
        ("$request.body.a", '{"a": true}', "true"),
        ("${request.body.a}/${request.body.b}", '{"a": "x", "b": "y"}', "x/y"),
        ("v1-${request.body.a}", '{"a": "x"}', "v1-x"),
        ("$request.body.action", '{"other": "send"}', None),
        ("$request.body.action", '{"action": null}', None),
        ("$request.body.action", '{"action": {"a": 1}}', None),
        ("$request.body.a.b", '{"a": "b"}', None),
        ("$request.body.action", "[]", None),
        ("$request.body.action", "send", None),
        ("$request.body.action", "", None),
    ],
)
def test_a_message_selects_a_route(expression: str, message: str, key: str | None) -> None:
    assert selected(expression, message) == key


@pytest.mark.parametrize("expression", ["action", "$request.header.a", "$request.body", "${request.body.a", "$default"])
def test_what_cannot_be_evaluated_is_refused(expression: str) -> None:
    with pytest.raises(BadExpressionError):
        parsed(expression)
