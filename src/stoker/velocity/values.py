"""Values in templates: what they are as text, and the methods that templates may call, as Java's classes have them.

Texts, numbers, booleans, lists and maps are Python's own; `JsonList` is a list that came from JSON and prints as JSON.
Everything else that a template is handed is a `HostObject`, with methods of its maker's choice.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from stoker.velocity.errors import TemplateError

TEXT_LENGTH_MAX = 10 * 1024 * 1024
# What writing a piece of a value counts, beside its length: many small ones take time.
PIECE_COST = 16
ITEMS_MAX = 100_000
NUMBER_MAX = 1 << 63
_GROUP = re.compile(r"\$(\d)|\\(.?)")
_WORDS = {None: "null", True: "true", False: "false"}


class JsonList(list[Any]):
    """An array that a JSON path found."""


class HostObject:
    """Something with methods and properties, by their names."""

    def __init__(self, methods: Mapping[str, Callable[..., Any]], properties: Mapping[str, Any] | None = None) -> None:
        self.methods = methods
        self.properties = properties or {}


class Entry:
    """One pair of a map."""

    def __init__(self, key: Any, value: Any) -> None:
        self.key = key
        self.value = value


def text_of(value: Any) -> str:
    """As Java prints it: `true`, `5.0`, `{a=1, b=2}`, `[x, y]`. Raises TemplateError for far too much of it: what
    contains itself many times over is small until it is written."""
    if isinstance(value, str):
        return value
    pieces: list[str] = []
    _print(value, pieces, [TEXT_LENGTH_MAX])
    return "".join(pieces)


def _print(value: Any, pieces: list[str], room: list[int]) -> None:
    match value:
        case JsonList():
            _print_json(value, pieces, room)
        case list():
            _put_piece("[", pieces, room)
            for number, item in enumerate(value):
                _put_piece(", " if number else "", pieces, room)
                _print(item, pieces, room)
            _put_piece("]", pieces, room)
        case dict():
            _put_piece("{", pieces, room)
            for number, (key, item) in enumerate(value.items()):
                _put_piece(", " if number else "", pieces, room)
                _print(key, pieces, room)
                _put_piece("=", pieces, room)
                _print(item, pieces, room)
            _put_piece("}", pieces, room)
        case Entry():
            _print(value.key, pieces, room)
            _put_piece("=", pieces, room)
            _print(value.value, pieces, room)
        case None | bool():
            _put_piece(_WORDS[value], pieces, room)
        case _:
            _put_piece(str(value), pieces, room)


def _print_json(value: Any, pieces: list[str], room: list[int]) -> None:
    match value:
        case list():
            _put_piece("[", pieces, room)
            for number, item in enumerate(value):
                _put_piece("," if number else "", pieces, room)
                _print_json(item, pieces, room)
            _put_piece("]", pieces, room)
        case dict():
            _put_piece("{", pieces, room)
            for number, (key, item) in enumerate(value.items()):
                _put_piece("," if number else "", pieces, room)
                _put_piece(f"{json.dumps(text_of(key), ensure_ascii=False)}:", pieces, room)
                _print_json(item, pieces, room)
            _put_piece("}", pieces, room)
        case None | bool() | int() | float() | str():
            _put_piece(json.dumps(value, ensure_ascii=False), pieces, room)
        case _:
            _put_piece(json.dumps(str(value), ensure_ascii=False), pieces, room)


def json_of(value: Any) -> str:
    """As JSON. Raises TemplateError as `text_of` does."""
    pieces: list[str] = []
    _print_json(value, pieces, [TEXT_LENGTH_MAX])
    return "".join(pieces)


def _put_piece(piece: str, pieces: list[str], room: list[int]) -> None:
    room[0] -= len(piece) + PIECE_COST
    if room[0] < 0:
        raise TemplateError("a value is too large to be written")
    pieces.append(piece)


def is_same(left: Any, right: Any) -> bool:
    """Whether two values of one kind are equal; lists and maps are when they look equal."""
    if isinstance(left, list | dict | Entry):
        return left is right or text_of(left) == text_of(right)
    return bool(left == right)


def property_of(value: Any, name: str) -> Any:
    """None for what is not there."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, HostObject):
        return value.properties.get(name)
    if isinstance(value, Entry) and name in ("key", "value"):
        return value.key if name == "key" else value.value
    if isinstance(value, list) and name in ("size", "empty"):
        return len(value) if name == "size" else not value
    return None


def item_of(value: Any, at: Any) -> Any:
    """`[at]` of a list or a map; None for what is not there."""
    if isinstance(value, dict):
        return value.get(at)
    if isinstance(value, list) and isinstance(at, int) and not isinstance(at, bool):
        return value[at] if -len(value) <= at < len(value) else None
    return None


def call(value: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """Raises TemplateError for a method that refuses; None when there is none of that name."""
    method: Callable[..., Any] | None
    if isinstance(value, HostObject):
        method, given = value.methods.get(name), arguments
    else:
        kind = next((known for known in _METHODS if isinstance(value, known)), None)
        method = _METHODS[kind].get(name) if kind is not None else None
        method, given = method or _OF_ALL.get(name), (value, *arguments)
    if method is None:
        return None
    try:
        return method(*given)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, re.error, OverflowError) as error:
        raise TemplateError(f"{name}: {error}") from None


def _replaced(new: str) -> str:
    """A replacement of Java's as one of Python's: `$1` is a group, `\\$` a sign."""
    return _GROUP.sub(lambda found: rf"\g<{found[1]}>" if found[1] else (found[2] or "").replace("\\", "\\\\"), new)


