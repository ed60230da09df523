"""Which route a request is for: a tree of path segments. Pure.

A full match goes before one with a greedy variable (`{proxy+}`), and both before `$default`; among those of one kind
the most specific goes first, segment by segment, and a method before ANY. A path that only matches with another method
does not match. Source: Amazon API Gateway Developer Guide, "Create routes for HTTP APIs".
"""

from collections.abc import Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

DEFAULT = "$default"
ANY = "ANY"
T = TypeVar("T")


class Found(NamedTuple, Generic[T]):
    """A route, and what its path's variables stand for, decoded."""

    route: T
    path_parameters: Mapping[str, str]


class _End(NamedTuple, Generic[T]):
    """Where a route's path ends: the names of the variables on the way to it by the number of their segment, and that
    of one that takes the rest of the path."""

    route: T
    names: Mapping[int, str]
    greedy: tuple[int, str] | None = None


class _Node(Generic[T]):
    """`ends` are by method; `greedy` are those of routes that take all that follows."""

    __slots__ = ("ends", "greedy", "literals", "variable")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.variable: _Node[T] | None = None
        self.ends: dict[str, _End[T]] = {}
        self.greedy: dict[str, _End[T]] = {}


class Router(Generic[T]):
    """All routes of a stage."""

    def __init__(self, routes: Iterable[tuple[str, str, T]]) -> None:
        """Of methods and paths (`GET`, `/pets/{id}`), both `$default` for that route."""
        self._root: _Node[T] = _Node()
        self._default: T | None = None
        for method, path, route in routes:
            if method == DEFAULT:
                self._default = route
            else:
                self._add(method, path, route)

    def _add(self, method: str, path: str, route: T) -> None:
        node: _Node[T] = self._root
        names: dict[int, str] = {}
        for position, segment in enumerate(path.split("/")[1:]):
            if segment.endswith("+}"):
                node.greedy[method] = _End(route, names, (position, segment[1:-2]))
                return
            if segment.startswith("{"):
                names[position] = segment[1:-1]
                if node.variable is None:
                    node.variable = _Node()
                node = node.variable
            else:
                node = node.literals.setdefault(segment, _Node())
        node.ends[method] = _End(route, names)

    def find(self, method: str, raw_path: str) -> Found[T] | None:
        """`raw_path` is percent-encoded, so that an encoded slash is data. None: not even `$default` is there."""
        segments = raw_path.split("/")[1:]
        end = self._full(self._root, method, segments, 0) or self._greedy(self._root, method, segments, 0)
        if end is not None:
            return Found(end.route, _values(end, segments))
        return None if self._default is None else Found(self._default, {})

    def _full(self, node: _Node[T], method: str, segments: list[str], depth: int) -> _End[T] | None:
        if depth == len(segments):
            return node.ends.get(method) or node.ends.get(ANY)
        for child in _children(node, segments[depth]):
            found = self._full(child, method, segments, depth + 1)
            if found is not None:
                return found
        return None

    def _greedy(self, node: _Node[T], method: str, segments: list[str], depth: int) -> _End[T] | None:
        """The longer the way to the variable, the more specific is the route."""
        if depth == len(segments) or segments[depth:] == [""]:
            return None
        for child in _children(node, segments[depth]):
            found = self._greedy(child, method, segments, depth + 1)
            if found is not None:
                return found
        return node.greedy.get(method) or node.greedy.get(ANY)


def _children(node: _Node[T], segment: str) -> Iterable[_Node[T]]:
    literal = node.literals.get(segment)
    if literal is None and "%" in segment:
        literal = node.literals.get(unquote(segment))
    if literal is not None:
        yield literal
    if node.variable is not None and segment:
        yield node.variable


def _values(end: _End[T], segments: list[str]) -> dict[str, str]:
    values = {name: unquote(segments[position]) for position, name in end.names.items()}
    if end.greedy is not None:
        position, name = end.greedy
        values[name] = unquote("/".join(segments[position:]))
    return values
