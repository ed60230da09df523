"""Which payloads are refused, and in which words (reference: control plane, 3.3; Jackson's source for the rest)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.errors import InvalidRequestContentException
from stoker.invocations.payload import check_payload

VALUE = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


@pytest.mark.parametrize(
    ("payload", "problem", "line", "column"),
    [
        (b"\x99", f"Unexpected character ((CTRL-CHAR, code 153)): expected a valid value {VALUE}", 1, 1),
        (b'"\x87"', "Invalid UTF-8 start byte 0x87", 1, 3),
        (b"hello", f"Unrecognized token 'hello': was expecting {VALUE}", 1, 1),
        (
            b'{"a" 1}',
            "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
            1,
            6,
        ),
        (b'{"a":1 "b"}', "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries", 1, 8),
        (b"{a:1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name", 1, 2),
    ],
)
def test_what_is_no_json_is_refused_in_aws_words(payload: bytes, problem: str, line: int, column: int) -> None:
    with pytest.raises(InvalidRequestContentException) as raised:
        check_payload(payload)
    source = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled);"
    assert raised.value.message == (
        "Could not parse request body into json: Could not parse payload into json: "
        f"{problem}\n at {source} line: {line}, column: {column}]"
    )


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"[1,]",
        b"nul",
        b"NaN",
        b"Infinity",
        b"1 2",
        b"01",
        b"+1",
        b"'a'",
        b'"\n"',
        b'"\\x"',
        b"[" * 2000,
        b"\xef\xbb\xbf1",
    ],
)
def test_what_no_parser_takes_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidRequestContentException):
        check_payload(payload)


@pytest.mark.parametrize(
    "payload", [b"", b"null", b" 1\n", b'"\\ud800"', b"1e999", '"ü"'.encode(), b"[" * 500 + b"]" * 500]
)
def test_everything_that_is_json_passes(payload: bytes) -> None:
    check_payload(payload)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_whatever_json_writes_passes(value: Any) -> None:
    check_payload(json.dumps(value).encode())


@given(st.binary(max_size=30))
def test_any_bytes_are_either_taken_or_refused_by_name(payload: bytes) -> None:
    """And what is refused, Python's own parser does not take either."""
    try:
        check_payload(payload)
    except InvalidRequestContentException:
        with pytest.raises(ValueError):  # noqa: PT011 - a decoding error is one, too
            json.loads(payload.decode(), parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise ValueError(name)
