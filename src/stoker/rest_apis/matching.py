"""Which resource a path is for: a literal part wins over `{name}`, and both over `{name+}`, which takes the whole rest
(API Gateway Developer Guide, "Set up a proxy integration with a proxy resource"). Pure.
"""

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

T = TypeVar("T")


class Match(NamedTuple, Generic[T]):
    """What was found, and the values of the path's parameters, percent-encoded as they came."""

    target: T
    path_parameters: dict[str, str]


class _Node(Generic[T]):
    __slots__ = ("greedy", "literals", "parameter", "target")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.parameter: tuple[str, _Node[T]] | None = None
        self.greedy: tuple[str, T] | None = None
        self.target: T | None = None


class Router(Generic[T]):
    """All resources that have methods, by paths such as `/pets/{id}`."""

    def __init__(self, targets: Iterable[tuple[str, T]]) -> None:
        self._root: _Node[T] = _Node()
        for path, target in targets:
            self._add(path, target)

    def _add(self, path: str, target: T) -> None:
        node = self._root
        for part in _parts(path):
            if part.endswith("+}"):
                node.greedy = (part[1:-2], target)
                return
            if part.startswith("{"):
                if node.parameter is None:
                    node.parameter = (part[1:-1], _Node())
                node = node.parameter[1]
            else:
                node = node.literals.setdefault(part, _Node())
        node.target = target

    def find(self, raw_path: str) -> Match[T] | None:
        """One slash at the end means nothing."""
        return self._descend(self._root, _parts(raw_path), 0)

    def _descend(self, node: _Node[T], parts: list[str], depth: int) -> Match[T] | None:
        """Literals first; we come back when they lead nowhere."""
        if depth == len(parts):
            return None if node.target is None else Match(node.target, {})
        literal = node.literals.get(unquote(parts[depth]))
        found = None if literal is None else self._descend(literal, parts, depth + 1)
        if found is not None:
            return found
        if node.parameter is not None and parts[depth]:
            name, below = node.parameter
            found = self._descend(below, parts, depth + 1)
            if found is not None:
                found.path_parameters[name] = parts[depth]
                return found
        if node.greedy is not None:
            name, target = node.greedy
            return Match(target, {name: "/".join(parts[depth:])})
        return None


def _parts(path: str) -> list[str]:
    stripped = path.removeprefix("/").removesuffix("/")
    return stripped.split("/") if stripped else []
