"""Finds the operation for a method, a path and a query: a tree of path segments built from the service model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

from stoker.errors import SerializationException, UnknownOperationException

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Route(Generic[T]):
    """One operation's method and path; `{Name}` segments are parameters, `query` must be present as given."""

    method: str
    path: str
    target: T
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """What was found, and the decoded path parameters by name."""

    target: T
    path_values: Mapping[str, str]


class _Node(Generic[T]):
    __slots__ = ("literals", "parameter", "routes")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.parameter: _Node[T] | None = None
        self.routes: dict[str, list[Route[T]]] = {}


class Routes(Generic[T]):
    """All routes of a service."""

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        self._root: _Node[T] = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route[T]) -> None:
        node = self._root
        for segment in _segments(route.path):
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        same_path = node.routes.setdefault(route.method, [])
        same_path.append(route)
        same_path.sort(key=lambda other: len(other.query), reverse=True)

    def find(self, method: str, raw_path: str, query: Mapping[str, list[str]]) -> Match[T]:
        """The operation for a request; `raw_path` is still percent-encoded, so that an encoded `/` is data.

        Raises UnknownOperationException for an unknown path or method, SerializationException for bad encoding.
        """
        segments = _segments(raw_path)
        found = self._descend(self._root, segments, 0)
        for route in () if found is None else found.routes.get(method, ()):
            if all(value in query.get(name, ()) for name, value in route.query.items()):
                return Match(route.target, _path_values(route.path, segments))
        raise UnknownOperationException(
            f"Unable to determine the operation for {method} {raw_path[:256]}", has_type=False
        )

    def _descend(self, node: _Node[T], segments: list[str], depth: int) -> _Node[T] | None:
        """The node for the whole path; a literal wins over a parameter, and we come back when it leads nowhere."""
        if depth == len(segments):
            return node if node.routes else None
        literal = node.literals.get(segments[depth])
        if literal is not None:
            found = self._descend(literal, segments, depth + 1)
            if found is not None:
                return found
        return None if node.parameter is None else self._descend(node.parameter, segments, depth + 1)


def _segments(path: str) -> list[str]:
    """The parts between slashes; one slash at the end means nothing, since older clients send it."""
    if len(path) > 1 and path[-1] == "/":
        path = path[:-1]
    return path.split("/")[1:]


def _path_values(path: str, segments: list[str]) -> dict[str, str]:
    return {
        part[1:-1].rstrip("+"): _decoded(segment)
        for part, segment in zip(_segments(path), segments, strict=True)
        if part.startswith("{")
    }


def _decoded(segment: str) -> str:
    if "%" not in segment:
        return segment
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise SerializationException("The path is not valid UTF-8.") from None
