"""Checks an operation's members against the service model, in AWS's words, counts and order.

Source: reference, control plane, 1.1. One ValidationException lists every violation, joined with `; `.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stoker.errors import ValidationException
from stoker.lambda_model.constraints import NOT_NULL_TEXT
from stoker.lambda_model.java_text import java_text, lower_camel
from stoker.lambda_model.recorded import PATTERN_ALONE
from stoker.lambda_model.shapes import Member, Shape

# A body may hold a hundred thousand bad entries; nobody reads more than the first few.
VIOLATIONS_MAX = 100


class _EnoughError(Exception):
    """The list of violations is full."""


class Violations:
    """What was found so far."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, shape: Shape, value: Any, path: str, constraint: str) -> None:
        """Note that `value` at `path` breaks `constraint`. Values of sensitive shapes are not repeated."""
        if value is None:
            shown = "Value null"
        elif _is_sensitive(shape):
            shown = "Value"
        else:
            shown = f"Value '{java_text(shape, value)}'"
        self.texts.append(f"{shown} at '{path}' failed to satisfy constraint: {constraint}")
        if len(self.texts) >= VIOLATIONS_MAX:
            raise _EnoughError

    def raise_if_any(self) -> None:
        """Raise ValidationException with all of them."""
        if self.texts:
            count = len(self.texts)
            noun = "error" if count == 1 else "errors"
            raise ValidationException(f"{count} validation {noun} detected: {'; '.join(self.texts)}")


def validate(members: tuple[Member, ...], values: Mapping[str, Any]) -> None:
    """Check the values of an operation's `members`, in that order.

    Raises ValidationException.
    """
    violations = Violations()
    try:
        for member in members:
            value = values.get(member.name)
            if value is not None:
                if not _holds_plainly(member.shape, value):
                    _check(member.shape, value, lower_camel(member.name), violations)
            elif member.is_required:
                violations.add(member.shape, None, lower_camel(member.name), NOT_NULL_TEXT)
    except _EnoughError:
        pass
    violations.raise_if_any()


def _holds_plainly(shape: Shape, value: Any) -> bool:
    """Whether all is well with a value that has no parts: what nearly every member of an Invoke is."""
    for constraint in shape.constraints:
        if not constraint.holds(value):
            return False
    return shape.kind not in _INSIDE


def _check(shape: Shape, value: Any, path: str, violations: Violations) -> None:
    for constraint in shape.constraints:
        if not constraint.holds(value):
            _report(shape, value, path, violations)
            break
    check_inside = _INSIDE.get(shape.kind)
    if check_inside is not None:
        check_inside(shape, value, path, violations)


def _report(shape: Shape, value: Any, path: str, violations: Violations) -> None:
    """Note every constraint that `value` breaks: what it looks like first, how long it is after that."""
    broken = [constraint for constraint in shape.constraints if not constraint.holds(value)]
    about_form = [constraint for constraint in broken if not constraint.is_about_length]
    if not (about_form and shape.name in PATTERN_ALONE):
        about_form += [constraint for constraint in broken if constraint.is_about_length]
    for constraint in about_form:
        violations.add(shape, value, path, constraint.text)


def _check_structure(shape: Shape, value: Mapping[str, Any], path: str, violations: Violations) -> None:
    for name, member in shape.members.items():
        inner = value.get(name)
        if inner is not None:
            _check(member.shape, inner, f"{path}.{lower_camel(name)}", violations)
        elif member.is_required:
            violations.add(member.shape, None, f"{path}.{lower_camel(name)}", NOT_NULL_TEXT)


def _check_list(shape: Shape, values: list[Any], path: str, violations: Violations) -> None:
    assert shape.element is not None
    if shape.element.kind == "structure":
        for number, value in enumerate(values, start=1):
            if value is None:
                violations.add(shape.element, None, f"{path}.{number}.member", NOT_NULL_TEXT)
            else:
                _check_structure(shape.element, value, f"{path}.{number}.member", violations)
    elif not all(holds_entirely(shape.element, value) for value in values):
        violations.add(shape, values, path, f"Member must satisfy constraint: {constraint_list(shape.element)}")


def _check_map(shape: Shape, values: Mapping[str, Any], path: str, violations: Violations) -> None:
    assert shape.key is not None
    assert shape.element is not None
    key, element = shape.key, shape.element
    if element.kind == "structure":
        for name, value in values.items():
            if value is None:
                violations.add(element, None, f"{path}.{name}.member", NOT_NULL_TEXT)
            else:
                _check_structure(element, value, f"{path}.{name}.member", violations)
    elif not all(holds_entirely(element, value) for value in values.values()):
        violations.add(shape, values, path, f"Map value must satisfy constraint: {constraint_list(element)}")
    if not all(holds_entirely(key, name) for name in values):
        violations.add(shape, values, path, f"Map keys must satisfy constraint: {constraint_list(key)}")


_INSIDE: Mapping[str, Callable[[Shape, Any, str, Violations], None]] = {
    "structure": _check_structure,
    "list": _check_list,
    "map": _check_map,
}


def holds_entirely(shape: Shape, value: Any) -> bool:
    """Whether a list's element or a map's key or value satisfies all that its shape asks."""
    if value is None or not all(constraint.holds(value) for constraint in shape.constraints):
        return False
    if shape.kind in ("list", "map", "structure"):
        violations = Violations()
        try:
            _INSIDE[shape.kind](shape, value, "", violations)
        except _EnoughError:
            return False
        return not violations.texts
    return True


def constraint_list(shape: Shape) -> str:
    """`[c1, c2, Member must not be null]`: everything that is asked of an element, broken or not."""
    texts = [constraint.text for constraint in shape.constraints]
    if shape.kind == "list" and shape.element is not None and shape.element.kind != "structure":
        texts.append(f"Member must satisfy constraint: {constraint_list(shape.element)}")
    return f"[{', '.join([*texts, NOT_NULL_TEXT])}]"


def _is_sensitive(shape: Shape) -> bool:
    parts = (shape, shape.key, shape.element)
    return any(part.is_sensitive for part in parts if part is not None)
