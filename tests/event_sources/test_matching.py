"""The filter language. Expected answers: reference, event sources, 6; EventBridge User Guide where that is silent."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.errors import InvalidParameterValueException
from stoker.event_sources.filters import check_filters
from stoker.event_sources.matching import Filters, Text, matches, parse

DOCUMENT = parse(
    """{"name": "Alice", "age": 30, "price": 300.0, "tags": ["red", "blue"], "nothing": null, "empty": "", "on": true,
    "none": [], "path": "img/a.png", "deep": {"er": {"x": 1}}, "items": [{"id": 1, "k": "a"}, {"id": 2, "k": "b"}],
    "nested": [["in", 7]], "zero": 0, "number": "30"}"""
)
CASES: list[tuple[str, bool]] = [
    ('{"name":["Alice"]}', True),
    ('{"name":["alice"]}', False),
    ('{"name":["Bob","Alice"]}', True),
    ('{"name":["Alice"],"age":[30]}', True),
    ('{"name":["Alice"],"age":[31]}', False),
    ('{"age":[30]}', True),
    ('{"age":["30"]}', False),
    ('{"number":[30]}', False),
    ('{"age":[30.0]}', False),  # numbers are compared as they are written
    ('{"price":[300]}', False),
    ('{"price":[300.0]}', True),
    ('{"price":[{"numeric":["=",300]}]}', True),
    ('{"on":[true]}', True),
    ('{"on":[1]}', False),
    ('{"zero":[false]}', False),
    ('{"nothing":[null]}', True),
    ('{"absent":[null]}', False),
    ('{"empty":[""]}', True),
    ('{"nothing":[""]}', False),
    ('{"name":[{"equals-ignore-case":"ALICE"}]}', True),
    ('{"age":[{"equals-ignore-case":"30"}]}', False),
    ('{"name":[{"anything-but":["Bob"]}]}', True),
    ('{"name":[{"anything-but":["Alice","Bob"]}]}', False),
    ('{"name":[{"anything-but":"Alice"}]}', False),
    ('{"age":[{"anything-but":[31]}]}', True),
    ('{"age":[{"anything-but":30}]}', False),
    ('{"absent":[{"anything-but":["x"]}]}', False),
    ('{"name":[{"anything-but":{"prefix":"Al"}}]}', False),
    ('{"name":[{"anything-but":{"prefix":"Bo"}}]}', True),
    ('{"path":[{"anything-but":{"suffix":".png"}}]}', False),
    ('{"name":[{"anything-but":{"equals-ignore-case":"aLICE"}}]}', False),
    ('{"name":[{"anything-but":{"wildcard":"*lic*"}}]}', False),
    ('{"age":[{"numeric":[">",29,"<=",30]}]}', True),
    ('{"age":[{"numeric":[">",30]}]}', False),
    ('{"age":[{"numeric":["!=",30]}]}', False),
    ('{"age":[{"numeric":["<",1e400]}]}', True),
    ('{"number":[{"numeric":["=",30]}]}', False),
    ('{"name":[{"exists":true}]}', True),
    ('{"name":[{"exists":false}]}', False),
    ('{"absent":[{"exists":false}]}', True),
    ('{"deep":[{"exists":true}]}', False),  # leaves only
    ('{"none":[{"exists":true}]}', False),
    ('{"nothing":[{"exists":true}]}', True),
    ('{"deep":{"er":{"y":[{"exists":false}]}}}', True),
    ('{"absent":{"er":[{"exists":false}]}}', True),
    ('{"absent":{"er":[1]}}', False),
    ('{"path":[{"prefix":"img/"}]}', True),
    ('{"path":[{"prefix":"png"}]}', False),
    ('{"path":[{"suffix":".png"}]}', True),
    ('{"path":[{"suffix":".jpg"}]}', False),
    ('{"path":[{"wildcard":"img/*.png"}]}', True),
    ('{"path":[{"wildcard":"*"}]}', True),
    ('{"path":[{"wildcard":"img/*.jpg"}]}', False),
    ('{"path":[{"wildcard":"img/a.png*a.png"}]}', False),
    (r'{"path":[{"wildcard":"img/\\*"}]}', False),
    ('{"tags":["blue"]}', True),
    ('{"tags":["green"]}', False),
    ('{"tags":[{"prefix":"re"}]}', True),
    ('{"nested":[7]}', True),
    ('{"deep":{"er":{"x":[1]}}}', True),
    ('{"deep":{"x":[1]}}', False),
    ('{"items":{"id":[2]}}', True),
    ('{"items":{"id":[2],"k":["b"]}}', True),
    ('{"items":{"id":[1],"k":["b"]}}', False),
    ('{"name":{"first":["Alice"]}}', False),
    ('{"$or":[{"name":["Bob"]},{"age":[30]}]}', True),
    ('{"$or":[{"name":["Bob"]},{"age":[31]}]}', False),
    ('{"name":["Alice"],"$or":[{"age":[31]},{"on":[true]}]}', True),
    ('{"deep":{"er":{"$or":[{"x":[2]},{"x":[{"numeric":[">=",1]}]}]}}}', True),
]


@pytest.mark.parametrize(("pattern", "expected"), CASES, ids=[pattern for pattern, _ in CASES])
def test_a_pattern_matches_what_aws_says_it_does(pattern: str, expected: bool) -> None:
    check_filters({"Filters": [{"Pattern": pattern}]})
    assert matches(parse(pattern), DOCUMENT) is expected


BODIES: list[tuple[str, str, bool]] = [
    ('{"body":{"a":[1]}}', '{"a":1}', True),
    ('{"body":{"a":[1]}}', '{"a":2}', False),
    ('{"body":{"a":[1]}}', "plain", False),
    ('{"body":{"a":[{"exists":false}]}}', "plain", False),
    ('{"body":{"a":[{"exists":false}]}}', "{}", True),
    ('{"body":["plain"]}', "plain", True),
    ('{"body":[{"prefix":"pl"}]}', "plain", True),
    ('{"body":["plain"]}', "other", False),
    ('{"body":["{\\"a\\":1}"]}', '{"a":1}', False),
    ('{"id":["m"]}', "plain", True),
    ('{"id":["m"]}', '{"a":1}', True),
    ('{"id":["n"]}', "plain", False),
    ('{"$or":[{"body":{"a":[1]}},{"id":["m"]}]}', "plain", True),
    ('{"body":{"a":[1]}}', '{"a":2,"a":1}', True),  # the last of two counts
    ('{"body":{"a":[1]}}', "[" * 100_000, False),
    ('{"body":{"a":[1]}}', '[{"a":1}]', False),
]


@pytest.mark.parametrize(("pattern", "body", "expected"), BODIES, ids=range(len(BODIES)))
def test_bodies_match_patterns_of_their_own_kind(pattern: str, body: str, expected: bool) -> None:
    """JSON patterns JSON bodies, plain ones plain text; without a pattern for it, the body is not looked at."""
    assert Filters({"Filters": [{"Pattern": pattern}]}).match({"id": "m", "body": Text(body)}) is expected


def test_one_filter_of_several_is_enough_and_none_lets_everything_through() -> None:
    two = {"Filters": [{"Pattern": '{"a":[1]}'}, {"Pattern": '{"b":[1]}'}]}
    assert [Filters(two).match(document) for document in ({"a": 1}, {"b": 1}, {"c": 1})] == [True, True, False]
    assert Filters(None).match({"a": 1})
    assert Filters({"Filters": []}).match({})


leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "ab", "b*", "A"])
documents = st.recursive(
    st.dictionaries(st.sampled_from("abc"), leaves | st.lists(leaves, max_size=3), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), leaves | inner | st.lists(inner, max_size=2), max_size=3),
    max_leaves=8,
)
texts = st.sampled_from(["", "a", "b", "ab", "*", "a*", "*b"])
numbers = st.integers(-5, 5)
rules = (
    leaves
    | st.builds(lambda name, text: {name: text}, st.sampled_from(["prefix", "suffix", "equals-ignore-case"]), texts)
    | st.builds(lambda text: {"wildcard": text}, texts)
    | st.builds(
        lambda comparison, number: {"numeric": [comparison, number]}, st.sampled_from(["=", "<", ">="]), numbers
    )
    | st.builds(lambda there: {"exists": there}, st.booleans())
    | st.builds(lambda values: {"anything-but": values}, st.lists(numbers, min_size=1, max_size=2) | texts)
)
patterns = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.lists(rules, min_size=1, max_size=3), min_size=1, max_size=3),
    lambda inner: (
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=2)
        | st.builds(lambda choices: {"$or": choices}, st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=6,
)


@given(patterns, patterns, documents)
def test_or_and_several_filters_mean_the_same_and_fields_together_mean_both(
    one: dict[str, Any], other: dict[str, Any], document: dict[str, Any]
) -> None:
    one, other, document = (parse(json.dumps(value)) for value in (one, other, document))
    either = matches(one, document) or matches(other, document)
    assert matches({"$or": [one, other]}, document) is either
    if not one.keys() & other.keys():
        assert matches({**one, **other}, document) is (matches(one, document) and matches(other, document))


@given(patterns, documents)
def test_what_is_checked_can_be_matched_and_texts_are_as_good_as_what_they_say(
    pattern: dict[str, Any], document: dict[str, Any]
) -> None:
    written = json.dumps({"body": pattern})
    check_filters({"Filters": [{"Pattern": written}]})
    in_text = Filters({"Filters": [{"Pattern": written}]}).match({"body": Text(json.dumps(document))})
    assert in_text is matches(parse(json.dumps(pattern)), parse(json.dumps(document)))


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False), st.integers())
def test_numeric_compares_values_exactly(number: Decimal | int, bound: int) -> None:
    pattern = parse(json.dumps({"a": [{"numeric": ["<", bound]}]}))
    assert matches(pattern, parse(f'{{"a":{number}}}')) is (number < bound)


@given(st.text(max_size=30), st.text(alphabet="ab*\\", max_size=12))
def test_no_pattern_and_no_text_upsets_a_wildcard(text: str, wildcard: str) -> None:
    pattern = {"a": [{"wildcard": wildcard}]}
    assert matches(pattern, {"a": text}) in (True, False)
    assert matches({"a": [{"wildcard": text.replace("\\", r"\\").replace("*", r"\*")}]}, {"a": text})
    assert matches({"a": [{"wildcard": "*" + wildcard}]}, {"a": text}) or not matches(pattern, {"a": text})


@pytest.mark.parametrize("pattern", ['{"a":[{"cidr":"10.0.0.0/8"}]}', '{"a":[{"prefix":1}]}', '{"a":1}'])
def test_what_lambda_has_not_is_no_pattern(pattern: str) -> None:
    with pytest.raises(InvalidParameterValueException, match="Invalid filter pattern definition"):
        check_filters({"Filters": [{"Pattern": pattern}]})
