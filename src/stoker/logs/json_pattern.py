"""Filter patterns for JSON events: `{ ($.status >= 500 && $.path = "/a*") || $.error IS TRUE }`.

A recursive descent over the pattern's tokens makes one test out of small ones; the customer's text never becomes code
or a regular expression. Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax for JSON log events".
"""

import fnmatch
import json
import operator
import re
from collections.abc import Callable
from typing import Any

from stoker.logs.errors import LogsError, invalid, unsupported

DEPTH_MAX = 32
Test = Callable[[Any], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<selector>\$(?:\.[\w\-@/]+|\[\d+\]|\[[\"'][^\"']*[\"']\])*)"
    r'|(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<mark>&&|\|\||!=|<=|>=|[=<>(){}])"
    r"|(?P<word>[^\s&|=<>!(){}\"$]+))"
)
_STEP = re.compile(r"\.([\w\-@/]+)|\[(\d+)\]|\[[\"']([^\"']*)[\"']\]")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_MISSING = object()


def parse_json_pattern(pattern: str) -> Callable[[str], bool]:
    """A test for one event's message. Raises InvalidParameterException (a LogsError)."""
    test = _Parser(pattern).parse()

    def matches(message: str) -> bool:
        # Nearly every line that is not JSON is told apart here, without an exception.
        if not message.lstrip().startswith(("{", "[")):
            return False
        try:
            return test(json.loads(message))
        except (ValueError, RecursionError):
            return False

    return matches


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._tokens = self._split(pattern)
        self._place = 0
        self._depth = 0

    def parse(self) -> Test:
        self._expect("{")
        test = self._any()
        self._expect("}")
        if self._peek():
            raise self._wrong()
        return test

    def _any(self) -> Test:
        tests = [self._all()]
        while self._peek() == "||":
            self._next()
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._peek() == "&&":
            self._next()
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda event: all(test(event) for test in tests)

    def _one(self) -> Test:
        if self._peek() != "(":
            return self._comparison()
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise invalid("Invalid filter pattern: nested too deeply")
        self._next()
        test = self._any()
        self._expect(")")
        self._depth -= 1
        return test

    def _comparison(self) -> Test:
        selector = self._next()
        if not selector.startswith("$"):
            raise self._wrong()
        select = _selector(selector)
        mark = self._next()
        if mark.upper() == "IS":
            return _is(select, self._next().upper()) or self._refuse()
        if mark.upper() == "NOT" and self._next().upper() == "EXISTS":
            return lambda event: select(event) is _MISSING
        value = self._next()
        if mark in ("=", "!="):
            equal = _equal(select, value)
            return equal if mark == "=" else lambda event: select(event) is not _MISSING and not equal(event)
        if mark in _COMPARE and (number := _number(value)) is not None:
            return _ordered(select, _COMPARE[mark], number)
        raise self._wrong()

    def _split(self, pattern: str) -> list[str]:
        tokens = []
        place = 0
        pattern = pattern.rstrip()
        while place < len(pattern):
            found = _TOKEN.match(pattern, place)
            if not found:
                raise self._wrong()
            place = found.end()
            tokens.append(found[0].strip())
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise self._wrong()
        self._place += 1
        return token

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise self._wrong()

    def _refuse(self) -> Test:
        raise self._wrong()

    def _wrong(self) -> LogsError:
        return invalid(f"Invalid filter pattern: {self._pattern}")


def _selector(text: str) -> Callable[[Any], Any]:
    """`$.a.b[0]` or `$['a']`: what it selects from an event, or _MISSING."""
    steps = [int(index) if index else name or quoted for name, index, quoted in _STEP.findall(text)]

    def select(event: Any) -> Any:
        for step in steps:
            if isinstance(step, int):
                event = event[step] if isinstance(event, list) and step < len(event) else _MISSING
            else:
                event = event.get(step, _MISSING) if isinstance(event, dict) else _MISSING
        return event

    return select


def _is(select: Callable[[Any], Any], word: str) -> Test | None:
    if word not in ("TRUE", "FALSE", "NULL"):
        return None
    wanted = {"TRUE": True, "FALSE": False, "NULL": None}[word]
    return lambda event: select(event) is wanted


def _equal(select: Callable[[Any], Any], value: str) -> Test:
    if not value.startswith('"') and (number := _number(value)) is not None:
        return lambda event: _is_number(select(event)) and select(event) == number
    text = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
    if len(text) > 1 and text.startswith("%") and text.endswith("%"):
        raise unsupported("regular expressions in filter patterns (%…%)")
    if "*" not in text:
        return lambda event: select(event) == text
    # Only the star is special here; fnmatch's other signs are put into brackets.
    glob = re.sub(r"([\[?])", r"[\1]", text)
    return lambda event: isinstance(found := select(event), str) and fnmatch.fnmatchcase(found, glob)


def _ordered(select: Callable[[Any], Any], compare: Callable[[Any, Any], bool], number: float) -> Test:
    return lambda event: _is_number(found := select(event)) and compare(found, number)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
