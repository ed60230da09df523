"""Which records a mapping's filters let through: the pattern language itself, pure.

A pattern is an object of fields; a field's value is a list of rules, of which one must hold, or a pattern again. All
fields must match. What holds for one element of a list holds for the field. Source: reference, event sources, 6; where
it is silent, Amazon EventBridge User Guide, "Comparison operators".
"""

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as it was written: `300` and `300.0` are not equal here, though neither is greater."""

    text: str

    @property
    def value(self) -> Decimal | None:
        """None for what JSON does not know but Python reads: NaN and its like."""
        try:
            value = Decimal(self.text)
        except InvalidOperation:
            return None
        return value if value.is_finite() else None


@dataclass(frozen=True, slots=True)
class Text:
    """Data that may be JSON: a body, a message. Patterns of fields look into it, lists of rules at plain text."""

    text: str

    def fields(self) -> Mapping[str, Any] | None:
        """The object that it is, if it is one."""
        value = self._json()
        return value if isinstance(value, dict) else None

    @property
    def is_plain(self) -> bool:
        """Whether it is neither an object nor a list: a lone number or word counts as text."""
        return not isinstance(self._json(), dict | list)

    def _json(self) -> Any:
        if self.text.lstrip()[:1] not in ("{", "["):
            return None
        try:
            return parse(self.text)
        except (ValueError, RecursionError):
            return None


class Filters:
    """A mapping's filter criteria; without any, everything matches."""

    def __init__(self, criteria: Mapping[str, Any] | None) -> None:
        """`criteria` as `filters.py` has checked them."""
        self._patterns = [parse(given["Pattern"]) for given in (criteria or {}).get("Filters") or ()]

    def match(self, document: Mapping[str, Any]) -> bool:
        """Whether one of the patterns matches."""
        return not self._patterns or any(matches(pattern, document) for pattern in self._patterns)


def parse(text: str) -> Any:
    """JSON whose numbers are `Numeral`s. Of a key that comes twice, the last value counts. Raises ValueError."""
    return json.loads(text, parse_int=Numeral, parse_float=Numeral, parse_constant=Numeral)


def matches(pattern: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether an object has all that the pattern asks for."""
    return all(
        any(matches(choice, document) for choice in wanted) if name == "$or" else _field_matches(wanted, document, name)
        for name, wanted in pattern.items()
    )


def _field_matches(wanted: Any, document: Mapping[str, Any], name: str) -> bool:
    if isinstance(wanted, dict):
        value = document.get(name)
        inner = [fields for element in _elements(value) if (fields := _fields(element)) is not None]
        if not inner and not isinstance(value, Text):
            inner = [{}]  # what is asked to be absent, is
        return any(matches(wanted, fields) for fields in inner)
    leaves = [leaf for value in (_elements(document[name]) if name in document else ()) for leaf in _leaf(value)]
    return any(_rule_holds(rule, leaves) for rule in wanted)


def _elements(value: Any) -> Iterator[Any]:
    """A list's elements, and those of the lists in it; what is no list is its own only element."""
    if isinstance(value, list):
        for element in value:
            yield from _elements(element)
    else:
        yield value


def _fields(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, Text):
        return value.fields()
    return value if isinstance(value, Mapping) else None


def _leaf(value: Any) -> Iterator[Any]:
    """The value to compare with, if it is one: str, Numeral, bool or None."""
    if isinstance(value, Text):
        if value.is_plain:
            yield value.text
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield Numeral(json.dumps(value))
    elif not isinstance(value, Mapping):
        yield value


def _rule_holds(rule: Any, leaves: list[Any]) -> bool:
    if isinstance(rule, dict) and "exists" in rule:
        return bool(leaves) is rule["exists"]
    return any(_leaf_holds(rule, leaf) for leaf in leaves)


def _leaf_holds(rule: Any, leaf: Any) -> bool:
    if not isinstance(rule, dict):
        return _equal(rule, leaf)
    ((name, value),) = rule.items()
    if name == "anything-but":
        return not _is_excluded(value, leaf)
    if name == "numeric":
        return isinstance(leaf, Numeral) and _is_within(value, leaf.value)
    return isinstance(leaf, str) and _TEXT_RULES[name](leaf, value)


def _equal(wanted: Any, leaf: Any) -> bool:
    """Of the same type as well: true is not 1, "1" is not 1."""
    return type(wanted) is type(leaf) and bool(wanted == leaf)


def _is_excluded(value: Any, leaf: Any) -> bool:
    if isinstance(value, dict):
        return _leaf_holds(value, leaf)
    return any(_equal(excluded, leaf) for excluded in (value if isinstance(value, list) else [value]))


def _is_within(bounds: list[Any], number: Decimal | None) -> bool:
    if number is None:
        return False
    return all(
        (value := bound.value) is not None and _COMPARISONS[comparison](number, value)
        for comparison, bound in zip(bounds[::2], bounds[1::2], strict=True)
    )


def _is_like(text: str, wildcard: str) -> bool:
    r"""Whether `text` fits `wildcard`: `*` is any run of characters, `\*` and `\\` the characters themselves.

    The pieces between the stars are looked for from left to right, so that no text takes long.
    """
    pieces = _pieces(wildcard)
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def _pieces(wildcard: str) -> list[str]:
    pieces = [""]
    characters = iter(wildcard)
    for character in characters:
        if character == "*":
            pieces.append("")
        else:
            pieces[-1] += next(characters, "\\") if character == "\\" else character
    return pieces


_TEXT_RULES: Mapping[str, Callable[[str, str], bool]] = {
    "prefix": str.startswith,
    "suffix": str.endswith,
    "equals-ignore-case": lambda text, wanted: text.casefold() == wanted.casefold(),
    "wildcard": _is_like,
}
