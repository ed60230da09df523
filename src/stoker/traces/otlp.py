"""Sends segments on as spans of OpenTelemetry: OTLP over HTTP with JSON.

Sources: OpenTelemetry protocol specification (1.x, "OTLP/HTTP", "JSON Protobuf Encoding") and semantic conventions.
"""

import asyncio
import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from stoker.traces.records import Segment
from stoker.traces.sending import SendError

TIME_LIMIT_S = 5.0
DEPTH_MAX = 64
_INTERNAL, _SERVER, _CLIENT = 1, 2, 3
_STATUS_ERROR = 2


class OtlpExport:
    """One such receiver."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint` is a base URL such as `http://127.0.0.1:4318`."""
        self._url = urlsplit(endpoint.rstrip("/") + "/v1/traces")

    async def send(self, segments: Sequence[Segment]) -> None:
        """Segments in progress are left out: they come again when they have ended. Raises SendError."""
        body = otlp_document([segment for segment in segments if segment.end_s is not None])
        if body["resourceSpans"]:
            await asyncio.to_thread(self._post, json.dumps(body, separators=(",", ":")).encode())

    def _post(self, body: bytes) -> None:
        url = self._url
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.hostname or "", url.port, timeout=TIME_LIMIT_S)
        try:
            connection.request("POST", url.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read(1 << 16)
        except (OSError, http.client.HTTPException) as error:
            raise SendError(f"{url.geturl()} cannot be reached: {error}") from error
        finally:
            connection.close()
        if answer.status // 100 != 2:
            raise SendError(f"{url.geturl()} answered {answer.status}")


def otlp_document(segments: Sequence[Segment]) -> dict[str, Any]:
    """An ExportTraceServiceRequest; each segment is a resource of its own with its spans."""
    return {"resourceSpans": [_resource_spans(segment) for segment in segments]}


def _resource_spans(segment: Segment) -> dict[str, Any]:
    document = json.loads(segment.document)
    resource = {
        "service.name": document["name"],
        "cloud.provider": "aws",
        "cloud.account.id": segment.account_id,
        "cloud.region": segment.region,
    }
    spans = [_span(segment, *found) for found in _all_spans(document)]
    return {
        "resource": {"attributes": _attributes(resource)},
        "scopeSpans": [{"scope": {"name": "stoker"}, "spans": spans}],
    }


def _all_spans(document: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str, int]]:
    """(document, id of its parent, kind) of a segment and all subsegments in it that have ended."""
    is_part = document.get("type") == "subsegment"
    level = [(document, _text(document.get("parent_id")), _kind(document) if is_part else _SERVER)]
    for _ in range(DEPTH_MAX):
        yield from level
        level = [
            (inner, outer["id"], _kind(inner))
            for outer, _, _ in level
            for inner in _list(outer.get("subsegments"))
            if _is_whole(inner)
        ]


def _is_whole(document: object) -> bool:
    return (
        isinstance(document, dict)
        and all(isinstance(document.get(name), str) for name in ("id", "name"))
        and all(isinstance(document.get(name), int | float) for name in ("start_time", "end_time"))
    )


def _kind(subsegment: Mapping[str, Any]) -> int:
    return _CLIENT if subsegment.get("namespace") in ("aws", "remote") else _INTERNAL


def _span(segment: Segment, document: Mapping[str, Any], parent_id: str, kind: int) -> dict[str, Any]:
    has_failed = any(document.get(name) is True for name in ("fault", "error", "throttle"))
    return {
        "traceId": segment.trace_id.replace("-", "")[1:],
        "spanId": document["id"],
        **({"parentSpanId": parent_id} if parent_id else {}),
        "name": document["name"],
        "kind": kind,
        "startTimeUnixNano": str(int(document["start_time"] * 1e9)),
        "endTimeUnixNano": str(int(document["end_time"] * 1e9)),
        "attributes": _attributes(_facts(document)),
        **({"status": {"code": _STATUS_ERROR}} if has_failed else {}),
    }


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    aws, http_members = document.get("aws"), document.get("http")
    facts: dict[str, Any] = {}
    if isinstance(aws, dict):
        facts["faas.invocation_id"] = aws.get("request_id")
    if isinstance(http_members, dict) and isinstance(http_members.get("response"), dict):
        facts["http.response.status_code"] = http_members["response"].get("status")
    facts["cloud.resource_id"] = document.get("resource_arn")
    facts["aws.xray.origin"] = document.get("origin")
    annotations = document.get("annotations")
    return facts | (annotations if isinstance(annotations, dict) else {})


def _attributes(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    attributes = []
    for name, value in facts.items():
        match value:
            case bool():
                typed: dict[str, Any] = {"boolValue": value}
            case int():
                typed = {"intValue": str(value)}
            case float():
                typed = {"doubleValue": value}
            case str():
                typed = {"stringValue": value}
            case _:
                continue
        attributes.append({"key": name, "value": typed})
    return attributes


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
