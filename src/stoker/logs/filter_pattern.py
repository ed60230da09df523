"""CloudWatch's filter patterns: which events `FilterLogEvents` returns.

Terms (all must occur), "quoted phrases", `?term` (any may occur), `-term` (must not occur), and `{ $.x = "y" }` for
JSON, which is in `json_pattern.py`. Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax". Regular
expressions (`%…%`) and space-delimited patterns (`[a, b]`) are refused by name.
"""

import re
from collections.abc import Callable

from stoker.logs.errors import invalid, unsupported
from stoker.logs.json_pattern import parse_json_pattern

Matches = Callable[[str], bool]

_TERM = re.compile(r'\s*(?P<sign>[-?]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"]+))')


def parse_filter_pattern(pattern: str) -> Matches:
    """A test for one event's message. Raises InvalidParameterException (a LogsError)."""
    pattern = pattern.strip()
    if not pattern:
        return lambda message: True
    if pattern.startswith("{"):
        return parse_json_pattern(pattern)
    if pattern.startswith("["):
        raise unsupported("space-delimited filter patterns ([a, b, …])")
    return _parse_terms(pattern)


def _parse_terms(pattern: str) -> Matches:
    required: list[str] = []
    optional: list[str] = []
    excluded: list[str] = []
    place = 0
    while place < len(pattern):
        found = _TERM.match(pattern, place)
        if not found:
            raise invalid(f"Invalid filter pattern: {pattern}")
        place = found.end()
        {"": required, "?": optional, "-": excluded}[found["sign"]].append(_term(found))
    if required:
        # AWS: beside a required term the optional ones have no effect.
        optional = []

    def matches(message: str) -> bool:
        return (
            all(term in message for term in required)
            and (not optional or any(term in message for term in optional))
            and not any(term in message for term in excluded)
        )

    return matches


def _term(found: re.Match[str]) -> str:
    if found["phrase"] is not None:
        return re.sub(r"\\(.)", r"\1", found["phrase"])
    word = found["word"]
    if len(word) > 1 and word.startswith("%") and word.endswith("%"):
        raise unsupported("regular expressions in filter patterns (%…%)")
    return word
