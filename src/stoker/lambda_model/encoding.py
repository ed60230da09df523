"""From a room's answer to what goes on the wire: status, headers and body, by the output shape.

None is left out at every depth, blobs are base64, timestamps are seconds since the epoch with milliseconds, unless the
shape wants text. A payload member is passed on untouched, be it bytes or a stream of them.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from stoker.clock import iso_timestamp
from stoker.lambda_model.call import ApiAnswer
from stoker.lambda_model.event_stream import encode_events
from stoker.lambda_model.shapes import Member, Shape

EVENT_STREAM_TYPE = "application/vnd.amazon.eventstream"


# Made once: `json.dumps` would make one for every answer.
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class WireAnswer(NamedTuple):
    """An answer as bytes; a body that is an iterator is sent as it comes, in chunks. Each cookie is a header.

    `reason` is what the status line says, if it is not HTTP's own words. With `upgrade` the status is 101: it is called
    with the listener's connections, and the connection speaks the protocol that it returns from then on.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | AsyncIterator[bytes]
    cookies: Sequence[str] = ()
    reason: str = ""
    upgrade: Callable[[Any], asyncio.Protocol] | None = None


class BrokenAnswerError(Exception):
    """Raised by a body that ends too early, through nobody's fault here: its client is not to take it for whole."""


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """Where each output member of an operation goes, worked out once."""

    shape: Shape | None
    status: int
    header_members: tuple[Member, ...]
    status_member: str | None
    payload: Member | None
    content_type: str


def output_plan(shape: Shape | None, status: int, content_type: str = "application/json") -> OutputPlan:
    """The plan for one operation; `status` is what it answers when neither answer nor member says otherwise."""
    members = tuple(shape.members.values()) if shape is not None else ()
    payload = shape.members[shape.payload] if shape is not None and shape.payload else None
    is_stream = payload is not None and payload.shape.is_event_stream
    return OutputPlan(
        shape=shape,
        status=status,
        # An event stream's own type is the response's type, whatever member the model binds to that header.
        header_members=tuple(
            member
            for member in members
            if member.location == "header" and not (is_stream and member.wire_name.lower() == "content-type")
        ),
        status_member=next((member.name for member in members if member.location == "statusCode"), None),
        payload=payload,
        content_type=EVENT_STREAM_TYPE if is_stream else content_type,
    )


def encode_answer(plan: OutputPlan, answer: ApiAnswer) -> WireAnswer:
    """`answer` for the wire. Raises ValueError for a member that the output shape does not have."""
    members = answer.members
    status = answer.status or plan.status
    if plan.status_member is not None:
        status = members.get(plan.status_member) or status
    headers = {"content-type": plan.content_type}
    for member in plan.header_members:
        value = members.get(member.name)
        if value is not None:
            headers[member.wire_name] = str(value)
    for name, value in answer.headers.items():
        headers[name.lower() if name.lower() == "content-type" else name] = value
    return WireAnswer(status, headers, _body(plan, members, status))


def _body(plan: OutputPlan, members: Mapping[str, Any], status: int) -> bytes | AsyncIterator[bytes]:
    if status == 204:
        return b""
    if plan.payload is not None:
        payload = members.get(plan.payload.name)
        if payload is None:
            return b""
        if isinstance(payload, bytes | bytearray | memoryview):
            return bytes(payload)
        return encode_events(payload) if plan.payload.shape.is_event_stream else payload
    if plan.shape is None:
        return b""
    document = _structure_to_json(plan.shape, members)
    return _JSON.encode(document).encode()


def to_json(shape: Shape, value: Any) -> Any:
    """One value that is not None, ready for `json.dumps`."""
    encoder = _ENCODERS.get(shape.kind)
    return value if encoder is None else encoder(shape, value)


def _structure_to_json(shape: Shape, values: Mapping[str, Any]) -> dict[str, Any]:
    document = {}
    for name, value in values.items():
        member = shape.members.get(name)
        if member is None:
            raise ValueError(f"{shape.name} has no member {name}")
        if value is not None and member.location is None:
            document[member.wire_name] = to_json(member.shape, value)
    return document


def _list_to_json(shape: Shape, values: Any) -> list[Any]:
    assert shape.element is not None
    element = shape.element
    return [to_json(element, value) for value in values]


def _map_to_json(shape: Shape, values: Mapping[str, Any]) -> dict[str, Any]:
    assert shape.element is not None
    element = shape.element
    return {str(key): to_json(element, value) for key, value in values.items() if value is not None}


def _blob_to_json(_: Shape, value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _timestamp_to_json(shape: Shape, value: float | datetime) -> float | str:
    if shape.timestamp_format == "iso8601":
        return iso_timestamp(value.timestamp() if isinstance(value, datetime) else value)
    return round(value.timestamp() if isinstance(value, datetime) else value, 3)


_ENCODERS: Mapping[str, Callable[[Shape, Any], Any]] = {
    "structure": _structure_to_json,
    "list": _list_to_json,
    "map": _map_to_json,
    "blob": _blob_to_json,
    "timestamp": _timestamp_to_json,
}
