"""Route selection expressions: which route a message is for. Pure functions.

Source: Amazon API Gateway Developer Guide, "Route selection expressions".
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

DEFAULT_ROUTE = "$default"
CONNECT_ROUTE = "$connect"
DISCONNECT_ROUTE = "$disconnect"
_PATH = r"request\.body((?:\.[A-Za-z0-9_-]+)+)"
_ALONE = re.compile(rf"\${_PATH}")
_BRACED = re.compile(rf"\$\{{{_PATH}\}}")


class BadExpressionError(ValueError):
    """The text is no expression that can be evaluated."""


@lru_cache(maxsize=1024)
def parsed(expression: str) -> tuple[tuple[str, ...] | str, ...]:
    """Texts as they are, and paths into the message (`("action",)` of `$request.body.action`).

    Raises BadExpressionError.
    """
    alone = _ALONE.fullmatch(expression)
    if alone is not None:
        return (_path(alone[1]),)
    parts: list[tuple[str, ...] | str] = []
    position = 0
    for found in _BRACED.finditer(expression):
        parts += [expression[position : found.start()], _path(found[1])]
        position = found.end()
    parts.append(expression[position:])
    if not any(isinstance(part, tuple) for part in parts) or any(
        "$" in part for part in parts if isinstance(part, str)
    ):
        raise BadExpressionError(expression)
    return tuple(part for part in parts if part)


def _path(text: str) -> tuple[str, ...]:
    return tuple(text.split(".")[1:])


def selected(expression: str, message: str) -> str | None:
    """The route key that a message selects; None for one that is not JSON, or lacks what the expression asks for."""
    try:
        document = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    texts = [part if isinstance(part, str) else _value(document, part) for part in parsed(expression)]
    found = [text for text in texts if text is not None]
    return "".join(found) if len(found) == len(texts) else None


def _value(document: Any, path: tuple[str, ...]) -> str | None:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return None
        document = document[name]
    if isinstance(document, str):
        return document
    if isinstance(document, bool | int | float):
        return msgspec.json.encode(document).decode()
    return None
