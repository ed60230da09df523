"""Whether a filter's pattern can be understood at all; what matches it is a matter for the pollers.

Source: AWS Lambda Developer Guide, "Control which events Lambda sends to your function" (filter rule syntax).
"""

import json
from collections.abc import Mapping
from typing import Any

from stoker.errors import InvalidParameterValueException

INVALID = "Invalid filter pattern definition."
DEPTH_MAX = 100
_TEXT_RULES = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"})
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})


def check_filter_count(criteria: Mapping[str, Any] | None, filters_max: int) -> None:
    """Raise InvalidParameterValueException for too many filters."""
    if criteria and len(criteria.get("Filters") or ()) > filters_max:
        raise InvalidParameterValueException(f"Filter criteria cannot have more than {filters_max} filters.")


def check_filters(criteria: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValueException for a filter that is no pattern."""
    for given in criteria.get("Filters") or ():
        try:
            pattern = json.loads(given.get("Pattern") or "")
        except (ValueError, RecursionError):
            raise InvalidParameterValueException(INVALID) from None
        if not isinstance(pattern, dict) or not _is_pattern(pattern, 0):
            raise InvalidParameterValueException(INVALID)


def _is_pattern(value: Any, depth: int) -> bool:
    """Objects down to lists of rules; `$or` holds a list of patterns."""
    if depth > DEPTH_MAX:
        return False
    if isinstance(value, list):
        return bool(value) and all(_is_rule(rule) for rule in value)
    if not isinstance(value, dict):
        return False
    return all(
        _is_choice(inner, depth + 1) if name == "$or" else _is_pattern(inner, depth + 1)
        for name, inner in value.items()
    )


def _is_choice(value: Any, depth: int) -> bool:
    if not isinstance(value, list):
        return False
    return len(value) > 1 and all(isinstance(inner, dict) and _is_pattern(inner, depth) for inner in value)


def _is_rule(rule: Any) -> bool:
    if not isinstance(rule, dict):
        return not isinstance(rule, list)
    if len(rule) != 1:
        return False
    ((name, value),) = rule.items()
    if name in _TEXT_RULES:
        return isinstance(value, str)
    if name == "exists":
        return isinstance(value, bool)
    if name == "numeric":
        return _is_range(value)
    return name == "anything-but" and _is_exclusion(value)


def _is_range(value: Any) -> bool:
    if not isinstance(value, list) or len(value) not in (2, 4):
        return False
    numbers = [number for number in value[1::2] if isinstance(number, int | float) and not isinstance(number, bool)]
    return all(comparison in _COMPARISONS for comparison in value[::2]) and len(numbers) == len(value) // 2


def _is_exclusion(value: Any) -> bool:
    if isinstance(value, dict):
        return _is_rule(value) and next(iter(value)) in _TEXT_RULES
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(one, str | int | float) for one in values)
