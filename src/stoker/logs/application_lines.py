"""Lines that a function printed itself, with LogFormat JSON: which of them its application log level lets pass.

AWS's runtime clients filter what goes through their loggers and frame it; what is printed past them is judged here. A
line that is no JSON object (a traceback of the interpreter, say) always passes: there is no level in it to judge by.
Source: reference, runtime side, 6.3, and AWS's documentation of log level filtering.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_RANKS: Mapping[str, int] = {"TRACE": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "ERROR": 4, "FATAL": 5}
# How loggers in use call the same things.
_SYNONYMS: Mapping[str, str] = {"WARNING": "WARN", "CRITICAL": "FATAL"}
_TIME_NAMES = ("timestamp", "time")


class ApplicationLines:
    """The rule for one function."""

    def __init__(self, level: str) -> None:
        """`level` is the function's application log level."""
        self._rank = _RANKS[level]

    def judge(self, line: str) -> tuple[bool, int | None]:
        """(whether the line passes, its own time in epoch ms if it tells one).

        A level that is missing or unknown counts as INFO, and so does one beside a time that is not RFC 3339.
        """
        record = _object(line)
        if record is None:
            return True, None
        timestamp_ms = _timestamp_ms(record)
        rank = _RANKS["INFO"] if timestamp_ms is None and _has_time(record) else _rank(record.get("level"))
        return rank >= self._rank, timestamp_ms


def _object(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _rank(level: object) -> int:
    name = level.upper() if isinstance(level, str) else ""
    return _RANKS.get(_SYNONYMS.get(name, name), _RANKS["INFO"])


def _has_time(record: Mapping[str, Any]) -> bool:
    return any(name in record for name in _TIME_NAMES)


def _timestamp_ms(record: Mapping[str, Any]) -> int | None:
    text = next((record[name] for name in _TIME_NAMES if name in record), None)
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        # RFC 3339 always says how far from UTC.
        return None if moment.tzinfo is None else int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
