"""The rules that a service model states for a value (length, range, pattern, enum), compiled once with AWS's texts."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from stoker.lambda_model.java_text import java_double
from stoker.lambda_model.recorded import ENUM_ADDITIONS, MAXIMUMS, PATTERNS, UNBOUNDED, enum_set_text
from stoker.lambda_model.shapes import Constraint, Shape

log = logging.getLogger("stoker.lambda_model")

NOT_NULL_TEXT = "Member must not be null"

# A text far over its maximum is refused for its length; its pattern is not tried, since some patterns take quadratic
# time and a body may be megabytes.
PATTERN_LENGTH_MAX = 1024

# Java's classes that Python's `re` lacks, for use between brackets: letters and numbers, and separators.
_JAVA_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": r"\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}


def constraints_of(name: str, description: Mapping[str, Any]) -> tuple[Constraint, ...]:
    """The rules of one shape, in the order of AWS's bracketed lists: maximum, minimum, pattern, enum."""
    made: list[Constraint] = []
    if name in UNBOUNDED:
        return ()
    if description["type"] in ("string", "list", "map", "blob"):
        made += _length_constraints(description, MAXIMUMS.get(name))
    elif description["type"] in ("integer", "long", "double", "float"):
        made += _range_constraints({**description, "max": MAXIMUMS[name]} if name in MAXIMUMS else description)
    if "pattern" in description:
        made.append(_pattern_constraint(description["pattern"], PATTERNS.get(name), description.get("max")))
    if "enum" in description:
        made.append(_enum_constraint(name, description["enum"]))
    return tuple(made)


def for_bare_names(shape: Shape, length_max: int) -> tuple[Constraint, ...]:
    """The constraints of a name's shape with another maximum for names that are no ARNs; longest come first."""
    longest, *others = shape.constraints
    bare = Constraint(
        f"Member must have length less than or equal to {length_max}",
        lambda value: java_length(value) <= length_max or (":" in value and longest.holds(value)),
        is_about_length=True,
    )
    return (bare, *others)


def _length_constraints(description: Mapping[str, Any], told_max: int | None) -> list[Constraint]:
    """`told_max` is what messages say instead of the model's maximum."""
    length: Callable[[Any], int] = java_length if description["type"] == "string" else len
    made = []
    if (maximum := description.get("max")) is not None:
        text = f"Member must have length less than or equal to {told_max or maximum}"
        made.append(Constraint(text, lambda value: length(value) <= maximum, is_about_length=True))
    if minimum := description.get("min"):
        text = f"Member must have length greater than or equal to {minimum}"
        made.append(Constraint(text, lambda value: length(value) >= minimum, is_about_length=True))
    return made


def _range_constraints(description: Mapping[str, Any]) -> list[Constraint]:
    shown = java_double if description["type"] in ("double", "float") else str
    made = []
    if (maximum := description.get("max")) is not None:
        text = f"Member must have value less than or equal to {shown(maximum)}"
        made.append(Constraint(text, lambda value: value <= maximum))
    if (minimum := description.get("min")) is not None:
        text = f"Member must have value greater than or equal to {shown(minimum)}"
        made.append(Constraint(text, lambda value: value >= minimum))
    return made


def _pattern_constraint(pattern: str, told: str | None, length_max: int | None) -> Constraint:
    """`told` is what messages say instead of the model's pattern; either one is good enough."""
    matches = java_pattern(pattern).fullmatch
    matches_told = java_pattern(told).fullmatch if told is not None else matches
    trusted_length = max(length_max or 0, PATTERN_LENGTH_MAX)

    def holds(value: Any) -> bool:
        is_far_too_long = length_max is not None and len(value) > trusted_length
        return is_far_too_long or matches(value) is not None or matches_told(value) is not None

    return Constraint(f"Member must satisfy regular expression pattern: {told or pattern}", holds)


def _enum_constraint(name: str, values: list[str]) -> Constraint:
    all_values = [*values, *(value for value in ENUM_ADDITIONS.get(name, ()) if value not in values)]
    allowed = frozenset(all_values)
    return Constraint(
        f"Member must satisfy enum value set: {enum_set_text(name, all_values)}", lambda value: value in allowed
    )


def java_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern of Java's dialect as Python's: ASCII classes, unless it asks for Unicode ones by name.

    A pattern that Python cannot express lets everything pass, with a warning: a newer botocore must not stop the node.
    """
    # Java takes a hyphen after a class such as `\w` for itself, Python for a range.
    translated = re.sub(r"(\\[dswDSW])-", r"\1\\-", pattern)
    for java, python in _JAVA_CLASSES.items():
        translated = translated.replace(java, python)
    try:
        return re.compile(translated, 0 if r"\p{" in pattern else re.ASCII)
    except re.error:
        log.warning("the service model's pattern %s cannot be checked", pattern)
        return re.compile(".*", re.DOTALL)


def java_length(text: str) -> int:
    """The length in UTF-16 units, as Java counts it."""
    return len(text) if text.isascii() else len(text) + sum(character > "\uffff" for character in text)
