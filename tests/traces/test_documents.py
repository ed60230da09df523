"""What is taken for a segment, and what is not."""

import json
from typing import Any

import pytest

from stoker.traces.documents import DOCUMENT_BYTES_MAX, BadSegmentError, segment_of, segment_of_datagram
from tests.traces.segments import ACCOUNT, REGION, TRACE_ID, document

HEADER = b'{"format": "json", "version": 1}\n'


def test_a_datagram_of_the_daemons_protocol_is_a_segment() -> None:
    segment = segment_of_datagram(ACCOUNT, REGION, HEADER + document(7).encode())
    assert (segment.account_id, segment.region, segment.trace_id) == (ACCOUNT, REGION, TRACE_ID)
    assert (segment.id, segment.start_s, segment.end_s) == ("0000000000000007", 1000.0, 1001.5)
    assert segment.document == document(7)


def test_a_segment_in_progress_has_no_end_yet() -> None:
    assert segment_of(ACCOUNT, REGION, document(in_progress=True, end_time=None)).end_s is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": None}, "InvalidId"),
        ({"id": "xyz"}, "InvalidId"),
        ({"id": 7}, "InvalidId"),
        ({"trace_id": None}, "InvalidTraceId"),
        ({"trace_id": "1-1-1"}, "InvalidTraceId"),
        ({"name": None}, "MissingName"),
        ({"name": ""}, "MissingName"),
        ({"name": "half a pair \ud800"}, "InvalidJson"),
        ({"start_time": None}, "InvalidTime"),
        ({"start_time": True}, "InvalidTime"),
        ({"start_time": "now"}, "InvalidTime"),
        ({"start_time": float("nan")}, "InvalidTime"),
        ({"start_time": 10**400}, "InvalidTime"),
        ({"start_time": -1}, "InvalidTime"),
        ({"metadata": json.loads("[" * 100 + "]" * 100)}, "NestedTooDeeply"),
        ({"end_time": None}, "InvalidTime"),
        ({"end_time": None, "in_progress": "yes"}, "InvalidTime"),
        ({"type": "subsegment"}, "MissingParentId"),
        ({"metadata": "x" * DOCUMENT_BYTES_MAX}, "SegmentTooLarge"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_document_that_nobody_could_use_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(BadSegmentError) as raised:
        segment_of(ACCOUNT, REGION, document(**changes))
    assert raised.value.code == code


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\n",
        HEADER,
        HEADER + b"[]",
        HEADER + b"{",
        HEADER + b'{"a":' * 20_000,
        HEADER + b"\xff\xfe",
        document().encode(),
        b'{"format":"xml","version":1}\n' + document().encode(),
        b'{"format":"json","version":2}\n' + document().encode(),
        b"1\n" + document().encode(),
    ],
)
def test_any_bytes_may_arrive(datagram: bytes) -> None:
    with pytest.raises(BadSegmentError):
        segment_of_datagram(ACCOUNT, REGION, datagram)
