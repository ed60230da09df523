"""Parses references and expressions (Apache Velocity User Guide, "References" and "Directives")."""

import re
from collections.abc import Callable

from stoker.velocity.nodes import (
    Binary,
    Call,
    Constant,
    Expression,
    Index,
    Interpolated,
    ListOf,
    MapOf,
    Negative,
    Node,
    Not,
    Property,
    Range,
    Reference,
    Step,
)
from stoker.velocity.scanner import NAME, Scanner

# From the loosest to the tightest; words stand for signs.
_LEVELS: tuple[dict[str, str], ...] = (
    {"||": "||", "or": "||"},
    {"&&": "&&", "and": "&&"},
    {"==": "==", "!=": "!=", "eq": "==", "ne": "!="},
    {"<=": "<=", ">=": ">=", "<": "<", ">": ">", "le": "<=", "ge": ">=", "lt": "<", "gt": ">"},
    {"+": "+", "-": "-"},
    {"*": "*", "/": "/", "%": "%"},
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_INDEX_BEGINS = re.compile(r"\[\s*(?:[$'\"]|-?\d)")
_WORD = re.compile(r"[a-z]+")
DEPTH_MAX = 60

ParseBody = Callable[[str], tuple[Node, ...]]


class ExpressionParser:
    """On a scanner. `parse_body` parses what stands between double quotes."""

    def __init__(self, scanner: Scanner, parse_body: ParseBody) -> None:
        self._scanner = scanner
        self._parse_body = parse_body
        self._depth = 0

    def reference(self) -> Reference | None:
        """At a `$`; None, with nothing read, when it begins no reference."""
        scanner, begin = self._scanner, self._scanner.at
        scanner.need("$")
        is_quiet = scanner.take("!")
        is_formal = scanner.take("{")
        name = scanner.match(NAME)
        if name is None:
            scanner.at = begin
            return None
        steps = self._steps()
        if is_formal and not scanner.take("}"):
            scanner.at = begin
            return None
        return Reference(name, steps, scanner.text[begin : scanner.at], is_quiet)

    def _steps(self) -> tuple[Step, ...]:
        scanner = self._scanner
        steps: list[Step] = []
        while True:
            begin = scanner.at
            if scanner.take("."):
                name = scanner.match(NAME)
                if name is None:  # a full stop after a reference
                    scanner.at = begin
                    break
                steps.append(Call(name, self._listed(")")) if scanner.take("(") else Property(name))
            elif scanner.sees("[") and self._is_index():
                scanner.take("[")
                steps.append(Index(self.expression()))
                scanner.skip_blanks()
                scanner.need("]")
            else:
                break
        return tuple(steps)

    def _is_index(self) -> bool:
        """A bracket that opens an index, and not text after a reference."""
        return _INDEX_BEGINS.match(self._scanner.text, self._scanner.at) is not None

    def expression(self) -> Expression:
        """Raises TemplateError."""
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._scanner.error("expressions are nested too deeply")
        made = self._level(0)
        self._depth -= 1
        return made

    def _level(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while (operator := self._operator(_LEVELS[level])) is not None:
            left = Binary(operator, left, self._level(level + 1))
        return left

    def _operator(self, known: dict[str, str]) -> str | None:
        scanner, begin = self._scanner, self._scanner.at
        scanner.skip_blanks()
        word = scanner.match(_WORD)
        if word is not None:
            if word in known:
                return known[word]
        else:
            for sign, meaning in known.items():
                if not sign.isalpha() and scanner.take(sign):
                    return meaning
        scanner.at = begin
        return None

    def _unary(self) -> Expression:
        scanner = self._scanner
        scanner.skip_blanks()
        if scanner.take("!"):
            return Not(self._nested_unary())
        begin = scanner.at
        word = scanner.match(_WORD)
        match word:
            case "not":
                return Not(self._nested_unary())
            case "true" | "false":
                return Constant(word == "true")
            case "null":
                return Constant(None)
            case None:
                return self._primary()
        scanner.at = begin
        raise scanner.error(f"{word!r} is no value")

    def _nested_unary(self) -> Expression:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._scanner.error("expressions are nested too deeply")
        made = self._unary()
        self._depth -= 1
        return made

    def _primary(self) -> Expression:
        scanner = self._scanner
        if scanner.sees("$"):
            reference = self.reference()
            if reference is None:
                raise scanner.error("a reference has no name")
            return reference
        if scanner.sees("'") or scanner.sees('"'):
            return self._quoted()
        if (number := scanner.match(_NUMBER)) is not None:
            return Constant(int(number) if number.isdecimal() else float(number))
        if scanner.take("-"):
            return Negative(self._nested_unary())
        if scanner.take("("):
            made = self.expression()
            scanner.skip_blanks()
            scanner.need(")")
            return made
        if scanner.take("["):
            return self._list()
        if scanner.take("{"):
            return self._map()
        raise scanner.error("a value is missing")

    def _quoted(self) -> Expression:
        """A doubled quote stands for one; between double quotes there may be references and directives."""
        scanner = self._scanner
        quote = scanner.text[scanner.at]
        scanner.at += 1
        parts = []
        while True:
            end = scanner.text.find(quote, scanner.at)
            if end < 0:
                raise scanner.error("a text does not end")
            parts.append(scanner.text[scanner.at : end])
            scanner.at = end + 1
            if not scanner.take(quote):
                break
        text = quote.join(parts)
        if quote == "'" or not ("$" in text or "#" in text):
            return Constant(text)
        return Interpolated(self._parse_body(text))

    def _listed(self, closing: str) -> tuple[Expression, ...]:
        scanner = self._scanner
        items: list[Expression] = []
        scanner.skip_blanks()
        if scanner.take(closing):
            return ()
        while True:
            items.append(self.expression())
            scanner.skip_blanks()
            if scanner.take(closing):
                return tuple(items)
            scanner.need(",")

    def _list(self) -> Expression:
        scanner, begin = self._scanner, self._scanner.at
        scanner.skip_blanks()
        if not scanner.sees("]"):
            first = self.expression()
            scanner.skip_blanks()
            if scanner.take(".."):
                last = self.expression()
                scanner.skip_blanks()
                scanner.need("]")
                return Range(first, last)
        scanner.at = begin
        return ListOf(self._listed("]"))

    def _map(self) -> Expression:
        scanner = self._scanner
        pairs: list[tuple[Expression, Expression]] = []
        scanner.skip_blanks()
        if scanner.take("}"):
            return MapOf(())
        while True:
            key = self.expression()
            scanner.skip_blanks()
            scanner.need(":")
            pairs.append((key, self.expression()))
            scanner.skip_blanks()
            if scanner.take("}"):
                return MapOf(tuple(pairs))
            scanner.need(",")
