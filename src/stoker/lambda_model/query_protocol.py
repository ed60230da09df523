"""The query protocol: requests are forms (`Entry.1.Id=a`), answers are XML. Any service whose model names its parts.

Sources: Smithy specification, "AWS query protocol"; Amazon SQS API Reference, "Common Parameters" and "Making Query API
requests".
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from stoker.errors import SerializationException
from stoker.lambda_model.decoding import decode_text
from stoker.lambda_model.shapes import Member, Shape

# No service has more; names of fields would otherwise nest as deep as a request is long.
NAME_PARTS_MAX = 12

_Tree = dict[str, Any]
# A carriage return that is not escaped is read as a line feed (XML 1.0, 2.11).
_ESCAPES = {"\r": "&#13;"}


def read_form(shape: Shape | None, fields: Mapping[str, list[str]]) -> dict[str, Any]:
    """The members of a structure, by member name, from a form's fields. What the shape does not have is ignored.

    Raises SerializationException.
    """
    return {} if shape is None else _structure(shape, _tree(fields))


def _tree(fields: Mapping[str, list[str]]) -> _Tree:
    """`{"Entry": {"1": {"Id": "a"}}}` of `Entry.1.Id=a`; a field given twice counts as it came last."""
    root: _Tree = {}
    for name, texts in fields.items():
        *parents, last = name.split(".")
        if len(parents) >= NAME_PARTS_MAX:
            raise SerializationException("The name of a field has too many parts.")
        node = root
        for part in parents:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                raise SerializationException(f"The field {name[:64]} is a value and has parts.")
            node = child
        if isinstance(node.get(last), dict):
            raise SerializationException(f"The field {name[:64]} is a value and has parts.")
        node[last] = texts[-1]
    return root


def _structure(shape: Shape, tree: Any) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise SerializationException(f"{shape.name} has parts.")
    members = {}
    for member in shape.members.values():
        name = _field_name(member)
        if name in tree:
            members[member.name] = _value(member.shape, tree[name], is_flattened=member.is_flattened)
    return members


def _field_name(member: Member) -> str:
    """A flattened list has the name of its parts."""
    if member.is_flattened and member.shape.element_name is not None:
        return member.shape.element_name
    return member.wire_name


def _value(shape: Shape, node: Any, *, is_flattened: bool = False) -> Any:
    match shape.kind:
        case "structure":
            return _structure(shape, node)
        case "list":
            assert shape.element is not None
            parts = node if is_flattened else _inside(node, shape.element_name or "member")
            return [_value(shape.element, part) for part in _in_order(shape, parts)]
        case "map":
            return _map(shape, node if is_flattened else _inside(node, "entry"))
        case _ if isinstance(node, dict):
            raise SerializationException(f"{shape.name} has no parts.")
        case "blob":
            return _blob(node)
    return decode_text(shape, node)


def _map(shape: Shape, node: Any) -> dict[str, Any]:
    assert shape.key is not None
    assert shape.element is not None
    pairs = {}
    for part in _in_order(shape, node):
        if not isinstance(part, dict) or shape.key_name not in part:
            raise SerializationException(f"An entry of {shape.name} has no {shape.key_name}.")
        key = decode_text(shape.key, part[shape.key_name])
        value = part.get(shape.value_name)
        # A structure none of whose members has a value is left out by clients.
        is_empty = value is None and shape.element.kind == "structure"
        pairs[key] = _value(shape.element, {} if is_empty else value or "")
    return pairs


def _inside(node: Any, name: str) -> Any:
    return node.get(name, {}) if isinstance(node, dict) else node


def _in_order(shape: Shape, node: Any) -> list[Any]:
    """The parts of a list by their numbers, which need not be without gaps. An empty text is an empty list."""
    if node == "":
        return []
    if not isinstance(node, dict) or not all(number.isascii() and number.isdecimal() for number in node):
        raise SerializationException(f"The parts of {shape.name} are numbered.")
    return [node[number] for number in sorted(node, key=int)]


def _blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SerializationException("Invalid Base64 in a binary member.") from None


def answer_xml(operation: str, shape: Shape | None, members: Mapping[str, Any], namespace: str, request_id: str) -> str:
    """The whole answer of `operation`. Raises ValueError for a member that the output does not have."""
    result = "" if shape is None else f"<{operation}Result>{_members_xml(shape, members)}</{operation}Result>"
    return (
        f'<?xml version="1.0"?><{operation}Response xmlns="{namespace}">{result}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )


def error_xml(code: str, message: str, fault: str, namespace: str, request_id: str) -> str:
    """`fault` is `Sender` or `Receiver`."""
    return (
        f'<?xml version="1.0"?><ErrorResponse xmlns="{namespace}"><Error><Type>{fault}</Type><Code>{_text(code)}</Code>'
        f"<Message>{_text(message)}</Message><Detail/></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )


def _members_xml(shape: Shape, values: Mapping[str, Any]) -> str:
    texts = []
    for name, value in values.items():
        member = shape.members.get(name)
        if member is None:
            raise ValueError(f"{shape.name} has no member {name}")
        if value is not None:
            texts.append(_member_xml(member, value))
    return "".join(texts)


def _member_xml(member: Member, value: Any) -> str:
    shape = member.shape
    if not member.is_flattened:
        return f"<{member.wire_name}>{_xml(shape, value)}</{member.wire_name}>"
    assert shape.element is not None
    name = _field_name(member)
    parts = _entries_xml(shape, value) if shape.kind == "map" else [_xml(shape.element, part) for part in value]
    return "".join(f"<{name}>{part}</{name}>" for part in parts)


def _xml(shape: Shape, value: Any) -> str:
    match shape.kind:
        case "structure":
            return _members_xml(shape, value)
        case "list":
            assert shape.element is not None
            name = shape.element_name or "member"
            return "".join(f"<{name}>{_xml(shape.element, part)}</{name}>" for part in value)
        case "map":
            return "".join(f"<entry>{entry}</entry>" for entry in _entries_xml(shape, value))
    return _SCALARS.get(shape.kind, _text)(value)


def _entries_xml(shape: Shape, value: Mapping[str, Any]) -> list[str]:
    assert shape.element is not None
    key, name = shape.key_name, shape.value_name
    return [
        f"<{key}>{_text(text)}</{key}><{name}>{_xml(shape.element, inner)}</{name}>" for text, inner in value.items()
    ]


def _text(value: object) -> str:
    return escape(str(value), _ESCAPES)


def _timestamp(value: float) -> str:
    return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_SCALARS: Mapping[str, Callable[[Any], str]] = {
    "boolean": lambda value: "true" if value else "false",
    "blob": lambda value: base64.b64encode(value).decode("ascii"),
    "timestamp": _timestamp,
}
