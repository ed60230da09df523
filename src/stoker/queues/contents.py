"""What a message carries: which texts and attributes may be sent, how large they are, and the MD5s that clients check.

Sources: Amazon SQS Developer Guide, "Amazon SQS message metadata" (with "Calculating the MD5 message digest for message
attributes") and "Message quotas"; API Reference, SendMessage.
"""

import base64
import hashlib
import json
import re
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from stoker.queues import errors

ATTRIBUTES_MAX = 10
ATTRIBUTE_NAME_LENGTH_MAX = 256
TRACE_HEADER = "AWSTraceHeader"
_NOT_ALLOWED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LENGTH = struct.Struct(">I")
# Names that begin like this are AWS's own.
_RESERVED = ("aws.", "amazon.")


class Contents(NamedTuple):
    """A message's text and attributes. `details` are the attributes as they are stored, empty if there are none."""

    body: str
    details: str
    size_bytes: int
    md5_of_body: str
    md5_of_attributes: str | None
    md5_of_system_attributes: str | None


class Details(NamedTuple):
    """Attributes as the API has them: those of the sender, and those of AWS that a sender may give."""

    attributes: Mapping[str, Mapping[str, Any]]
    system: Mapping[str, str]


NO_DETAILS = Details({}, {})


def contents_of(members: Mapping[str, Any]) -> Contents:
    """Of SendMessage's members, or an entry's of a batch. Raises QueueErrors."""
    body: str = members["MessageBody"]
    if not body:
        raise errors.missing("MessageBody")
    if _NOT_ALLOWED.search(body):
        raise errors.invalid_contents()
    encoded = body.encode()
    attributes = members.get("MessageAttributes") or {}
    system = members.get("MessageSystemAttributes") or {}
    md5_of_body = hashlib.md5(encoded, usedforsecurity=False).hexdigest()
    if not attributes and not system:
        return Contents(body, "", len(encoded), md5_of_body, None, None)
    size_bytes = len(encoded) + _check_attributes(attributes)
    _check_system(system)
    return Contents(
        body,
        _stored(attributes, system),
        size_bytes,
        md5_of_body,
        md5_of(attributes) if attributes else None,
        md5_of(system) if system else None,
    )


def md5_of_body(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Over all of them, in the order of their names."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        kind: str = value["DataType"]
        for part in (name.encode(), kind.encode()):
            digest.update(_LENGTH.pack(len(part)) + part)
        is_binary = kind.startswith("Binary")
        content = value["BinaryValue"] if is_binary else value["StringValue"].encode()
        digest.update((b"\2" if is_binary else b"\1") + _LENGTH.pack(len(content)) + content)
    return digest.hexdigest()


def details_of(stored: str) -> Details:
    """What `Contents.details` holds."""
    if not stored:
        return NO_DETAILS
    document = json.loads(stored)
    attributes = {
        name: {"BinaryValue": base64.b64decode(content), "DataType": kind}
        if kind.startswith("Binary")
        else {"StringValue": content, "DataType": kind}
        for name, (kind, content) in document.get("attributes", {}).items()
    }
    return Details(attributes, document.get("system", {}))


def _stored(attributes: Mapping[str, Mapping[str, Any]], system: Mapping[str, Mapping[str, Any]]) -> str:
    document: dict[str, Any] = {}
    if attributes:
        document["attributes"] = {name: [value["DataType"], _text_of(value)] for name, value in attributes.items()}
    if system:
        document["system"] = {name: value["StringValue"] for name, value in system.items()}
    return json.dumps(document, separators=(",", ":"))


def _text_of(value: Mapping[str, Any]) -> str:
    if value["DataType"].startswith("Binary"):
        return base64.b64encode(value["BinaryValue"]).decode("ascii")
    text: str = value["StringValue"]
    return text


def _check_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """How many bytes they count for."""
    if len(attributes) > ATTRIBUTES_MAX:
        raise errors.invalid_value(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{ATTRIBUTES_MAX}]."
        )
    return sum(_check_attribute(name, value) for name, value in attributes.items())


def _check_attribute(name: str, value: Mapping[str, Any]) -> int:
    _check_name(name)
    kind = value.get("DataType")
    if not kind:
        raise errors.invalid_value(f"The message attribute '{name}' must contain a non-empty message attribute type.")
    base = kind.partition(".")[0]
    if base not in ("String", "Number", "Binary") or len(kind) > ATTRIBUTE_NAME_LENGTH_MAX:
        raise errors.invalid_value(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following supported type "
            "prefixes: Binary, Number, String."
        )
    if value.get("StringListValues") or value.get("BinaryListValues"):
        raise errors.unsupported("Message attribute list values are not supported.")
    content = value.get("BinaryValue" if base == "Binary" else "StringValue")
    other = value.get("StringValue" if base == "Binary" else "BinaryValue")
    if not content or other:
        raise errors.invalid_value(
            f"The message attribute '{name}' must contain a non-empty message attribute value for type '{kind}'."
        )
    if base != "Binary" and _NOT_ALLOWED.search(content):
        raise errors.invalid_contents()
    if base == "Number" and not _NUMBER.fullmatch(content):
        raise errors.invalid_value(f"Can't cast the value of message (user) attribute '{name}' to a number.")
    size = len(content) if base == "Binary" else len(content.encode())
    return len(name) + len(kind.encode()) + size


def _check_name(name: str) -> None:
    is_dotted_well = not name.startswith(".") and not name.endswith(".") and ".." not in name
    if (
        not _ATTRIBUTE_NAME.fullmatch(name)
        or len(name) > ATTRIBUTE_NAME_LENGTH_MAX
        or not is_dotted_well
        or name.lower().startswith(_RESERVED)
    ):
        raise errors.invalid_value(
            f"The message attribute name '{name[:300]}' is invalid. Attribute name can contain A-Z, a-z, 0-9, "
            "underscore (_), hyphen (-), and period (.) characters."
        )


def _check_system(system: Mapping[str, Mapping[str, Any]]) -> None:
    for name, value in system.items():
        if name != TRACE_HEADER:
            raise errors.invalid_value(
                f"Message system attribute name '{name[:300]}' is invalid. You must use only the following supported "
                f"names: {TRACE_HEADER}."
            )
        if value.get("DataType") != "String" or not value.get("StringValue"):
            raise errors.invalid_value(f"The message system attribute '{name}' must be a text of the type 'String'.")
        if _NOT_ALLOWED.search(value["StringValue"]):
            raise errors.invalid_contents()
