"""The rules engine's SQL, as far as it is read: `SELECT * | a, b.c AS d, topic(2) AS e FROM 'a/+/#'`. Pure functions.

Source: AWS IoT Core Developer Guide, "AWS IoT SQL reference".
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_STATEMENT = re.compile(
    r"\s*SELECT\s+(?P<columns>.+?)\s+FROM\s+['\"](?P<topics>[^'\"]+)['\"]\s*", re.IGNORECASE | re.DOTALL
)
_COLUMN = re.compile(
    r"(?:(?P<topic>topic)\(\s*(?P<level>\d*)\s*\)|(?P<path>[A-Za-z_]\w*(?:\.\w+)*))(?:\s+AS\s+(?P<name>[A-Za-z_]\w*))?",
    re.IGNORECASE,
)


class SqlError(Exception):
    """The statement is none of those that are read."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is selected of a message, and the filter of the topics it is selected from."""

    topics: str
    select: Callable[[str, Any], Any]

    def result(self, topic: str, payload: bytes) -> str | None:
        """As JSON; None for another topic's message and for one that is no JSON."""
        if not meets(self.topics, topic):
            return None
        try:
            message = json.loads(payload)
        except ValueError:
            return None
        return json.dumps(self.select(topic, message), separators=(",", ":"), ensure_ascii=False)


def parse(sql: str) -> Statement:
    """Raises SqlError."""
    found = _STATEMENT.fullmatch(sql)
    if found is None:
        raise SqlError(f"Stoker reads statements without conditions only, not: {sql[:200]}")
    if found["columns"].strip() == "*":
        return Statement(found["topics"], lambda _topic, message: message)
    columns = [_column(text.strip()) for text in found["columns"].split(",")]

    def select(topic: str, message: Any) -> Any:
        values = {name: value(topic, message) for name, value in columns}
        return {name: value for name, value in values.items() if value is not _UNDEFINED}

    return Statement(found["topics"], select)


_UNDEFINED = object()
Column = tuple[str, Callable[[str, Any], Any]]


def _column(text: str) -> Column:
    found = _COLUMN.fullmatch(text)
    if found is None:
        raise SqlError(f"Stoker reads columns such as a.b and topic() only, not: {text[:200]}")
    if found["topic"]:
        level = int(found["level"] or 0)
        return found["name"] or "topic", lambda topic, _message: _level(topic, level)
    names = found["path"].split(".")
    return found["name"] or names[-1], lambda _topic, message: _at(message, names)


def _level(topic: str, level: int) -> Any:
    """The whole topic for 0; levels are counted from 1."""
    levels = topic.split("/")
    if level == 0:
        return topic
    return levels[level - 1] if level <= len(levels) else _UNDEFINED


def _at(message: Any, names: list[str]) -> Any:
    for name in names:
        message = message.get(name, _UNDEFINED) if isinstance(message, Mapping) else _UNDEFINED
    return message


def meets(topics: str, topic: str) -> bool:
    """Whether a topic meets a filter: `+` stands for one level, `#` for all that follow."""
    wanted, levels = topics.split("/"), topic.split("/")
    for position, level in enumerate(wanted):
        if level == "#":
            return True
        if position >= len(levels) or level not in ("+", levels[position]):
            return False
    return len(wanted) == len(levels)
