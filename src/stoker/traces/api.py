"""X-Ray's operations that Stoker has: sending segments and reading traces. The rest are refused by name."""

from stoker.clock import Clock
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.traces.collector import TraceCollector
from stoker.traces.documents import BadSegmentError, segment_of
from stoker.traces.errors import invalid_request
from stoker.traces.kept_traces import KeptTraces, Trace
from stoker.traces.views import documents, summary

DOCUMENTS_MAX = 50  # of one PutTraceSegments
PAGE_SIZE = 100


class TracesApi:
    """Its operations by their names."""

    def __init__(self, collector: TraceCollector, kept: KeptTraces, clock: Clock) -> None:
        self._collector = collector
        self._kept = kept
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "PutTraceSegments": self.put_trace_segments,
            "GetTraceSummaries": self.get_trace_summaries,
            "BatchGetTraces": self.batch_get_traces,
        }

    async def put_trace_segments(self, call: ApiCall) -> ApiAnswer:
        sent = call.members["TraceSegmentDocuments"]
        if len(sent) > DOCUMENTS_MAX:
            raise invalid_request(f"At most {DOCUMENTS_MAX} segment documents fit into one call.")
        segments, refused = [], []
        for document in sent:
            try:
                segments.append(segment_of(call.caller.account_id, call.caller.region, document))
            except BadSegmentError as error:
                refused.append({"Id": error.segment_id or None, "ErrorCode": error.code, "Message": error.message})
        self._collector.put(segments)
        return ApiAnswer({"UnprocessedTraceSegments": refused})

    async def get_trace_summaries(self, call: ApiCall) -> ApiAnswer:
        """By when traces began, in pages. Sampling is for more traces than a node keeps: never done."""
        members = call.members
        if members.get("FilterExpression"):
            raise invalid_request("Stoker does not support FilterExpression yet. See docs/compatibility.md.")
        if members["EndTime"] < members["StartTime"]:
            raise invalid_request("The end of the time range lies before its start.")
        await self._collector.flush()
        traces = self._kept.between(
            call.caller.account_id, call.caller.region, members["StartTime"], members["EndTime"]
        )
        after = _position(members.get("NextToken"))
        rest = [trace for trace in traces if (trace.start_s, trace.id) > after]
        page = rest[:PAGE_SIZE]
        return ApiAnswer(
            {
                "TraceSummaries": [summary(trace) for trace in page],
                "ApproximateTime": self._clock.now_s(),
                "TracesProcessedCount": len(page),
                "NextToken": _token(page[-1]) if len(rest) > PAGE_SIZE else None,
            }
        )

    async def batch_get_traces(self, call: ApiCall) -> ApiAnswer:
        await self._collector.flush()
        caller = call.caller
        found, missing = [], []
        for trace_id in call.members["TraceIds"]:
            trace = self._kept.find(caller.account_id, caller.region, trace_id)
            if trace is None:
                missing.append(trace_id)
            else:
                found.append(_whole(trace))
        return ApiAnswer({"Traces": found, "UnprocessedTraceIds": missing})


def _whole(trace: Trace) -> dict[str, object]:
    return {
        "Id": trace.id,
        "Duration": round(trace.end_s - trace.start_s, 3),
        "LimitExceeded": trace.is_full,
        "Segments": documents(trace),
    }


def _token(trace: Trace) -> str:
    """Where a page ended: the traces of the next one come after it."""
    return f"{trace.start_s!r} {trace.id}"


def _position(token: str | None) -> tuple[float, str]:
    if not token:
        return float("-inf"), ""
    start, _, trace_id = token.partition(" ")
    try:
        return float(start), trace_id
    except ValueError:
        raise invalid_request("The NextToken is not one of ours.") from None
