"""How AWS's Java services print values inside messages: lists, maps, structures, numbers and nulls.

Source: reference, control plane, 1.1 (recorded messages) and 10 (a structure).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from stoker.lambda_model.shapes import Shape


def lower_camel(name: str) -> str:
    """The member's name as messages write it: only the first letter changes (`KMSKeyArn` is `kMSKeyArn`)."""
    return name[:1].lower() + name[1:]


def java_text(shape: Shape, value: Any) -> str:
    """`value` as Java's `toString` has it."""
    if value is None:
        return "null"
    if shape.kind == "list":
        return java_list(shape, value)
    if shape.kind == "map":
        return java_map(shape, value)
    if shape.kind == "structure":
        return _structure(shape, value)
    if shape.kind == "double":
        return java_double(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return str(value)


def java_list(shape: Shape, values: Sequence[Any]) -> str:
    """`[a, b]`."""
    assert shape.element is not None
    element = shape.element
    return f"[{', '.join(java_text(element, value) for value in values)}]"


def java_map(shape: Shape, values: Mapping[str, Any]) -> str:
    """`{k=v, l=w}`, in the order of the request."""
    assert shape.element is not None
    element = shape.element
    return f"{{{', '.join(f'{key}={java_text(element, value)}' for key, value in values.items())}}}"


def java_double(value: float) -> str:
    """`Double.toString`: at least one decimal, and an exponent outside 10^-3 to 10^7."""
    number = float(value)
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number)
    digits, _, exponent = f"{number:e}".partition("e")
    digits = digits.rstrip("0")
    return f"{digits}{'0' if digits.endswith('.') else ''}E{int(exponent)}"


def _structure(shape: Shape, value: Mapping[str, Any]) -> str:
    """`OnSuccess(destination=x)`: every member of the model, absent ones as null."""
    members = (
        f"{lower_camel(name)}={java_text(member.shape, value.get(name))}" for name, member in shape.members.items()
    )
    return f"{shape.name}({', '.join(members)})"
