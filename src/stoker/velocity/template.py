"""A template, ready to be merged with values."""

from collections.abc import Iterable, Mapping
from typing import Any

from stoker.velocity.errors import TemplateError
from stoker.velocity.nodes import (
    Binary,
    Break,
    Call,
    Constant,
    Expression,
    Foreach,
    If,
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
    Set,
    Step,
    Stop,
    Text,
)
from stoker.velocity.parser import parse
from stoker.velocity.values import NUMBER_MAX, TEXT_LENGTH_MAX, call, is_same, item_of, property_of, text_of

STEPS_MAX = 200_000
# Texts that methods and operators make may have so many characters together: each of them is copied.
MADE_LENGTH_MAX = 100 * 1024 * 1024
# API Gateway Developer Guide, "Quotas": iterations of a #foreach loop in mapping templates.
ITERATIONS_MAX = 1000


class Template:
    """Parsed once."""

    def __init__(self, text: str) -> None:
        """Raises TemplateError."""
        self._nodes = parse(text)

    def merge(self, values: Mapping[str, Any]) -> str:
        """The text that becomes of it. Raises TemplateError. What the template sets is not seen by the caller, except
        within values that it was handed."""
        run = _Run(values)
        try:
            run.render(self._nodes)
        except (_StopError, _BreakError):
            pass
        except (RecursionError, ZeroDivisionError, MemoryError) as error:
            raise TemplateError(f"the template cannot be merged: {error}") from None
        return "".join(run.written)


class _StopError(Exception):
    """`#stop`."""


class _BreakError(Exception):
    """`#break`."""


