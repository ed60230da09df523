import json

import pytest

from stoker.logs.errors import LogsError
from stoker.logs.filter_pattern import parse_filter_pattern

EVENT = {
    "level": "ERROR",
    "status": 503,
    "ratio": 0.5,
    "path": "/orders/17",
    "ok": False,
    "user": None,
    "items": [{"id": "a"}, {"id": "b"}],
    "http.code": 1,
}


@pytest.mark.parametrize(
    ("pattern", "message", "is_match"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR] it failed", True),
        ("error", "[ERROR] it failed", False),
        ("ERROR failed", "[ERROR] it failed", True),
        ("ERROR missing", "[ERROR] it failed", False),
        ('"it failed"', "[ERROR] it failed", True),
        ('"failed it"', "[ERROR] it failed", False),
        (r'"say \"hi\""', 'say "hi"', True),
        ("?WARN ?ERROR", "[ERROR] it failed", True),
        ("?WARN ?INFO", "[ERROR] it failed", False),
        ("ERROR ?INFO", "[ERROR] it failed", True),
        ("ERROR -failed", "[ERROR] it failed", False),
        ("ERROR -passed", "[ERROR] it failed", True),
        ('-"it failed"', "[ERROR] it failed", False),
        ("REPORT", "START RequestId: 1", False),
    ],
)
def test_terms(pattern: str, message: str, is_match: bool) -> None:
    assert parse_filter_pattern(pattern)(message) is is_match


@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [
        ('{ $.level = "ERROR" }', True),
        ("{ $.level = ERROR }", True),
        ('{ $.level != "ERROR" }', False),
        ('{ $.absent != "ERROR" }', False),
        ("{ $.status = 503 }", True),
        ("{ $.status >= 500 && $.status < 600 }", True),
        ("{ $.status > 503 }", False),
        ("{ $.ratio <= .5 }", True),
        ('{ $.path = "/orders/*" }', True),
        ('{ $.path = "/orders/[1]*" }', False),
        ("{ $.ok IS FALSE }", True),
        ("{ $.ok IS TRUE }", False),
        ("{ $.user IS NULL }", True),
        ("{ $.absent NOT EXISTS }", True),
        ("{ $.level NOT EXISTS }", False),
        ('{ $.items[1].id = "b" }', True),
        ('{ $.items[2].id = "b" }', False),
        ("{ $['http.code'] = 1 }", True),
        ('{ ($.status = 1 || $.ok IS FALSE) && $.level = "E*" }', True),
        ('{ $.status = 1 || $.ok IS FALSE && $.level = "W*" }', False),
    ],
)
def test_json(pattern: str, is_match: bool) -> None:
    assert parse_filter_pattern(pattern)(json.dumps(EVENT)) is is_match


def test_a_json_pattern_passes_over_lines_that_are_not_json() -> None:
    matches = parse_filter_pattern('{ $.level = "ERROR" }')
    assert not any(matches(line) for line in ("START RequestId: 1", "{ not json", "", "[" * 100_000))


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("[ip, user, status]", "space-delimited"),
        ("%ERR.*%", "regular expressions"),
        ("{ $.a = %x% }", "regular expressions"),
        ('"unfinished', "Invalid filter pattern"),
        ("{ $.a = }", "Invalid filter pattern"),
        ("{ a = 1 }", "Invalid filter pattern"),
        ("{ $.a > b }", "Invalid filter pattern"),
        ("{ $.a = 1 } more", "Invalid filter pattern"),
        ("{ $.a IS MAYBE }", "Invalid filter pattern"),
        ("{ " + "(" * 200 + "$.a = 1" + ")" * 200 + " }", "too deeply"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(pattern: str, part: str) -> None:
    with pytest.raises(LogsError, match=part) as refused:
        parse_filter_pattern(pattern)
    assert refused.value.code == "InvalidParameterException"
