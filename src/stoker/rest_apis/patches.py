"""Patch operations: what a client changes of a record, by paths into what it is shown of it (API Gateway API Reference,
"Patch operations"). Pure functions.

`/name` is a member, `/throttle/rateLimit` one of a member's, `/requestParameters/…` an entry of a map and
`/binaryMediaTypes/image~1png` an item of a list; `~1` stands for a slash, `~0` for a tilde.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from stoker.rest_apis.errors import BadRequestError
from stoker.rest_apis.records import Record

T = TypeVar("T", bound=Record)


@dataclass(frozen=True, slots=True)
class Paths:
    """What may be changed of one kind of record, by the names that its clients see. `members` may be paths."""

    members: frozenset[str] = frozenset()
    maps: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()


def paths(members: str = "", maps: str = "", lists: str = "") -> Paths:
    """Of names with blanks between them."""
    return Paths(frozenset(members.split()), frozenset(maps.split()), frozenset(lists.split()))


class Operation(NamedTuple):
    """One operation, its path taken apart."""

    op: str
    parts: tuple[str, ...]
    value: str | None

    @property
    def path(self) -> str:
        return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in self.parts)


def operations(given: Sequence[Mapping[str, Any]] | None) -> list[Operation]:
    """Raises BadRequestError for what is none, or is none that Stoker knows."""
    read = []
    for each in given or ():
        op, path = each.get("op"), each.get("path") or ""
        if op not in ("add", "replace", "remove"):
            raise BadRequestError(
                f"Invalid patch operation specified. Must be one of: [add, remove, replace], not {op}"
            )
        parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in path.removeprefix("/").split("/"))
        read.append(Operation(op, parts, each.get("value")))
    return read


def patched(record: T, given: Sequence[Operation], allowed: Paths) -> T:
    """The record after the operations, in their order. Raises BadRequestError."""
    document = msgspec.to_builtins(record)
    for operation in given:
        _apply(document, operation, allowed)
    return converted(document, type(record))


def converted(document: Mapping[str, Any], kind: type[T]) -> T:
    """A record of what a client sent; texts become numbers and booleans. Raises BadRequestError."""
    try:
        return msgspec.convert(document, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequestError(f"Invalid request input: {error}") from None


def invalid_path(operation: Operation, allowed: Sequence[str]) -> BadRequestError:
    """AWS's words."""
    return BadRequestError(
        f"Invalid patch path  '{operation.path}' specified for op '{operation.op}'. "
        f"Must be one of: [{', '.join(sorted(allowed))}]"
    )


def _apply(document: dict[str, Any], operation: Operation, allowed: Paths) -> None:
    head, rest = operation.parts[0], operation.parts[1:]
    member = "/".join(operation.parts)
    if member in allowed.members:
        _put_member(document, operation)
    elif head in allowed.maps and len(rest) == 1:
        _put_entry(document, head, rest[0], operation)
    elif head in allowed.lists and len(rest) <= 1:
        _put_item(document, head, rest[0] if rest else operation.value or "", operation)
    else:
        known = [*allowed.members, *(f"{name}/{{key}}" for name in (*allowed.maps, *allowed.lists))]
        raise invalid_path(operation, [f"/{name}" for name in known])


def _put_member(document: dict[str, Any], operation: Operation) -> None:
    for part in operation.parts[:-1]:
        inner = document.get(part)
        document[part] = document = {} if inner is None else dict(inner)
    name = operation.parts[-1]
    if operation.op == "remove":
        document.pop(name, None)
    else:
        document[name] = operation.value


def _put_entry(document: dict[str, Any], name: str, key: str, operation: Operation) -> None:
    entries = dict(document.get(name) or {})
    if operation.op != "remove":
        entries[key] = "" if operation.value is None else operation.value
    elif entries.pop(key, operation) is operation:
        raise BadRequestError(f"Invalid patch path  '{operation.path}' specified: there is no such entry")
    document[name] = entries


def _put_item(document: dict[str, Any], name: str, item: str, operation: Operation) -> None:
    items = [known for known in document.get(name) or [] if known != item]
    if operation.op == "add":
        items.append(item)
    elif operation.op == "replace":
        items.append(operation.value or item)
    document[name] = items
