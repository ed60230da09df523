"""The two segments of a sampled invocation."""

import json
from typing import Any

import pytest

from stoker.traces.documents import segment_of
from stoker.traces.error_cause import CAUSE_BYTES_MAX, cropped
from stoker.traces.invocation_trace import sampled_trace
from stoker.traces.platform_segments import platform_segments
from stoker.traces.records import InvocationTrace, SampledRun
from tests.traces.segments import ACCOUNT, REGION, TRACE_ID

PARENT = "53995c3f42cd8ad8"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


def run(trace: InvocationTrace, **changes: object) -> SampledRun:
    members = {
        "trace": trace,
        "account_id": ACCOUNT,
        "region": REGION,
        "function_name": "f",
        "function_arn": ARN,
        "request_id": "r1",
        "began_s": 10.0,
        "answered_s": 11.0,
        "ended_s": 11.5,
    }
    return SampledRun(**{**members, **changes})  # type: ignore[arg-type]


def documents(run: SampledRun) -> list[dict[str, object]]:
    segments = platform_segments(run)
    for segment in segments:
        assert segment_of(ACCOUNT, REGION, segment.document) == segment
    return [json.loads(segment.document) for segment in segments]


@pytest.mark.parametrize(
    ("header", "parent", "rest"),
    [
        (f"Root={TRACE_ID};Parent={PARENT};Sampled=1", PARENT, ""),
        (f"Root={TRACE_ID};Sampled=1", "", ""),
        (f"Root={TRACE_ID};Parent={PARENT};Sampled=1;Lineage=0123abcd:1", PARENT, ";Lineage=0123abcd:1"),
    ],
)
def test_the_handlers_segments_go_below_the_functions_which_goes_below_the_services(
    header: str, parent: str, rest: str
) -> None:
    trace = sampled_trace(header)
    assert trace is not None
    assert trace.handler_header == f"Root={TRACE_ID};Parent={trace.function_segment_id};Sampled=1{rest}"
    service, function = documents(run(trace))
    assert service.get("parent_id", "") == parent
    assert function["parent_id"] == service["id"] == trace.service_segment_id
    assert function["id"] == trace.function_segment_id


def test_a_restore_is_a_part_of_the_call_that_waited_for_it() -> None:
    service, function = documents(run(InvocationTrace(TRACE_ID, "", "a" * 16, "b" * 16), restore=(9.8, 9.9)))
    assert service["start_time"] == function["start_time"] == 9.8
    parts = function["subsegments"]
    assert isinstance(parts, list)
    assert [part["name"] for part in parts] == ["Restore", "Invocation", "Overhead"]


def test_what_is_not_sampled_has_no_trace() -> None:
    assert sampled_trace(f"Root={TRACE_ID};Parent={PARENT};Sampled=0") is None


def test_the_segments_tell_what_aws_tells() -> None:
    service, function = documents(run(InvocationTrace(TRACE_ID, "", "a" * 16, "b" * 16), init=(9.0, 9.5)))
    assert service == {
        "id": "a" * 16,
        "trace_id": TRACE_ID,
        "name": "f",
        "start_time": 9.0,
        "end_time": 11.5,
        "origin": "AWS::Lambda",
        "resource_arn": ARN,
        "http": {"response": {"status": 200}},
        "aws": {"request_id": "r1"},
    }
    parts = function.pop("subsegments")
    assert isinstance(parts, list)
    assert [(part["name"], part["start_time"], part["end_time"]) for part in parts] == [
        ("Initialization", 9.0, 9.5),
        ("Invocation", 10.0, 11.0),
        ("Overhead", 11.0, 11.5),
    ]
    assert function["origin"] == "AWS::Lambda::Function"
    assert function["aws"] == {"account_id": ACCOUNT, "function_arn": ARN, "resource_names": ["f"]}


@pytest.mark.parametrize(
    ("cause", "kept"),
    [
        ({"paths": ["a" * 70_000], "exceptions": [{"stack": [{"line": 1}]}]}, {"stack": [{"line": 1}]}),
        ({"exceptions": [{"message": "m", "type": "T", "stack": ["a" * 70_000]}]}, {"message": "m", "type": "T"}),
        ({"exceptions": [{"message": "m" * 5_000}] * 100}, {"message": "m" * 4_096}),
        ({"message": "m", "working_directory": "/"}, None),
    ],
)
def test_of_a_cause_64_kilobytes_are_kept(cause: dict[str, Any], kept: dict[str, Any] | None) -> None:
    """Reference: runtime side, 2.3."""
    left = cropped(cause)
    assert len(json.dumps(left, separators=(",", ":"))) <= CAUSE_BYTES_MAX
    assert left == cause if kept is None else left["exceptions"][0] == kept


@pytest.mark.parametrize(
    ("error", "cause", "kind", "message"),
    [
        (b'{"errorMessage":"no","errorType":"ValueError"}', b"", "ValueError", "no"),
        (b'{"errorMessage":"no"}', b'{"exceptions":[{"type":"KeyError","message":"k"}],"paths":[]}', "KeyError", "k"),
        (b'{"errorMessage":"\\ud800"}', b"", "", "?"),
        (b"not json", b"[" * 100_000, "", ""),
    ],
)
def test_a_failure_is_a_fault_with_its_cause(error: bytes, cause: bytes, kind: str, message: str) -> None:
    trace = InvocationTrace(TRACE_ID, "", "a" * 16, "b" * 16)
    service, function = documents(run(trace, error_document=error, xray_cause=cause))
    assert service["fault"] is function["fault"] is True
    exception = function["cause"]["exceptions"][0]  # type: ignore[index]
    assert (exception["type"], exception["message"]) == (kind, message)
    assert len(exception["id"]) == 16
