"""The node's memory of traces is bounded, and so is each trace."""

from stoker.traces.kept_traces import OVERHEAD_BYTES, TRACE_BYTES_MAX, KeptTraces
from tests.traces.segments import ACCOUNT, REGION, TRACE_ID, document, segment


def trace_id(number: int) -> str:
    return f"1-{number:08x}-{number:024x}"


def test_a_segment_that_ends_takes_the_place_of_itself_in_progress() -> None:
    kept = KeptTraces()
    kept.offer([segment(1, in_progress=True, end_time=None)])
    kept.offer([segment(1), segment(2, start_time=999.0)])
    trace = kept.find(ACCOUNT, REGION, TRACE_ID)
    assert trace is not None
    assert [s.end_s for s in trace.segments.values()] == [1001.5, 1001.5]
    assert (trace.start_s, trace.end_s) == (999.0, 1001.5)


def test_the_oldest_trace_makes_room() -> None:
    size = len(document(1, trace_id=trace_id(1))) + OVERHEAD_BYTES
    kept = KeptTraces(bytes_max=3 * size)
    for number in range(1, 6):
        kept.offer([segment(1, trace_id=trace_id(number))])
    assert [kept.find(ACCOUNT, REGION, trace_id(number)) is not None for number in range(1, 6)] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_a_trace_without_end_stops_growing_and_says_so() -> None:
    kept = KeptTraces()
    for number in range(2000):
        kept.offer([segment(number)])
    trace = kept.find(ACCOUNT, REGION, TRACE_ID)
    assert trace is not None
    assert trace.is_full
    assert trace.bytes <= TRACE_BYTES_MAX


def test_traces_are_found_by_when_they_began_in_their_own_account_and_region() -> None:
    kept = KeptTraces()
    for number in (3, 1, 2):
        kept.offer([segment(1, trace_id=trace_id(number), start_time=float(number))])
    assert [trace.id for trace in kept.between(ACCOUNT, REGION, 1.0, 2.0)] == [trace_id(1), trace_id(2)]
    assert kept.between(ACCOUNT, "us-east-1", 0.0, 9.0) == []
