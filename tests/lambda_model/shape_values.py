"""Values for any shape of a service model, as botocore's clients take and return them, for hypothesis to draw."""

import string
from datetime import UTC, datetime
from typing import Any

from botocore.model import Shape
from hypothesis import strategies as st

# Any text has to survive a path, a query and a body; a header carries less.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
HEADER_TEXTS = st.text(string.ascii_letters + string.digits + "/+=._-", min_size=1, max_size=12)
MOMENTS = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
DEPTH_MAX = 6

_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(-1e9, 1e9),
    "float": st.floats(-1e9, 1e9),
    "boolean": st.booleans(),
    "blob": st.binary(max_size=40),
    "timestamp": MOMENTS,
}


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Any value of the right type; lengths, patterns and enums are not honoured."""
    if shape.type_name == "structure":
        return structures(shape, depth)
    if shape.type_name == "list":
        return st.lists(values(shape.member, depth + 1), max_size=0 if depth > DEPTH_MAX else 3)
    if shape.type_name == "map":
        return st.dictionaries(TEXTS, values(shape.value, depth + 1), max_size=0 if depth > DEPTH_MAX else 3)
    return _SCALARS.get(shape.type_name, TEXTS)


@st.composite
def structures(draw: st.DrawFn, shape: Shape, depth: int = 0) -> dict[str, Any]:
    """A structure with its required members and some of the others."""
    drawn = {}
    for name, member in shape.members.items():
        is_required = name in shape.required_members or member.serialization.get("location") == "uri"
        if is_required or (depth <= DEPTH_MAX and draw(st.booleans())):
            in_header = member.serialization.get("location") == "header"
            drawn[name] = draw(HEADER_TEXTS if in_header else values(member, depth + 1))
    return drawn


JUNK = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just([]) | st.just({}) | st.just([None])


def json_values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """JSON that resembles the shape and is wrong in places: wrong types, nulls, what is required left out."""
    if depth > DEPTH_MAX:
        return JUNK
    if shape.type_name == "structure":
        members = {name: json_values(member, depth + 1) for name, member in shape.members.items()}
        return st.fixed_dictionaries({}, optional=members) | JUNK
    if shape.type_name == "list":
        return st.lists(json_values(shape.member, depth + 1), max_size=3) | JUNK
    if shape.type_name == "map":
        return st.dictionaries(TEXTS, json_values(shape.value, depth + 1), max_size=3) | JUNK
    likely = {"string": TEXTS, "boolean": st.booleans(), "blob": st.just("AAEC")}
    return likely.get(shape.type_name, st.integers(-5, 20_000)) | JUNK


def plain(value: Any) -> Any:
    """The same value as our model gives it: moments are seconds."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value
