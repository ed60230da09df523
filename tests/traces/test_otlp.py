"""Segments as spans, by OTLP's JSON encoding."""

import socket

import pytest

from stoker.traces.otlp import OtlpExport, otlp_document
from stoker.traces.sending import SendError
from tests.traces.segments import segment

PART = {
    "id": "00000000000000aa",
    "name": "call",
    "namespace": "aws",
    "start_time": 1000.25,
    "end_time": 1000.5,
    "fault": True,
}


def test_a_segment_with_its_parts_is_a_resource_with_spans() -> None:
    shown = otlp_document(
        [segment(1, parent_id="53995c3f42cd8ad8", origin="AWS::Lambda", subsegments=[PART, {"id": 1}])]
    )
    resource = shown["resourceSpans"][0]
    assert {"key": "service.name", "value": {"stringValue": "shop"}} in resource["resource"]["attributes"]
    whole, part = resource["scopeSpans"][0]["spans"]
    assert whole == {
        "traceId": "5759e988bd862e3fe1be46a994272793",
        "spanId": "0000000000000001",
        "parentSpanId": "53995c3f42cd8ad8",
        "name": "shop",
        "kind": 2,
        "startTimeUnixNano": "1000000000000",
        "endTimeUnixNano": "1001500000000",
        "attributes": [{"key": "aws.xray.origin", "value": {"stringValue": "AWS::Lambda"}}],
    }
    assert (part["spanId"], part["parentSpanId"], part["kind"]) == (PART["id"], whole["spanId"], 3)
    assert part["status"] == {"code": 2}


def test_annotations_become_attributes_of_their_types() -> None:
    shown = otlp_document([segment(annotations={"a": True, "b": 7, "c": 0.5, "d": "x", "e": [1]})])
    assert shown["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] == [
        {"key": "a", "value": {"boolValue": True}},
        {"key": "b", "value": {"intValue": "7"}},
        {"key": "c", "value": {"doubleValue": 0.5}},
        {"key": "d", "value": {"stringValue": "x"}},
    ]


async def test_nobody_listening_is_an_error_of_the_receivers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SendError, match="cannot be reached"):
        await OtlpExport(f"http://127.0.0.1:{port}").send([segment()])
