"""JSON paths as mapping templates and parameter mappings use them: `$`, `.name`, `['name']`, `[0]`, `[*]`, `..name`.

Filters (`[?(…)]`), slices and unions are not there; a path that has one is refused. Pure.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from stoker.velocity.values import JsonList

FOUND_MAX = 100_000
_STEP = re.compile(
    r"\.\.(?P<deep>[\w$-]+|\*)|\.(?P<name>[\w$-]+|\*)|\[\s*(?P<index>-?\d+|\*)\s*\]|\[\s*(?P<quote>['\"])(?P<key>.*?)(?P=quote)\s*\]"
)


class JsonPathError(ValueError):
    """What is no path, or has what is not supported."""


class _Step(NamedTuple):
    """`at` is a name, an index or `*`; `is_deep` finds it at any depth."""

    at: str | int
    is_deep: bool = False


def find(document: Any, path: str) -> Any:
    """What lies at the path: one value, or a list of all when the path can lead to many; None for nothing.

    Raises JsonPathError.
    """
    steps = _steps(path)
    found: list[Any] = [document]
    for step in steps:
        found = list(_bounded(value for each in found for value in _at(each, step)))
    if any(step.is_deep or step.at == "*" for step in steps):
        return JsonList(found)
    return found[0] if found else None


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[_Step, ...]:
    if not path.startswith("$"):
        path = f"$.{path}"
    at, steps = 1, []
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise JsonPathError(f"the JSON path {path[:256]!r} is none, or has what Stoker does not support")
        at = found.end()
        if found["deep"] is not None:
            steps.append(_Step(found["deep"], is_deep=True))
        elif found["index"] is not None and found["index"] != "*":
            steps.append(_Step(int(found["index"])))
        else:
            steps.append(_Step(found["name"] or found["key"] or found["index"] or ""))
    return tuple(steps)


def _at(value: Any, step: _Step) -> Iterator[Any]:
    if step.is_deep:
        for inner in _all(value):
            yield from _at(inner, _Step(step.at))
    elif step.at == "*":
        yield from _items(value)
    elif isinstance(value, dict):
        if step.at in value:
            yield value[step.at]
    elif isinstance(value, list) and isinstance(step.at, int) and -len(value) <= step.at < len(value):
        yield value[step.at]


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _all(value: Any) -> Iterator[Any]:
    yield value
    for inner in _items(value):
        yield from _all(inner)


def _bounded(values: Iterable[Any]) -> Iterator[Any]:
    for number, value in enumerate(values):
        if number >= FOUND_MAX:
            raise JsonPathError("a JSON path finds too much")
        yield value
