"""Reference: invocation, 5.3."""

import pytest

from stoker.functions.urls.records import Cors
from stoker.http_events.cors import answer_headers, is_preflight, preflight_headers

ASKED = {
    "origin": "https://a.example.com",
    "access-control-request-method": "PUT",
    "access-control-request-headers": "x-a, x-b",
}


def test_a_preflight_has_an_origin_and_a_method_and_is_an_options() -> None:
    assert is_preflight("OPTIONS", ASKED)
    assert not is_preflight("GET", ASKED)
    for name in ("origin", "access-control-request-method"):
        assert not is_preflight("OPTIONS", {other: value for other, value in ASKED.items() if other != name})


def test_a_preflight_is_told_all_that_is_configured() -> None:
    cors = Cors(
        allow_credentials=True,
        allow_headers=("x-a", "x-b"),
        allow_methods=("GET", "PUT"),
        allow_origins=("https://a.example.com",),
        expose_headers=("x-c",),
        max_age_s=300,
    )
    assert preflight_headers(cors, ASKED) == {
        "access-control-allow-origin": "https://a.example.com",
        "vary": "Origin",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET,PUT",
        "access-control-allow-headers": "x-a,x-b",
        "access-control-max-age": "300",
    }
    assert answer_headers(cors, ASKED) == {
        "access-control-allow-origin": "https://a.example.com",
        "vary": "Origin",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-c",
    }


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        (("*",), "*"),
        (("https://*.example.com",), "https://a.example.com"),
        (("http://*", "https://*"), "https://a.example.com"),
        (("HTTPS://A.example.com",), "https://a.example.com"),
        (("https://b.example.com",), None),
        (("https://aXexample.com",), None),
        (("https://a.example.com.evil.org",), None),
        (("https://a.example",), None),
        ((), None),
        (None, None),
    ],
)
def test_origins(origins: tuple[str, ...] | None, expected: str | None) -> None:
    headers = answer_headers(Cors(allow_origins=origins), ASKED)
    assert headers.get("access-control-allow-origin") == expected
    assert ("vary" in headers) == (expected not in (None, "*"))


def test_stars_beside_credentials_are_replaced_by_what_was_asked_for() -> None:
    """Fetch standard: with credentials a star is a name like any other."""
    cors = Cors(allow_credentials=True, allow_origins=("*",), allow_methods=("*",), allow_headers=("*",))
    assert preflight_headers(cors, ASKED) == {
        "access-control-allow-origin": "https://a.example.com",
        "vary": "Origin",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-a, x-b",
    }
    plain = Cors(allow_origins=("*",), allow_methods=("*",), allow_headers=("*",))
    assert preflight_headers(plain, ASKED) == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "*",
        "access-control-allow-headers": "*",
    }


def test_whoever_is_no_browser_or_not_allowed_is_told_nothing() -> None:
    cors = Cors(allow_origins=("https://b.example",), allow_methods=("*",), expose_headers=("x",), max_age_s=1)
    assert preflight_headers(cors, ASKED) == {}
    assert answer_headers(cors, ASKED) == {}
    assert answer_headers(cors, {}) == {}
