"""Reads segment documents: the JSON in which X-Ray's SDKs describe a part of a trace.

Source: X-Ray developer guide, "Segment documents" and "Sending trace data" (the daemon's datagrams).
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from stoker.traces.records import Segment

DOCUMENT_BYTES_MAX = 64 * 1024
DEPTH_MAX = 64
END_OF_TIME_S = 1e11
_ID = re.compile(r"[0-9a-fA-F]{16}")
_TRACE_ID = re.compile(r"1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}")


class BadSegmentError(Exception):
    """A document that is no segment. `segment_id` is "" where it has none; `code` is X-Ray's word for what is wrong."""

    def __init__(self, code: str, message: str, segment_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.segment_id = segment_id


def segment_of_datagram(account_id: str, region: str, datagram: bytes) -> Segment:
    """A datagram to the daemon: `{"format":"json","version":1}`, a line's end, a document. Raises BadSegmentError."""
    head, newline, document = datagram.partition(b"\n")
    header = _parsed(head)
    if not newline or header.get("format") != "json" or header.get("version") != 1:
        raise BadSegmentError("InvalidHeader", "The datagram has no header of the X-Ray daemon")
    return segment_of(account_id, region, document)


def segment_of(account_id: str, region: str, document: str | bytes) -> Segment:
    """A document, checked as far as anybody here relies on it. Raises BadSegmentError."""
    text = document.decode("utf-8", "replace") if isinstance(document, bytes) else document
    if len(text.encode()) > DOCUMENT_BYTES_MAX:
        raise BadSegmentError("SegmentTooLarge", "A segment document has at most 64 KB")
    members = _parsed(text)
    if "\\ud" in text.lower() and not _is_text(members):
        raise BadSegmentError("InvalidJson", "A segment document is UTF-8, with whole surrogate pairs")
    segment_id = members.get("id")
    if not isinstance(segment_id, str) or not _ID.fullmatch(segment_id):
        raise BadSegmentError("InvalidId", "A segment needs an id of 16 hexadecimal digits")
    trace_id = members.get("trace_id")
    if not isinstance(trace_id, str) or not _TRACE_ID.fullmatch(trace_id):
        raise BadSegmentError(
            "InvalidTraceId", "A segment needs a trace_id such as 1-5759e988-bd862e3fe1be46a994272793", segment_id
        )
    if not isinstance(members.get("name"), str) or not members["name"]:
        raise BadSegmentError("MissingName", "A segment needs a name", segment_id)
    if members.get("type") == "subsegment" and not isinstance(members.get("parent_id"), str):
        raise BadSegmentError("MissingParentId", "A subsegment by itself needs a parent_id", segment_id)
    start_s, end_s = _seconds(members, "start_time", segment_id), None
    if members.get("in_progress") is not True:
        end_s = _seconds(members, "end_time", segment_id)
    return Segment(account_id, region, trace_id, segment_id, start_s, end_s, text)


def _parsed(text: str | bytes) -> Mapping[str, Any]:
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise BadSegmentError("InvalidJson", "A segment document is a JSON object")
    if not _is_flat_enough(members):
        raise BadSegmentError("NestedTooDeeply", f"A segment document is at most {DEPTH_MAX} levels deep")
    return members


def _seconds(members: Mapping[str, Any], name: str, segment_id: str) -> float:
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= END_OF_TIME_S:
        raise BadSegmentError("InvalidTime", f"A segment that has ended needs its {name} in seconds", segment_id)
    return float(value)


def _is_text(members: Mapping[str, Any]) -> bool:
    """Whether it can be answered: half a surrogate pair has no bytes."""
    try:
        json.dumps(members, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_flat_enough(members: object) -> bool:
    level = [members]
    for _ in range(DEPTH_MAX):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _values(outer)]
        if not level:
            return True
    return False


def _values(container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container