class _Run:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self.scope: dict[str, Any] = dict(values)
        self.written: list[str] = []
        self._length = 0
        self._made_length = 0
        self._steps = 0

    def render(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self._steps += 1
            if self._steps > STEPS_MAX:
                raise TemplateError("the template takes too many steps")
            self._render(node)

    def _render(self, node: Node) -> None:
        match node:
            case Text():
                self._write(node.text)
            case Reference():
                value = self._reference(node)
                if value is not None:
                    self._write(text_of(value))
                elif not node.is_quiet:
                    self._write(node.source)
            case Set():
                self._set(node.target, self.value(node.value))
            case If():
                for condition, body in node.branches:
                    if condition is None or _is_true(self.value(condition)):
                        self.render(body)
                        break
            case Foreach():
                self._foreach(node)
            case Break():
                raise _BreakError
            case Stop():
                raise _StopError

    def _write(self, text: str) -> None:
        self._length += len(text)
        if self._length > TEXT_LENGTH_MAX:
            raise TemplateError("what the template makes is too long")
        self.written.append(text)

    def _foreach(self, node: Foreach) -> None:
        value = self.value(node.items)
        items = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(items, list):
            return
        missing = object()
        before = {name: self.scope.get(name, missing) for name in (node.name, "foreach", "velocityCount")}
        for index, item in enumerate(items[:ITERATIONS_MAX]):
            self.scope[node.name] = item
            self.scope["velocityCount"] = index + 1
            self.scope["foreach"] = {
                "count": index + 1,
                "index": index,
                "hasNext": index + 1 < len(items),
                "first": index == 0,
                "last": index + 1 == len(items),
                "parent": None if before["foreach"] is missing else before["foreach"],
            }
            try:
                self.render(node.body)
            except _BreakError:
                break
        for name, old in before.items():
            if old is missing:
                self.scope.pop(name, None)
            else:
                self.scope[name] = old

    def _set(self, target: Reference, value: Any) -> None:
        """Of what is not there yet, nothing comes."""
        if not target.steps:
            self.scope[target.name] = value
            return
        holder = self._walk(self.scope.get(target.name), target.steps[:-1])
        last = target.steps[-1]
        if isinstance(holder, dict):
            if isinstance(last, Property):
                holder[last.name] = value
            elif isinstance(last, Index):
                holder[self.value(last.at)] = value
        elif isinstance(holder, list) and isinstance(last, Index):
            at = self.value(last.at)
            if isinstance(at, int) and 0 <= at < len(holder):
                holder[at] = value

    def _reference(self, reference: Reference) -> Any:
        return self._walk(self.scope.get(reference.name), reference.steps)

    def _walk(self, value: Any, steps: Iterable[Step]) -> Any:
        for step in steps:
            if value is None:
                return None
            self._steps += 1
            match step:
                case Property():
                    value = property_of(value, step.name)
                case Index():
                    value = item_of(value, self.value(step.at))
                case Call():
                    arguments = tuple(self.value(argument) for argument in step.arguments)
                    value = self._made(call(value, step.name, arguments))
        return value

    def value(self, expression: Expression) -> Any:
        match expression:
            case Constant():
                return expression.value
            case Reference():
                return self._reference(expression)
            case Interpolated():
                return self._interpolated(expression)
            case ListOf():
                return [self.value(item) for item in expression.items]
            case Range():
                return _range(self.value(expression.first), self.value(expression.last))
            case MapOf():
                return {self.value(key): self.value(item) for key, item in expression.pairs}
            case Not():
                return not _is_true(self.value(expression.operand))
            case Negative():
                operand = self.value(expression.operand)
                return -operand if _is_number(operand) else None
            case Binary():
                return self._binary(expression)

    def _interpolated(self, expression: Interpolated) -> str:
        outer, self.written = self.written, []
        try:
            self.render(expression.body)
            return "".join(self.written)
        finally:
            self.written = outer

    def _binary(self, expression: Binary) -> Any:
        left = self.value(expression.left)
        if expression.operator == "||":
            return _is_true(left) or _is_true(self.value(expression.right))
        if expression.operator == "&&":
            return _is_true(left) and _is_true(self.value(expression.right))
        right = self.value(expression.right)
        match expression.operator:
            case "==":
                return _is_equal(left, right)
            case "!=":
                return not _is_equal(left, right)
            case "<" | "<=" | ">" | ">=":
                return _compared(expression.operator, left, right)
        return self._made(_computed(expression.operator, left, right))

    def _made(self, value: Any) -> Any:
        if isinstance(value, str):
            self._made_length += len(value)
            if self._made_length > MADE_LENGTH_MAX:
                raise TemplateError("the template makes too much text")
        return value


def _is_true(value: Any) -> bool:
    """Everything that is there, but false."""
    return value is not None and value is not False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_equal(left: Any, right: Any) -> bool:
    """What is not of one kind is equal when it looks equal."""
    if left is None or right is None:
        return left is right
    if type(left) is type(right) or (_is_number(left) and _is_number(right)):
        return is_same(left, right)
    return text_of(left) == text_of(right)


def _compared(operator: str, left: Any, right: Any) -> bool:
    if not (_is_number(left) and _is_number(right)):
        return False
    match operator:
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
    return bool(left >= right)


def _computed(operator: str, left: Any, right: Any) -> Any:
    """Whole numbers stay whole; nothing for what cannot be computed, and for a division by zero."""
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        if left is None or right is None:
            return None
        return _bounded(text_of(left) + text_of(right))
    if not (_is_number(left) and _is_number(right)):
        return None
    match operator:
        case "+":
            return _bounded(left + right)
        case "-":
            return _bounded(left - right)
        case "*":
            return _bounded(left * right)
    if right == 0:
        return None
    are_whole = isinstance(left, int) and isinstance(right, int)
    quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1) if are_whole else left / right
    return quotient if operator == "/" else left - right * (quotient if are_whole else int(quotient))


def _bounded(value: Any) -> Any:
    """Raises TemplateError for what Java would not have either."""
    if isinstance(value, str) and len(value) > TEXT_LENGTH_MAX:
        raise TemplateError("a text becomes too long")
    if isinstance(value, int) and abs(value) >= NUMBER_MAX:
        raise TemplateError("a number becomes too large")
    return value


def _range(first: Any, last: Any) -> list[int] | None:
    if not (isinstance(first, int) and isinstance(last, int)):
        return None
    step = 1 if first <= last else -1
    return list(range(first, last + step, step)[:ITERATIONS_MAX])
