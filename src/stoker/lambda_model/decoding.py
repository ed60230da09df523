"""From what arrives (JSON values, texts of paths, queries and headers) to Python values, by shape.

Blobs become bytes, timestamps become seconds since the epoch (float). What has the wrong type is refused with a
SerializationException in the words of AWS's own deserialisers; unknown members are ignored and nulls are absent, as AWS
does.
"""

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from stoker.errors import SerializationException
from stoker.lambda_model.shapes import Shape

_INTEGER_BITS = {"integer": 31, "long": 63}
_JAVA_TYPES = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "double": "a Double",
    "boolean": "a Boolean",
    "blob": "a Blob",
    "timestamp": "a Timestamp",
}


def parse_json(body: bytes) -> Any:
    """The JSON value of a request body; an empty body is an empty object.

    Raises SerializationException, also for nesting too deep to follow, `NaN`, and text that is not UTF-8.
    """
    if not body:
        return {}
    try:
        return _JSON.decode(body.decode())
    except (ValueError, RecursionError):
        # The parser's own words would say more about Python than about the request.
        raise SerializationException("Could not parse request body into json.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Made once: `json.loads` would make one for every request.
_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def decode_members(shape: Shape, value: Any) -> dict[str, Any]:
    """The body members of a structure, by member name. Raises SerializationException."""
    if not isinstance(value, dict):
        raise SerializationException(_misplaced(shape, value))
    known = shape.body_members
    members = {}
    for wire_name, inner in value.items():
        member = known.get(wire_name)
        if member is not None and inner is not None:
            members[member.name] = decode(member.shape, inner)
    return members


def decode(shape: Shape, value: Any) -> Any:
    """One JSON value that is not null, as `shape` asks. Raises SerializationException."""
    return _DECODERS[shape.kind](shape, value)


def _decode_list(shape: Shape, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise SerializationException(_misplaced(shape, value))
    assert shape.element is not None
    element, decoder = shape.element, _DECODERS[shape.element.kind]
    return [None if item is None else decoder(element, item) for item in value]


def _decode_map(shape: Shape, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SerializationException(_misplaced(shape, value))
    assert shape.element is not None
    assert shape.key is not None
    element, decoder = shape.element, _DECODERS[shape.element.kind]
    return {
        _decode_string(shape.key, key): None if item is None else decoder(element, item) for key, item in value.items()
    }


def _decode_string(shape: Shape, value: Any) -> str:
    if not isinstance(value, str):
        raise SerializationException(_misplaced(shape, value))
    return well_formed(value)


def _decode_boolean(shape: Shape, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SerializationException(_misplaced(shape, value))
    return value


def _decode_integer(shape: Shape, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise SerializationException(_misplaced(shape, value))
    return _in_range(shape, value)


def _decode_double(shape: Shape, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise SerializationException(_misplaced(shape, value))
    return _finite(shape, value)


def _decode_blob(shape: Shape, value: Any) -> bytes:
    if not isinstance(value, str):
        raise SerializationException(_misplaced(shape, value))
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise SerializationException("Invalid Base64 in a binary member.") from None


def _decode_timestamp(shape: Shape, value: Any) -> float:
    if isinstance(value, str):
        return _timestamp_of_text(shape, value)
    return _decode_double(shape, value)


def decode_text(shape: Shape, text: str) -> Any:
    """A value from a path, a query or a header. Raises SerializationException."""
    if shape.kind == "string":
        return well_formed(text)
    if shape.kind in _INTEGER_BITS:
        return _in_range(shape, _number(shape, text, int))
    if shape.kind == "double":
        return _finite(shape, _number(shape, text, float))
    if shape.kind == "boolean":
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise SerializationException(_misplaced(shape, text))
    if shape.kind == "timestamp":
        return _timestamp_of_text(shape, text)
    raise TypeError(f"{shape.name} ({shape.kind}) cannot travel as text")


def well_formed(text: str) -> str:
    """`text`, unless half a surrogate pair hides in it: that has no bytes, so nothing could store or answer it."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SerializationException("Invalid Unicode in a text member.") from None
    return text


def _number(shape: Shape, text: str, number: Callable[[str], Any]) -> Any:
    try:
        # Python would also take `1_000`, blanks around and digits of other scripts.
        if not text.isascii() or "_" in text or text != text.strip():
            raise ValueError
        return number(text)
    except ValueError:
        raise SerializationException(_misplaced(shape, text)) from None


def _in_range(shape: Shape, value: int) -> int:
    limit = 1 << _INTEGER_BITS[shape.kind]
    if not -limit <= value < limit:
        raise SerializationException(_misplaced(shape, value))
    return value


def _finite(shape: Shape, value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SerializationException(_misplaced(shape, value))
    return number


def _timestamp_of_text(shape: Shape, text: str) -> float:
    """Seconds since the epoch from ISO 8601, the date format of HTTP, or a plain number."""
    try:
        return _finite(shape, float(text))
    except ValueError:
        pass
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = reader(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            continue
    raise SerializationException(_misplaced(shape, text))


def _misplaced(shape: Shape, value: Any) -> str:
    """Why `value` cannot be what `shape` asks, in the words of AWS's deserialisers."""
    if shape.kind in ("structure", "map", "list"):
        expected = "list" if shape.kind == "list" else "map"
        if isinstance(value, dict):
            return "Start of structure or map found where not expected."
        return "Start of list found where not expected" if isinstance(value, list) else f"Expected {expected} or null"
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    if isinstance(value, list):
        return "Start of list found where not expected"
    return f"{_token(value)} can not be converted to {_JAVA_TYPES[shape.kind]}"


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"


_DECODERS: Mapping[str, Callable[[Shape, Any], Any]] = {
    "structure": decode_members,
    "list": _decode_list,
    "map": _decode_map,
    "string": _decode_string,
    "integer": _decode_integer,
    "long": _decode_integer,
    "double": _decode_double,
    "boolean": _decode_boolean,
    "blob": _decode_blob,
    "timestamp": _decode_timestamp,
}