def _split(text: str, pattern: str, limit: int = 0) -> list[str]:
    parts = re.split(pattern, text, maxsplit=max(0, limit - 1)) if limit != 1 else [text]
    while limit == 0 and len(parts) > 1 and parts[-1] == "":
        parts.pop()
    return parts


def _substring(text: str, first: int, end: int | None = None) -> str:
    last = len(text) if end is None else end
    if not 0 <= first <= last <= len(text):
        raise ValueError("there is no such part of the text")
    return text[first:last]


def _char_at(text: str, at: int) -> str:
    if not 0 <= at < len(text):
        raise ValueError("there is no such character")
    return text[at]


def _replace(text: str, old: str, new: str) -> str:
    if len(text) + text.count(old) * len(new) > TEXT_LENGTH_MAX:
        raise ValueError("the text becomes too long")
    return text.replace(old, new)


def _replace_all(text: str, pattern: str, new: str, count: int = 0) -> str:
    found = re.compile(pattern)
    times = 1 if count else sum(1 for _ in found.finditer(text))
    if len(text) + times * (len(new) + len(text) * new.count("$")) > TEXT_LENGTH_MAX:
        raise ValueError("the text becomes too long")
    return found.sub(_replaced(new), text, count=count)


def _concat(text: str, other: str) -> str:
    if len(text) + len(other) > TEXT_LENGTH_MAX:
        raise ValueError("the text becomes too long")
    return text + other


def _set_item(items: list[Any], at: int, value: Any) -> Any:
    before, items[at] = items[at], value
    return before


def _add(items: list[Any], *given: Any) -> bool:
    """At its end, or (two arguments) at a place."""
    if len(items) >= ITEMS_MAX:
        raise ValueError("the list becomes too long")
    if len(given) == 2:
        items.insert(given[0], given[1])
    else:
        (value,) = given
        items.append(value)
    return True


def _add_all(items: list[Any], others: list[Any]) -> bool:
    if len(items) + len(others) > ITEMS_MAX:
        raise ValueError("the list becomes too long")
    items.extend(others)
    return True


def _index_of(items: list[Any], wanted: Any) -> int:
    return next((at for at, item in enumerate(items) if type(item) is type(wanted) and is_same(item, wanted)), -1)


def _remove(items: list[Any], what: Any) -> Any:
    """By its place, or itself."""
    if isinstance(what, int) and not isinstance(what, bool):
        return items.pop(what)
    at = _index_of(items, what)
    if at >= 0:
        del items[at]
    return at >= 0


def _put(entries: dict[Any, Any], key: Any, value: Any) -> Any:
    before = entries.get(key)
    entries[key] = value
    return before


def _put_all(entries: dict[Any, Any], others: dict[Any, Any]) -> None:
    entries.update(others)


def _integer(_: Any, text: Any) -> int:
    return int(text_of(text))


_OF_TEXTS: Mapping[str, Callable[..., Any]] = {
    "charAt": _char_at,
    "concat": _concat,
    "contains": lambda text, other: text_of(other) in text,
    "endsWith": lambda text, other: text.endswith(other),
    "equalsIgnoreCase": lambda text, other: isinstance(other, str) and text.lower() == other.lower(),
    "indexOf": lambda text, other, first=0: text.find(other, first),
    "isEmpty": lambda text: not text,
    "lastIndexOf": lambda text, other: text.rfind(other),
    "length": len,
    "matches": lambda text, pattern: re.fullmatch(pattern, text) is not None,
    "replace": _replace,
    "replaceAll": _replace_all,
    "replaceFirst": lambda text, pattern, new: _replace_all(text, pattern, new, 1),
    "split": _split,
    "startsWith": lambda text, other: text.startswith(other),
    "substring": _substring,
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "trim": str.strip,
}
_OF_LISTS: Mapping[str, Callable[..., Any]] = {
    "add": _add,
    "addAll": _add_all,
    "contains": lambda items, item: _index_of(items, item) >= 0,
    "get": lambda items, at: items[at],
    "indexOf": _index_of,
    "isEmpty": lambda items: not items,
    "remove": _remove,
    "set": _set_item,
    "size": len,
}
_OF_MAPS: Mapping[str, Callable[..., Any]] = {
    "containsKey": lambda entries, key: key in entries,
    "containsValue": lambda entries, value: _index_of(list(entries.values()), value) >= 0,
    "entrySet": lambda entries: [Entry(key, value) for key, value in entries.items()],
    "get": lambda entries, key: entries.get(key),
    "isEmpty": lambda entries: not entries,
    "keySet": list,
    "put": _put,
    "putAll": _put_all,
    "remove": lambda entries, key: entries.pop(key, None),
    "size": len,
    "values": lambda entries: list(entries.values()),
}
_OF_NUMBERS: Mapping[str, Callable[..., Any]] = {
    "doubleValue": float,
    "intValue": int,
    "longValue": int,
    "parseInt": _integer,
}
_OF_ENTRIES: Mapping[str, Callable[..., Any]] = {
    "getKey": lambda entry: entry.key,
    "getValue": lambda entry: entry.value,
}
_METHODS: Mapping[type, Mapping[str, Callable[..., Any]]] = {
    str: _OF_TEXTS,
    list: _OF_LISTS,
    dict: _OF_MAPS,
    bool: {"booleanValue": bool},
    int: _OF_NUMBERS,
    float: _OF_NUMBERS,
    Entry: _OF_ENTRIES,
}
_OF_ALL: Mapping[str, Callable[..., Any]] = {
    "equals": lambda value, other: type(value) is type(other) and is_same(value, other),
    "toString": text_of,
}
