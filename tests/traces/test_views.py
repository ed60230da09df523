"""Traces as X-Ray shows them."""

import json

from stoker.traces.kept_traces import KeptTraces, Trace
from stoker.traces.records import Segment
from stoker.traces.views import documents, summary
from tests.traces.segments import ACCOUNT, REGION, TRACE_ID, segment


def trace_of(*segments: Segment) -> Trace:
    kept = KeptTraces()
    kept.offer(segments)
    trace = kept.find(ACCOUNT, REGION, TRACE_ID)
    assert trace is not None
    return trace


def part(number: int, parent: int, **members: object) -> Segment:
    return segment(number, type="subsegment", parent_id=f"{parent:016x}", name=f"part {number}", **members)


def test_parts_that_came_by_themselves_stand_where_they_belong_in_whatever_order_they_came() -> None:
    inner = {"id": "00000000000000aa", "name": "inner", "start_time": 1, "end_time": 2}
    shown = documents(trace_of(part(3, 2), part(4, 0xAA), part(2, 1), segment(1, subsegments=[inner])))
    assert [entry["Id"] for entry in shown] == [f"{1:016x}"]
    whole = json.loads(shown[0]["Document"])
    first, second = whole["subsegments"]
    assert (first["name"], first["subsegments"][0]["name"]) == ("inner", "part 4")
    assert (second["name"], second["subsegments"][0]["name"]) == ("part 2", "part 3")
    assert "type" not in second
    assert "parent_id" not in second


def test_a_part_whose_whole_is_unknown_is_shown_as_it_came() -> None:
    shown = documents(trace_of(part(2, 9)))
    assert json.loads(shown[0]["Document"])["parent_id"] == f"{9:016x}"


def test_parts_that_contain_each_other_are_shown_without_end_of_the_world() -> None:
    shown = documents(trace_of(part(1, 2), part(2, 1), part(3, 3)))
    assert shown
    itself = {"id": f"{5:016x}", "name": "x", "start_time": 1, "end_time": 2}
    assert documents(trace_of(part(5, 5, subsegments=[itself])))


def test_a_summary_tells_of_the_whole_trace() -> None:
    root = segment(
        1,
        name="client",
        http={"request": {"url": "http://x/", "method": "GET"}, "response": {"status": 503}},
        annotations={"order": 7, "kind": "book", "gift": True},
    )
    below = segment(2, parent_id=f"{1:016x}", name="f", origin="AWS::Lambda", fault=True, end_time=1003.0)
    shown = summary(trace_of(below, root))
    assert (shown["Id"], shown["StartTime"], shown["Duration"], shown["ResponseTime"]) == (TRACE_ID, 1000.0, 3.0, 1.5)
    assert (shown["HasFault"], shown["HasError"], shown["HasThrottle"], shown["IsPartial"]) == (
        True,
        False,
        False,
        False,
    )
    assert shown["Http"] == {"HttpURL": "http://x/", "HttpMethod": "GET", "HttpStatus": 503}
    assert shown["EntryPoint"]["Name"] == "client"
    assert {(service["Name"], service["Type"]) for service in shown["ServiceIds"]} == {
        ("client", None),
        ("f", "AWS::Lambda"),
    }
    assert shown["Annotations"]["order"] == [{"AnnotationValue": {"NumberValue": 7.0}}]
    assert shown["Annotations"]["gift"] == [{"AnnotationValue": {"BooleanValue": True}}]


def test_a_trace_with_something_in_progress_is_partial() -> None:
    assert summary(trace_of(segment(1, in_progress=True, end_time=None)))["IsPartial"]
