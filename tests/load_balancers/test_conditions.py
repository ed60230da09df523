"""Which requests a rule is for. Source: Elastic Load Balancing, "Condition types for listener rules"."""

from typing import Any

import pytest

from stoker.load_balancers.conditions import Facts, are_met, read_conditions, shown_condition
from stoker.load_balancers.errors import BalancerError
from stoker.load_balancers.wildcards import fits

FACTS = Facts("GET", "www.example.com", "/img/a.png", "version=v1&q=A%20b", [(b"user-agent", b"Chrome/1")], "10.1.2.3")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("*", "", True),
        ("a", "a", True),
        ("a", "ab", False),
        ("a", "ba", False),
        ("/img/*", "/img/", True),
        ("/img/*", "/img", False),
        ("/img/*/pics", "/img/a/b/pics", True),
        ("a*a", "a", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("?", "x", True),
        ("?", "", False),
        ("?*?", "x", False),
        ("?*?", "xy", True),
        ("a.c", "abc", False),
        ("*\n?", "a\nb", True),
    ],
)
def test_wildcards(pattern: str, text: str, expected: bool) -> None:
    assert fits(pattern, text) is expected


def test_escaped_wildcards_stand_for_themselves() -> None:
    assert fits(r"a\*\?", "a*?", has_escapes=True)
    assert not fits(r"a\*", "ab", has_escapes=True)


def test_many_stars_take_no_longer_than_the_text_is_long() -> None:
    """By trying every place for every star this would not end."""
    assert not fits("*a" * 60 + "b", "a" * 16_000)


def met(condition: dict[str, Any], facts: Facts = FACTS) -> bool:
    return are_met(read_conditions([condition]), facts)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"Field": "host-header", "Values": ["*.EXAMPLE.com"]}, True),
        ({"Field": "host-header", "HostHeaderConfig": {"Values": ["other.com", "www.example.???"]}}, True),
        ({"Field": "host-header", "Values": ["example.com"]}, False),
        ({"Field": "path-pattern", "Values": ["/img/*"]}, True),
        ({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/IMG/*"]}}, False),
        ({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "User-Agent", "Values": ["*chrome*"]}}, True),
        ({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-None", "Values": ["*"]}}, False),
        ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["PUT", "GET"]}}, True),
        ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["HEAD"]}}, False),
        ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "VERSION", "Value": "v?"}]}}, True),
        ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Value": "a%20*"}]}}, True),
        ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "q", "Value": "v1"}]}}, False),
        ({"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.0/24", "10.0.0.0/8"]}}, True),
        ({"Field": "source-ip", "SourceIpConfig": {"Values": ["2001:db8::/32"]}}, False),
        ({"SourceIpConfig": {"Values": ["10.1.2.3/32"]}}, True),
    ],
)
def test_conditions(condition: dict[str, Any], expected: bool) -> None:
    assert met(condition) is expected


def test_all_conditions_of_a_rule_must_be_met() -> None:
    path = {"Field": "path-pattern", "Values": ["/img/*"]}
    method = {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["PUT"]}}
    assert not are_met(read_conditions([path, method]), FACTS)
    assert are_met(read_conditions([path, method]), FACTS._replace(method="PUT"))


def test_each_line_of_a_repeated_header_counts() -> None:
    condition = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-a", "Values": ["two"]}}
    assert met(condition, FACTS._replace(headers=[(b"x-a", b"one"), (b"x-a", b"two")]))


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ([], "ValidationError"),
        ([{"Field": "cookie", "Values": ["a"]}], "ValidationError"),
        ([{"Field": "path-pattern", "Values": []}], "ValidationError"),
        ([{"Field": "path-pattern", "Values": ["/a"]}, {"Field": "path-pattern", "Values": ["/b"]}], "ValidationError"),
        ([{"Field": "path-pattern", "Values": [f"/{number}" for number in range(6)]}], "ValidationError"),
        ([{"Field": "path-pattern", "Values": ["/" + "a" * 128]}], "ValidationError"),
        ([{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["a+"]}}], "InvalidConfigurationRequest"),
        ([{"Field": "http-header", "HttpHeaderConfig": {"Values": ["a"]}}], "ValidationError"),
        (
            [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "Host", "Values": ["a"]}}],
            "ValidationError",
        ),
        ([{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get"]}}], "ValidationError"),
        ([{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a"}]}}], "ValidationError"),
        ([{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.1"]}}], "ValidationError"),
        ([{"Field": "source-ip", "SourceIpConfig": {"Values": ["x/8"]}}], "ValidationError"),
    ],
)
def test_what_cannot_be_a_condition_is_refused(conditions: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(BalancerError) as raised:
        read_conditions(conditions)
    assert raised.value.code == code


def test_conditions_are_shown_as_they_were_given() -> None:
    given = [
        {"Field": "path-pattern", "Values": ["/a"], "PathPatternConfig": {"Values": ["/a"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"Values": ["x"], "HttpHeaderName": "x-a"}},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "k", "Value": "v"}]}},
    ]
    assert [shown_condition(condition) for condition in read_conditions(given)] == given
