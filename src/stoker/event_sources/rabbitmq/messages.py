"""A message as a function gets it, and the event around it: pure (reference: event sources, 5).

AWS's event is its Java client's objects, written as they are: hence texts of headers as bytes, which are signed there,
dates in American English, and null for what is not set. What is known was recorded from AWS: texts, numbers and null in
headers, and a date. The rest follows from how such objects are written.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from stoker.event_sources.matching import Text

# AWS's names, in AWS's order, and AMQP's.
_PROPERTIES = (
    ("contentType", "content_type"),
    ("contentEncoding", "content_encoding"),
    ("headers", "headers"),
    ("deliveryMode", "delivery_mode"),
    ("priority", "priority"),
    ("correlationId", "correlation_id"),
    ("replyTo", "reply_to"),
    ("expiration", "expiration"),
    ("messageId", "message_id"),
    ("timestamp", "timestamp"),
    ("type", "message_type"),
    ("userId", "user_id"),
    ("appId", "app_id"),
    ("clusterId", "cluster_id"),
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class RabbitMessage:
    """`delivery_tag` is the channel's number of it, `document` what filters look at."""

    delivery_tag: int
    encoded: bytes
    document: Mapping[str, Any]


def message_of(delivery_tag: int, redelivered: bool, properties: Any, body: bytes) -> RabbitMessage:
    """A message that was delivered; `properties` are AMQP's basic properties, by AMQP's names."""
    basic_properties = {name: _plain(getattr(properties, theirs)) for name, theirs in _PROPERTIES}
    # The client has an empty text for this one where nothing was set.
    basic_properties["clusterId"] = properties.cluster_id or None
    record = {
        "basicProperties": basic_properties | {"headers": _headers(properties.headers), "bodySize": len(body)},
        "redelivered": redelivered,
        "data": base64.b64encode(body).decode(),
    }
    document = {**record, "data": Text(body.decode(errors="replace"))}
    return RabbitMessage(delivery_tag, msgspec.json.encode(record), document)


def event_of(messages: Sequence[RabbitMessage], source_arn: str, queue: str, virtual_host: str) -> bytes:
    """The function's event."""
    before, after = _around(source_arn, queue, virtual_host)
    return before + b",".join(message.encoded for message in messages) + after


def overhead_bytes(source_arn: str, queue: str, virtual_host: str) -> int:
    """What an event has besides its messages."""
    return sum(map(len, _around(source_arn, queue, virtual_host)))


def _around(source_arn: str, queue: str, virtual_host: str) -> tuple[bytes, bytes]:
    messages_by_queue: dict[str, list[Any]] = {f"{queue}::{virtual_host}": []}
    event = msgspec.json.encode(
        {"eventSource": "aws:rmq", "eventSourceArn": source_arn, "rmqMessagesByQueue": messages_by_queue}
    )
    return event[:-3], event[-3:]


def _headers(headers: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {name: _header(value) for name, value in headers.items()} if headers is not None else None


def _header(value: Any) -> Any:
    if isinstance(value, str):
        return {"bytes": _signed(value.encode())}
    if isinstance(value, bytes):  # a text that is not UTF-8
        return {"bytes": _signed(value)}
    if isinstance(value, bytearray):
        return _signed(value)
    if isinstance(value, Mapping):
        return {name: _header(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_header(inner) for inner in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _date(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _signed(data: bytes | bytearray) -> list[int]:
    return [byte - 256 if byte > 127 else byte for byte in data]


def _date(value: datetime) -> str:
    """`Jan 1, 1970, 12:33:41 AM`, whatever the host's language is."""
    hour = value.hour % 12 or 12
    half = "AM" if value.hour < 12 else "PM"
    return f"{_MONTHS[value.month - 1]} {value.day}, {value.year}, {hour}:{value.minute:02}:{value.second:02} {half}"
