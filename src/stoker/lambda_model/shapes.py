"""A service's shapes as records, linked once from the service description that botocore ships.

Every shape carries its constraints ready to ask, with the text AWS uses when one does not hold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["structure", "string", "list", "map", "integer", "long", "double", "boolean", "blob", "timestamp"]


@dataclass(frozen=True, slots=True)
class Constraint:
    """One rule for a value, and how AWS puts it."""

    text: str
    holds: Callable[[Any], bool]
    is_about_length: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A member of a structure; `location` is None in the body, `wire_name` is its name there.

    `is_flattened` is said of lists and maps that travel as text: no element of their own stands around their parts.
    """

    name: str
    wire_name: str
    shape: "Shape"
    is_required: bool
    location: str | None = None
    is_flattened: bool = False


@dataclass(slots=True, eq=False)
class Shape:
    """One shape. `element` is a list's member or a map's value; what does not apply is empty.

    `element_name` is what a list's parts are called where they are named at all (in forms and in XML), None if nothing
    is said; `key_name` and `value_name` are the same for maps.
    """

    name: str
    kind: Kind
    is_sensitive: bool = False
    is_event_stream: bool = False
    constraints: tuple[Constraint, ...] = ()
    members: Mapping[str, Member] = field(default_factory=dict)
    body_members: Mapping[str, Member] = field(default_factory=dict)
    element: "Shape | None" = None
    key: "Shape | None" = None
    payload: str | None = None
    timestamp_format: str | None = None
    element_name: str | None = None
    key_name: str = "key"
    value_name: str = "value"


ConstraintsOf = Callable[[str, Mapping[str, Any]], tuple[Constraint, ...]]


class Shapes:
    """The shapes of one service by name, made on first use; a shape may contain itself."""

    def __init__(
        self,
        descriptions: Mapping[str, Any],
        constraints_of: Callable[[str, Mapping[str, Any]], tuple[Constraint, ...]],
    ) -> None:
        self._descriptions = descriptions
        self._constraints_of = constraints_of
        self._made: dict[str, Shape] = {}

    def get(self, name: str) -> Shape:
        """The shape called `name`. Raises KeyError for a name that the description lacks."""
        made = self._made.get(name)
        return made if made is not None else self._make(name)

    def _make(self, name: str) -> Shape:
        description = self._descriptions[name]
        kind = {"float": "double", "character": "string"}.get(description["type"], description["type"])
        shape = self._made[name] = Shape(
            name=name,
            kind=kind,
            is_sensitive=description.get("sensitive", False),
            is_event_stream=description.get("eventstream", False),
            payload=description.get("payload"),
            timestamp_format=description.get("timestampFormat"),
        )
        shape.constraints = self._constraints_of(name, description)
        if kind == "structure":
            self._link_members(shape, description)
        elif kind == "list":
            shape.element = self.get(description["member"]["shape"])
            shape.element_name = description["member"].get("locationName")
        elif kind == "map":
            shape.key = self.get(description["key"]["shape"])
            shape.element = self.get(description["value"]["shape"])
            shape.key_name = description["key"].get("locationName", "key")
            shape.value_name = description["value"].get("locationName", "value")
        return shape

    def _link_members(self, shape: Shape, description: Mapping[str, Any]) -> None:
        required = frozenset(description.get("required", ()))
        shape.members = {
            name: Member(
                name=name,
                wire_name=member.get("locationName", name),
                shape=self.get(member["shape"]),
                is_required=name in required,
                location=member.get("location"),
                is_flattened=self._is_flattened(member),
            )
            for name, member in description["members"].items()
        }
        shape.body_members = {
            member.wire_name: member
            for member in shape.members.values()
            if member.location is None and member.name != shape.payload
        }

    def _is_flattened(self, member: Mapping[str, Any]) -> bool:
        return bool(member.get("flattened") or self._descriptions[member["shape"]].get("flattened"))
