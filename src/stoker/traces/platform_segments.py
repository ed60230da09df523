"""The two segments that Lambda itself adds to the trace of a sampled invocation: the service's and the function's.

Pure, but for drawing ids. Members: X-Ray developer guide, "Segment documents" and "AWS Lambda and X-Ray".
"""

import json
import secrets
from typing import Any

from stoker.traces.error_cause import cropped
from stoker.traces.records import SampledRun, Segment


def platform_segments(run: SampledRun) -> list[Segment]:
    """The service's segment, and below it the function's."""
    began_s = min((run.began_s, *(phase[0] for phase in (run.init, run.restore) if phase is not None)))
    return [_segment(run, began_s, _service(run)), _segment(run, began_s, _function(run))]


def _segment(run: SampledRun, began_s: float, members: dict[str, Any]) -> Segment:
    document = {
        "id": members.pop("id"),
        "trace_id": run.trace.trace_id,
        "name": run.function_name,
        "start_time": began_s,
        "end_time": run.ended_s,
        **members,
    }
    if run.error_document is not None:
        document["fault"] = True
    # A handler's message may hold half a surrogate pair, which has no bytes.
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace").decode()
    return Segment(run.account_id, run.region, run.trace.trace_id, document["id"], began_s, run.ended_s, text)


def _service(run: SampledRun) -> dict[str, Any]:
    parent = {"parent_id": run.trace.parent_id} if run.trace.parent_id else {}
    return {
        "id": run.trace.service_segment_id,
        **parent,
        "origin": "AWS::Lambda",
        "resource_arn": run.function_arn,
        "http": {"response": {"status": 200}},
        "aws": {"request_id": run.request_id},
    }


def _function(run: SampledRun) -> dict[str, Any]:
    parts = [("Invocation", run.began_s, run.answered_s), ("Overhead", run.answered_s, run.ended_s)]
    if run.init is not None:
        parts.insert(0, ("Initialization", *run.init))
    if run.restore is not None:
        parts.insert(0, ("Restore", *run.restore))
    members: dict[str, Any] = {
        "id": run.trace.function_segment_id,
        "parent_id": run.trace.service_segment_id,
        "origin": "AWS::Lambda::Function",
        "aws": {
            "account_id": run.account_id,
            "function_arn": run.function_arn,
            "resource_names": [run.function_name],
        },
        "subsegments": [_subsegment(run, *part) for part in parts],
    }
    if run.error_document is not None:
        members["cause"] = _cause(run.error_document, run.xray_cause)
    return members


def _subsegment(run: SampledRun, name: str, start_s: float, end_s: float) -> dict[str, Any]:
    failed = {"fault": True} if name == "Invocation" and run.error_document is not None else {}
    aws = {"function_arn": run.function_arn}
    return {"id": secrets.token_hex(8), "name": name, "start_time": start_s, "end_time": end_s, **failed, "aws": aws}


def _cause(error_document: bytes, xray_cause: bytes) -> dict[str, Any]:
    """What the runtime told X-Ray; if it told nothing, what it told the caller."""
    told = cropped(_object(xray_cause))
    if told:
        exceptions = told.get("exceptions")
        for exception in exceptions if isinstance(exceptions, list) else []:
            if isinstance(exception, dict):
                exception.setdefault("id", secrets.token_hex(8))
        return told
    error = _object(error_document)
    exception = {
        "id": secrets.token_hex(8),
        "message": str(error.get("errorMessage", "")),
        "type": str(error.get("errorType", "")),
    }
    return {"exceptions": [exception]}


def _object(document: bytes) -> dict[str, Any]:
    try:
        members = json.loads(document) if document else {}
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}
