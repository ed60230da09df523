"""Amazon API Gateway Developer Guide, "Transform API requests and responses for HTTP APIs"."""

import pytest

from stoker.http_apis.mapping import body_value, evaluated, mapped_call
from stoker.http_events.records import HttpCall

VALUES = {"request.header.a": "A", "request.querystring.b": "B", "context.stage": "dev", "stageVariables.c": "C"}
CALL = HttpCall("GET", "/a", "x=1&y=%20&x=2", [(b"Host", b"h"), (b"X-A", b"1")], b"", "1.2.3.4", "80")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("static", "static"),
        ("$request.header.a", "A"),
        ("${request.header.a}/${request.querystring.b}", "A/B"),
        ("$request.header.a $context.stage, $stageVariables.c.", "A dev, C."),
        # A header may be called so.
        ("$request.header.a-$context.stage", "dev"),
        ("${request.header.none}x", "x"),
        ("$5 and $other.thing", "$5 and $other.thing"),
    ],
)
def test_variables_stand_for_what_they_name(expression: str, expected: str) -> None:
    assert evaluated(expression, VALUES.get) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b", "1"),
        ("list[1].x", "y"),
        ("list", '[0,{"x":"y"}]'),
        ("flag", "true"),
        ("none", None),
        ("a.b.c", None),
        ("list[7]", None),
        ("list.x", None),
        ("missing", None),
    ],
)
def test_values_are_found_in_json(path: str, expected: str | None) -> None:
    body = b'{"a": {"b": 1}, "list": [0, {"x": "y"}], "flag": true, "none": null}'
    assert body_value(body, path) == expected
    assert body_value(b"no json", path) is None


def test_nothing_else_of_a_request_changes() -> None:
    assert mapped_call(CALL, {}, VALUES.get) is CALL
    mapped = mapped_call(CALL, {"overwrite:header.x-a": "2", "append:header.x-b": "a\r\nb"}, VALUES.get)
    assert mapped == CALL._replace(headers=[(b"Host", b"h"), (b"x-a", b"2"), (b"x-b", b"a b")])


def test_a_query_is_written_anew_when_it_is_mapped() -> None:
    parameters = {"remove:querystring.x": "", "append:querystring.y": "&=", "overwrite:path": "b c/$context.stage"}
    mapped = mapped_call(CALL, parameters, VALUES.get)
    assert (mapped.raw_query, mapped.raw_path) == ("y=+&y=%26%3D", "/b%20c/dev")
