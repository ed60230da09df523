"""Traces as X-Ray shows them: summaries, and documents with the subsegments in their places. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stoker.traces.kept_traces import Trace

_OF_ITS_OWN = ("type", "parent_id", "trace_id")
# How many documents one may be placed below another.
CHAIN_MAX = 8


def summary(trace: Trace) -> dict[str, Any]:
    """The trace as a member of GetTraceSummaries' answer."""
    documents = [json.loads(segment.document) for segment in trace.segments.values()]
    ids = trace.segments.keys()
    roots = [document for document in documents if document.get("parent_id") not in ids]
    root = min(roots or documents, key=lambda document: document["start_time"])
    segments = [document for document in documents if document.get("type") != "subsegment"]
    response_s = root["end_time"] - root["start_time"] if "end_time" in root else None
    return {
        "Id": trace.id,
        "StartTime": trace.start_s,
        "Duration": round(trace.end_s - trace.start_s, 3),
        "ResponseTime": None if response_s is None else round(response_s, 3),
        "HasFault": any(document.get("fault") is True for document in segments),
        "HasError": any(document.get("error") is True for document in segments),
        "HasThrottle": any(document.get("throttle") is True for document in segments),
        "IsPartial": any("end_time" not in document for document in documents),
        "Http": _http(root),
        "Annotations": _annotations(documents),
        "ServiceIds": _services(segments, trace),
        "EntryPoint": next(iter(_services([root], trace)), None),
        "ResourceARNs": [{"ARN": arn} for arn in dict.fromkeys(_texts(segments, "resource_arn"))],
    }


def documents(trace: Trace) -> list[dict[str, str]]:
    """Id and document of each segment; subsegments that came by themselves stand in the segment they belong to."""
    whole = {segment.id: json.loads(segment.document) for segment in trace.segments.values()}
    places = {place.document["id"]: place for document in whole.values() for place in _places(document)}
    placed = {segment_id for segment_id in whole if _has_place(segment_id, whole, places)}
    for segment_id in placed:
        document = whole[segment_id]
        parent = places[document["parent_id"]].document
        for name in _OF_ITS_OWN:
            document.pop(name, None)
        parent["subsegments"] = [*_subsegments(parent), document]
    return [
        {"Id": segment_id, "Document": json.dumps(document, separators=(",", ":"))}
        for segment_id, document in whole.items()
        if segment_id not in placed
    ]


@dataclass(frozen=True, slots=True)
class _Place:
    """A segment or subsegment, and the id of the document that it came in."""

    document: dict[str, Any]
    came_in: str


def _places(document: dict[str, Any]) -> Iterator[_Place]:
    level = [document]
    while level:  # it ends: the depth of documents is bounded
        yield from (_Place(inner, document["id"]) for inner in level if isinstance(inner.get("id"), str))
        level = [inner for outer in level for inner in _subsegments(outer)]


def _has_place(segment_id: str, whole: Mapping[str, dict[str, Any]], places: Mapping[str, _Place]) -> bool:
    """Whether what it belongs to is there, a few documents up at most: hostile ones may go in circles."""
    for step in range(CHAIN_MAX):
        document = whole[segment_id]
        place = places.get(_text(document.get("parent_id")))
        if document.get("type") != "subsegment" or place is None:
            return step > 0
        segment_id = place.came_in
    return False


def _subsegments(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    inner = document.get("subsegments")
    return [part for part in inner if isinstance(part, dict)] if isinstance(inner, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _http(root: Mapping[str, Any]) -> dict[str, Any]:
    http = root.get("http")
    request, response = (_mapping(_mapping(http).get(part)) for part in ("request", "response"))
    status = response.get("status")
    members = {
        "HttpURL": request.get("url"),
        "HttpMethod": request.get("method"),
        "UserAgent": request.get("user_agent"),
        "ClientIp": request.get("client_ip"),
    }
    shown: dict[str, Any] = {name: value for name, value in members.items() if isinstance(value, str)}
    return shown | ({"HttpStatus": status} if isinstance(status, int) else {})


def _annotations(found: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    shown: dict[str, list[dict[str, Any]]] = {}
    for document in found:
        for name, value in _mapping(document.get("annotations")).items():
            match value:
                case bool():
                    typed: dict[str, Any] = {"BooleanValue": value}
                case int() | float():
                    typed = {"NumberValue": float(value)}
                case str():
                    typed = {"StringValue": value}
                case _:
                    continue
            entry = {"AnnotationValue": typed}
            if entry not in shown.setdefault(name, []):
                shown[name].append(entry)
    return shown


def _services(segments: list[dict[str, Any]], trace: Trace) -> list[dict[str, Any]]:
    account_id = next(iter(trace.segments.values())).account_id
    services = {(segment["name"], segment.get("origin")) for segment in segments}
    return [
        {"Name": name, "Names": [name], "AccountId": account_id, "Type": origin if isinstance(origin, str) else None}
        for name, origin in sorted(services, key=str)
    ]


def _texts(found: list[dict[str, Any]], name: str) -> list[str]:
    return [document[name] for document in found if isinstance(document.get(name), str)]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
