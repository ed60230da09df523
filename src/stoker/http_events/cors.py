"""What the Cors settings of a function URL or an HTTP API say to browsers: pure functions (reference: invocation, 5.3).

Settings rule alone: what the function says of the same headers is dropped. Without settings all of it, preflights too,
is the function's.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from stoker.functions.urls.records import Cors

CORS_HEADERS = frozenset(
    f"access-control-{name}"
    for name in ("allow-credentials", "allow-headers", "allow-methods", "allow-origin", "expose-headers", "max-age")
)


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks what it may send (Fetch standard, "CORS-preflight request")."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def preflight_headers(cors: Cors, headers: Mapping[str, str]) -> dict[str, str]:
    """The answer to a preflight; empty for an origin that is not allowed."""
    shown = _origin_headers(cors, headers)
    if not shown:
        return {}
    for name, allowed in (("method", cors.allow_methods), ("headers", cors.allow_headers)):
        if allowed:
            asked = headers.get(f"access-control-request-{name}", "")
            plural = "methods" if name == "method" else name
            shown[f"access-control-allow-{plural}"] = _allowed(allowed, asked, cors)
    if cors.max_age_s is not None:
        shown["access-control-max-age"] = str(cors.max_age_s)
    return shown


def answer_headers(cors: Cors, headers: Mapping[str, str]) -> dict[str, str]:
    """What an answer to a request with these headers gets."""
    shown = _origin_headers(cors, headers)
    if shown and cors.expose_headers:
        shown["access-control-expose-headers"] = ",".join(cors.expose_headers)
    return shown


def _origin_headers(cors: Cors, headers: Mapping[str, str]) -> dict[str, str]:
    origin = headers.get("origin")
    allowed = cors.allow_origins or ()
    if origin is None or not any(_origin_pattern(pattern).fullmatch(origin) for pattern in allowed):
        return {}
    if "*" in allowed and not cors.allow_credentials:
        return {"access-control-allow-origin": "*"}
    shown = {"access-control-allow-origin": origin, "vary": "Origin"}
    if cors.allow_credentials:
        shown["access-control-allow-credentials"] = "true"
    return shown


def _allowed(allowed: tuple[str, ...], asked: str, cors: Cors) -> str:
    """With credentials, `*` is to browsers a name like any other: what was asked for is said instead."""
    return asked if "*" in allowed and cors.allow_credentials and asked else ",".join(allowed)


@lru_cache(maxsize=1024)
def _origin_pattern(pattern: str) -> re.Pattern[str]:
    """`*` stands for any characters, as in `https://*.example.com`. Schemes and hosts have no case."""
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.IGNORECASE)
